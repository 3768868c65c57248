"""What the installed package contains."""

import zipfile
from pathlib import Path

from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[2]


def test_the_wheel_holds_rulesets_license_and_command(tmp_path: Path) -> None:
    built = next(WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"]))
    with zipfile.ZipFile(built) as wheel:
        names = set(wheel.namelist())
        entry_points = next(name for name in names if name.endswith("entry_points.txt"))
        assert "lbrouter = lbrouter.cli.main:main" in wheel.read(entry_points).decode()
    rulesets = {f"lbrouter/{path.relative_to(ROOT)}" for path in (ROOT / "rulesets").rglob("*.nft")}
    assert rulesets
    assert rulesets <= names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert {name.split("/")[0] for name in names} == {
        "lbrouter",
        f"{Path(built).name.split('-py3')[0]}.dist-info",
    }
