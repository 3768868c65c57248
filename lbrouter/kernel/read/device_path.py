"""Where a port is plugged in: the path that udev calls ID_PATH, "pci-0000:00:14.0-usb-0:2:1.0".

udev's own word counts where it is known. Else the same is made from the devices above the port in
sysfs, as udev's builtin path_id makes it.
"""

from pathlib import Path
from typing import Final

from lbrouter.kernel.objects.link_message import Link

SYSFS: Final = Path("/sys")
UDEV_DATABASE: Final = Path("/run/udev/data")
ID_PATH_KEY: Final = "E:ID_PATH="


def device_path(link: Link, *, sysfs: Path = SYSFS, udev: Path = UDEV_DATABASE) -> str:
    """The path of a port; "" where nothing tells it, or sysfs is of another network namespace."""
    place = sysfs / "class/net" / link.name
    shown = (_read(place / "ifindex"), _read(place / "address"))
    if shown != (str(link.index), link.mac) or not (place / "device").exists():
        return ""
    return _udev_path(udev / f"n{link.index}") or "-".join(
        _path_parts((place / "device").resolve())
    )


def _udev_path(record: Path) -> str:
    """What udev has saved of the port."""
    lines = _read(record).splitlines()
    return next(
        (line.removeprefix(ID_PATH_KEY) for line in lines if line.startswith(ID_PATH_KEY)), ""
    )


def _path_parts(device: Path) -> list[str]:
    """The parts of the path, from the outermost bus to the port's own device.

    Of the USB devices in a row the one next to the port alone counts; the bus that a part is told
    of in full (PCI, platform) ends the path.
    """
    parts: list[str] = []
    seen_usb = False
    for place in (device, *device.parents):
        bus = (place / "subsystem").resolve().name if (place / "subsystem").exists() else ""
        if bus == "usb" and not seen_usb and "-" in place.name:
            seen_usb = True
            parts.insert(0, f"usb-0:{place.name.partition('-')[2]}")
        elif bus in {"pci", "platform"}:
            return [f"{bus}-{place.name}", *parts]
    return []


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
