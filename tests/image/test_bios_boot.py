"""The same disk in a PC without UEFI."""

from pathlib import Path

import pytest

from tests.image.console import first_login, must
from tests.image.emulated_pc import Computer, copy

pytestmark = pytest.mark.timeout(1500)


def test_it_starts_by_bios(disk: Path, tmp_path: Path) -> None:
    with Computer(tmp_path, copy(disk, tmp_path / "disk"), cards=2, uefi=False) as pc:
        first_login(pc, lines=1)
        must(pc, "test ! -e /sys/firmware/efi")
        state = must(pc, "systemctl is-system-running --wait")
        assert state.strip() == "running"
        must(pc, "lbrouter check")
        must(pc, "systemctl start lbrouter")
        assert '"daemon": true' in must(pc, "lbrouter status --json")
    (tmp_path / "disk").unlink()
