"""An apply computes the shaping plan and the desired state once; both go through all of it."""

import sys
from collections import Counter
from pathlib import Path
from types import FrameType

import pytest

from lbrouter.compile.shaping.build import build_shaping
from lbrouter.compile.shaping.foreign_qdiscs import ForeignQdiscPolicy
from lbrouter.compile.state.desired import desired_state
from lbrouter.daemon.applier import Applier
from lbrouter.daemon.config_file import parse_config
from lbrouter.daemon.confirm.commit_confirm import CommitConfirm
from lbrouter.kernel.backend import LinuxKernel
from tests.contract.transaction.whole_config import on_kernel
from tests.kit.builders import TWO_LINES

pytestmark = pytest.mark.needs("htb", "nft_nat")

FILE = parse_config(TWO_LINES.encode(), source="file")
CODES = {each.__code__: each.__name__ for each in (build_shaping, desired_state)}


def test_an_apply_computes_each_once(tmp_path: Path) -> None:
    calls: Counter[str] = Counter()

    def count(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call" and frame.f_code in CODES:
            calls[CODES[frame.f_code]] += 1

    async def work(kernel: LinuxKernel) -> None:
        (tmp_path / "run").mkdir()
        applier = Applier(kernel, state_dir=tmp_path / "state", runtime_dir=tmp_path / "run")
        sys.setprofile(count)
        try:
            snapshot = await applier.observe(FILE.config)
            snapshot = snapshot.with_foreign_qdisc_policy(FILE.config, ForeignQdiscPolicy.REFUSE)
            assert await CommitConfirm(applier).apply_to_kernel(snapshot.planned(FILE))
        finally:
            sys.setprofile(None)

    on_kernel(work)
    assert calls == {"build_shaping": 1, "desired_state": 1}
