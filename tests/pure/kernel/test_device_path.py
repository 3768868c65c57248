"""Where a port is plugged in, from files as udev and sysfs have them."""

from pathlib import Path

import pytest

from lbrouter.kernel.objects.link_message import Link
from lbrouter.kernel.read.device_path import device_path

MAC = "02:00:c0:ff:ee:01"
LINK = Link(
    index=7, name="usb0", alias="", kind="", parent=0, tag=0, flags=1, mtu=1500, mac=MAC
)  # fmt: skip


class Machine:
    """A sysfs and udev's database, as far as they are read."""

    def __init__(self, root: Path, device: str, buses: dict[str, str]) -> None:
        self.sysfs, self.udev = root / "sys", root / "udev"
        self.udev.mkdir()
        place = self.sysfs / "devices" / device
        place.mkdir(parents=True)
        for part, bus in buses.items():
            (self.sysfs / "bus" / bus).mkdir(parents=True, exist_ok=True)
            (self.sysfs / "devices" / part / "subsystem").symlink_to(self.sysfs / "bus" / bus)
        net = self.sysfs / "class/net/usb0"
        net.mkdir(parents=True)
        (net / "device").symlink_to(place)
        (net / "ifindex").write_text("7\n")
        (net / "address").write_text(f"{MAC}\n")

    def path(self) -> str:
        return device_path(LINK, sysfs=self.sysfs, udev=self.udev)


STICK = "pci0000:00/0000:00:14.0/usb1/1-2/1-2:1.0"
STICK_BUSES = {
    STICK: "usb",
    "pci0000:00/0000:00:14.0/usb1/1-2": "usb",
    "pci0000:00/0000:00:14.0/usb1": "usb",
    "pci0000:00/0000:00:14.0": "pci",
}


@pytest.mark.parametrize(
    "device, buses, path",
    [
        (STICK, STICK_BUSES, "pci-0000:00:14.0-usb-0:2:1.0"),
        ("pci0000:00/0000:00:1f.6", {"pci0000:00/0000:00:1f.6": "pci"}, "pci-0000:00:1f.6"),
        (
            "pci0000:00/0000:00:03.0/virtio0",
            {"pci0000:00/0000:00:03.0/virtio0": "virtio", "pci0000:00/0000:00:03.0": "pci"},
            "pci-0000:00:03.0",
        ),
        ("platform/a.ethernet", {"platform/a.ethernet": "platform"}, "platform-a.ethernet"),
        ("virtual/thing", {}, ""),
    ],
)  # fmt: skip
def test_the_path_is_made_as_udev_makes_it(
    tmp_path: Path, device: str, buses: dict[str, str], path: str
) -> None:
    assert Machine(tmp_path, device, buses).path() == path


def test_udevs_own_word_counts_first(tmp_path: Path) -> None:
    machine = Machine(tmp_path, STICK, STICK_BUSES)
    (machine.udev / "n7").write_text("E:ID_BUS=usb\nE:ID_PATH=pci-0000:00:14.0-usb-0:9:1.0\n")
    assert machine.path() == "pci-0000:00:14.0-usb-0:9:1.0"


def test_a_sysfs_of_another_namespace_is_not_believed(tmp_path: Path) -> None:
    machine = Machine(tmp_path, STICK, STICK_BUSES)
    (machine.sysfs / "class/net/usb0/address").write_text("02:00:00:00:00:99\n")
    assert machine.path() == ""
