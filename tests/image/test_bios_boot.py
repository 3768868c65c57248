"""The same disk in a PC without UEFI."""

from pathlib import Path

import pytest

from tests.image.console import first_login, run_checked
from tests.image.emulated_pc import EmulatedPc, copy_disk

pytestmark = pytest.mark.timeout(1500)


def test_it_starts_by_bios(disk: Path, tmp_path: Path) -> None:
    with EmulatedPc(tmp_path, copy_disk(disk, tmp_path / "disk"), cards=2, uefi=False) as pc:
        first_login(pc, lines=1)
        run_checked(pc, "test ! -e /sys/firmware/efi")
        state = run_checked(pc, "systemctl is-system-running --wait")
        assert state.strip() == "running"
        run_checked(pc, "lbrouter check")
        run_checked(pc, "systemctl start lbrouter")
        assert '"daemon": true' in run_checked(pc, "lbrouter status --json")
    (tmp_path / "disk").unlink()
