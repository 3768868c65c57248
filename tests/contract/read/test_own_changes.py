"""Whose change of the nft table it was: ours or another program's, in a container too."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("own_change_program.py")
ROOT = Path(__file__).parents[3]


@pytest.mark.needs("nft")
@pytest.mark.parametrize(
    "wrapper",
    [[], ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]],
    ids=["as the machine counts processes", "in a container"],
)
def test_the_change_of_a_thread_of_ours_is_told_as_our_own(wrapper: list[str]) -> None:
    done = subprocess.run(
        [*wrapper, sys.executable, PROGRAM], env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told == {"this thread": True, "another thread": True, "another program": False}
