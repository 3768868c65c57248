"""The world around an emulated PC: a venue with a patch panel in the place of its gateway."""

import json
from pathlib import Path

from lbrouter.compile.parse import parse
from lbrouter.model.config import Config
from lbrouter.rehearsal import Style, Venue
from lbrouter.rehearsal.shell import Job
from tests.image.computer import Computer

PANEL = Path(__file__).with_name("panel.py")

EVENT = b"""\
[gateway]
name = "world"
[uplinks.line1]
interface = "wire1"
address   = "dhcp"
[uplinks.line2]
interface = "wire2"
address   = "dhcp"
[lan]
trunk = "trunk"
[vlans.stream]
id      = 10
address = "10.10.10.1/24"
policy  = "show"
[vlans.desk]
id      = 99
address = "10.10.99.1/24"
policy  = "show"
[policies.show]
mode    = "failover"
uplinks = ["line1", "line2"]
"""
"""The lines and two of the VLANs that `lbrouter init` proposes; nothing of it is ever applied."""

TAGS = {"stream": 10, "desk": 99}
CARDS = 3
"""line1, line2 and the trunk, in the order in which the PC names them."""


def event() -> Config:
    """The venue's own floor plan."""
    return parse(EVENT, source="world").config


class World:
    """A venue with DHCP servers at its providers, wired to `computer` in place of a gateway."""

    def __init__(self, computer: Computer) -> None:
        self.computer = computer
        self.venue = Venue.build(event(), style=Style(leases=frozenset({"line1", "line2"})))
        try:
            self.panel = self._wire()
        except BaseException:
            self.venue.close()
            raise

    def close(self) -> None:
        """Remove all of it; the computer is somebody else's."""
        self.venue.close()

    def _wire(self) -> Job:
        gateway, config = self.venue.gateway, self.venue.site.config
        lines = [uplink.interface for uplink in config.uplinks.values()]
        ports = {TAGS[name]: config.device_of(vlan) for name, vlan in config.vlans.items()}
        quiet = "for each in /proc/sys/net/ipv6/conf/*/disable_ipv6; do echo 1 >$each; done\n"
        gateway.script(
            quiet + "".join(f"ip link set {name} up\n" for name in [*lines, *ports.values()])
        )
        self._whole_checksums()
        cards = [{**self.computer.sockets(n), "tags": {0: name}} for n, name in enumerate(lines)]
        cards.append({**self.computer.sockets(len(lines)), "tags": ports})
        panel = gateway.start(
            ["/usr/bin/python3", "-I", "-S", str(PANEL), json.dumps({"cards": cards})]
        )
        panel.line()
        return panel

    def _whole_checksums(self) -> None:
        """The panel needs frames with their checksums: between veth ends they are left open."""
        off = ["tx", "off", "tso", "off", "gso", "off"]
        for isp in self.venue.isps.values():
            isp.check(["ethtool", "-K", "line", *off])
        switch = self.venue.host("switch")
        for number in range(1, len(TAGS) + 1):
            switch.check(["ethtool", "-K", f"port{number}", *off])
