"""A first configuration from what a machine's ports show: `lbrouter init`. Pure.

The guesses are for an event: lines are the ports on which somebody offers an address, the trunk is
the best of the rest. Whoever reads the file can change all of it; each line says what it is for.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Final

from lbrouter.model.errors import UnavailableError
from lbrouter.model.units import Rate

MOST_LINES: Final = 15
BASES: Final = ("10.10", "10.77", "172.20", "192.168")
"""Where the VLANs' addresses begin: the first that no line is in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """A network port as found. `offer` is the address that a DHCP server would give it."""

    name: str
    mac: str = ""
    driver: str = ""
    carrier: bool = False
    speed_mbit: int | None = None
    offer: IPv4Interface | None = None
    configured: IPv4Interface | None = None
    """What the system gave it, where a default route goes by this port."""

    @property
    def leads_out(self) -> bool:
        """Whether an internet line seems to be plugged in."""
        return self.offer is not None or self.configured is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """An uplink of the file to be. A rate that nobody knows yet is None."""

    name: str
    port: str
    external: bool = False
    upload: Rate | None = None
    download: Rate | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """All that the file depends on."""

    name: str
    lines: tuple[Line, ...]
    trunk: str
    base: str = BASES[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """A VLAN of an event: its tag, prefix length, policy, and its share of the lines in percent."""

    name: str
    tag: int
    about: str
    policy: str
    priority: int
    share: int
    prefix: int = 24
    lease: str = "12h"
    extra: str = ""


ROOMS: Final = (
    Room(name="stream", tag=10, about="encoders: the live stream", policy="show",
         priority=1, share=40),
    Room(name="presenters", tag=20, about="the stage: slides, video calls", policy="show",
         priority=2, share=10),
    Room(name="crew", tag=30, about="the crew's own machines", policy="spread",
         priority=3, share=10),
    Room(name="guests", tag=40, about="the hall: wireless for everybody", policy="spread",
         priority=5, share=10, prefix=22, lease="2h"),
    Room(name="playback", tag=60, about="players and media servers", policy="show",
         priority=2, share=10),
    Room(name="desk", tag=99, about="from here the gateway is managed", policy="spread",
         priority=4, share=5,
         extra='manage   = true               # may reach SSH of the gateway; nobody else may\n'
               'reach    = ["stream", "playback", "crew", "presenters"]\n'),
)  # fmt: skip


def guess(ports: Sequence[Port], *, name: str) -> Answers:
    """Who is a line and who the trunk. Raises UnavailableError with fewer than two ports."""
    if len(ports) < 2:
        found = ", ".join(port.name for port in ports) or "none"
        raise UnavailableError(
            f"A gateway needs two network ports at least; this machine shows {found}.",
            remedy="Plug in a USB network adapter, or see with `ip link` what the kernel found.",
        )
    lines = [port for port in ports if port.leads_out] or list(ports[:2])
    others = [port for port in ports if port not in lines] or [lines.pop()]
    trunk = max(others, key=lambda port: (port.carrier, port.speed_mbit or 0))
    return Answers(
        name=name,
        lines=lines_by([port for port in lines if port is not trunk]),
        trunk=trunk.name,
        base=_free_base(ports),
    )


def lines_by(ports: Sequence[Port]) -> tuple[Line, ...]:
    """The uplinks of these ports, in their order: line1, line2 and so on."""
    return tuple(
        Line(name=f"line{number}", port=port.name, external=port.configured is not None)
        for number, port in enumerate(ports[:MOST_LINES], 1)
    )


def _free_base(ports: Sequence[Port]) -> str:
    """The first range that none of the lines' own subnets touches: networks may not overlap."""
    taken = [found.network for port in ports for found in (port.offer, port.configured) if found]
    for base in BASES:
        wide = IPv4Network(f"{base}.0.0/16")
        if not any(wide.overlaps(network) for network in taken):
            return base
    return BASES[-1]


def propose(answers: Answers, ports: Sequence[Port] = ()) -> str:
    """The file, with a comment beside whatever a technician may want to change."""
    return "\n".join(
        [
            *_head(answers, ports),
            *(text for line in answers.lines for text in _uplink(line)),
            *_lan(answers),
            *(text for room in ROOMS for text in _vlan(room, answers)),
            *_policies(answers),
            "",
        ]
    )


def _head(answers: Answers, ports: Sequence[Port]) -> Iterator[str]:
    yield "# Written by `lbrouter init`. Then: lbrouter check, lbrouter rehearse."
    yield "# Every key: man lbrouter.toml"
    for port in ports:
        yield f"# {sight(port)}"
    yield from ("", "[gateway]", f'name = "{answers.name}"', 'dns  = ["1.1.1.1", "9.9.9.9"]')


def sight(port: Port) -> str:
    """What was seen of a port, on one line."""
    cable = "cable plugged in" if port.carrier else "no cable"
    speed = f", {port.speed_mbit} Mbit/s" if port.speed_mbit else ""
    lease = f", a DHCP server offers {port.offer}" if port.offer else ""
    system = f", the system gave it {port.configured}" if port.configured else ""
    who = ", ".join(each for each in (port.driver or "unknown driver", port.mac) if each)
    return f"{port.name} ({who}): {cable}{speed}{lease}{system}"


def _uplink(line: Line) -> Iterator[str]:
    yield from ("", f"[uplinks.{line.name}]", f'interface = "{line.port}"')
    if line.external:
        yield 'address   = "external"         # the system configures this port; lbrouter watches'
    else:
        yield '# or "203.0.113.2/30" with gateway = "203.0.113.1", or "pppoe"'
        yield 'address   = "dhcp"'
    for key, rate in (("upload", line.upload), ("download", line.download)):
        known = f'"{rate}"' if rate else '"20mbit"'
        told = "" if rate else f"   # what the line really carries: lbrouter measure {line.name}"
        yield f"{'' if rate else '# '}{key:<9} = {known}{told}"


def _lan(answers: Answers) -> Iterator[str]:
    yield from ("", "[lan]")
    yield f'trunk = "{answers.trunk}"               # to the switch; carries the tagged VLANs'


def _vlan(room: Room, answers: Answers) -> Iterator[str]:
    address = IPv4Interface(f"{answers.base}.{room.tag}.1/{room.prefix}")
    first, last = _pool(address)
    yield from ("", f"[vlans.{room.name}]               # {room.about}")
    yield f"id       = {room.tag}"
    yield f'address  = "{address}"'
    yield f'policy   = "{room.policy}"'
    yield f"priority = {room.priority}"
    yield from room.extra.splitlines()
    for key in ("upload", "download"):
        yield _share(key, room, [getattr(line, key) for line in answers.lines])
    yield f'dhcp     = {{ range = "{first}-{last}", lease = "{room.lease}" }}'


def _pool(address: IPv4Interface) -> tuple[IPv4Address, IPv4Address]:
    """All but the first twenty addresses, for machines with fixed ones."""
    network = address.network
    return network.network_address + 20, network.broadcast_address - 5


def _share(key: str, room: Room, rates: Sequence[Rate | None]) -> str:
    """A guarantee that the weakest line alone can keep; a comment while rates are unknown."""
    known = [rate for rate in rates if rate]
    if len(known) < len(rates):
        return f'# {key:<8} = {{ guaranteed = "1mbit" }}   # when every line has its {key} rate'
    return f'{key:<8} = {{ guaranteed = "{Rate(min(known) * room.share // 100)}" }}'


def _policies(answers: Answers) -> Iterator[str]:
    names = [line.name for line in answers.lines]
    listed = ", ".join(f'"{name}"' for name in names)
    yield from ("", "[policies.show]                # one line at a time, the first healthy one")
    yield from ('mode     = "failover"', f"uplinks  = [{listed}]")
    yield 'tolerate = { loss = "2%", latency = "150ms", jitter = "40ms" }'
    yield from ("", "[policies.spread]              # everybody over all lines")
    yield 'mode     = "balance"'
    if any(line.upload is None for line in answers.lines):
        weights = ", ".join(f"{name} = 1" for name in names)
        yield f"weights  = {{ {weights} }}   # without: in proportion to the upload rates"
    else:
        yield f"uplinks  = [{listed}]      # in proportion to their upload rates"
    yield 'sticky   = "10m"               # how long a client keeps its line after its last flow'
