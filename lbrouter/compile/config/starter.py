"""A first configuration from what a machine's ports show: `lbrouter init`. Pure.

The guesses are for an event: uplinks are the ports on which a DHCP server offers an address, the
trunk is the best of the rest. The user can change all of it; each line says what it is for.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv4Network
from typing import Final

from lbrouter.compile.config.starter_names import line_names
from lbrouter.model.errors import UnavailableError
from lbrouter.model.messages.phrase import joined_phrases, phrase
from lbrouter.model.units import Rate

MAX_STARTER_UPLINKS: Final = 15
VLAN_ADDRESS_BASES: Final = ("10.10", "10.77", "172.20", "192.168")
"""Where the VLANs' addresses begin: the first that no line is in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectedPort:
    """A network port as found. `dhcp_offer` is the address that a DHCP server would give it."""

    name: str
    mac: str = ""
    driver: str = ""
    carrier: bool = False
    speed_mbit: int | None = None
    dhcp_offer: IPv4Interface | None = None
    system_address: IPv4Interface | None = None
    """The address that the system gave it, if a default route uses this port."""

    @property
    def looks_like_uplink(self) -> bool:
        """Whether an internet line seems to be connected."""
        return self.dhcp_offer is not None or self.system_address is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class UplinkDraft:
    """An uplink of the new file. A rate that is not known yet is None."""

    name: str
    port: str
    external: bool = False
    upload: Rate | None = None
    download: Rate | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StarterAnswers:
    """All choices that the file depends on."""

    name: str
    uplinks: tuple[UplinkDraft, ...]
    trunk: str
    address_base: str = VLAN_ADDRESS_BASES[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class VlanTemplate:
    """A VLAN of an event: its tag, prefix length, policy, and its share of the lines in percent."""

    name: str
    tag: int
    comment: str
    policy: str
    priority: int
    share_percent: int
    prefix_length: int = 24
    lease_time: str = "12h"
    extra_toml: str = ""


VLAN_TEMPLATES: Final = (
    VlanTemplate(
        name="stream",
        tag=10,
        comment="encoders: the live stream",
        policy="show",
        priority=1,
        share_percent=40,
    ),
    VlanTemplate(
        name="presenters",
        tag=20,
        comment="the stage: slides, video calls",
        policy="show",
        priority=2,
        share_percent=10,
    ),
    VlanTemplate(
        name="crew",
        tag=30,
        comment="the crew's own machines",
        policy="spread",
        priority=3,
        share_percent=10,
    ),
    VlanTemplate(
        name="guests",
        tag=40,
        comment="the hall: wireless for everybody",
        policy="spread",
        priority=5,
        share_percent=10,
        prefix_length=22,
        lease_time="2h",
    ),
    VlanTemplate(
        name="playback",
        tag=60,
        comment="players and media servers",
        policy="show",
        priority=2,
        share_percent=10,
    ),
    VlanTemplate(
        name="desk",
        tag=99,
        comment="from here the gateway is managed",
        policy="spread",
        priority=4,
        share_percent=5,
        extra_toml="manage   = true            # may reach SSH of the gateway; no other VLAN may\n"
        'reach    = ["stream", "playback", "crew", "presenters"]\n',
    ),
)


def guess_answers(ports: Sequence[DetectedPort], *, name: str) -> StarterAnswers:
    """Which ports are uplinks, which is the trunk. UnavailableError with fewer than two ports."""
    if len(ports) < 2:
        there = ", ".join(port.name for port in ports) or phrase("none")
        raise UnavailableError(
            phrase(
                "A gateway needs two network ports at least; this machine has {ports}.", ports=there
            ),
            remedy="Plug in a USB network adapter, or look with `ip link` what the kernel found.",
        )
    lines = [port for port in ports if port.looks_like_uplink] or list(ports[:2])
    others = [port for port in ports if port not in lines] or [lines.pop()]
    trunk = max(others, key=lambda port: (port.carrier, port.speed_mbit or 0))
    return StarterAnswers(
        name=name,
        uplinks=uplinks_on([port for port in lines if port is not trunk]),
        trunk=trunk.name,
        address_base=_free_address_base(ports),
    )


def uplinks_on(ports: Sequence[DetectedPort]) -> tuple[UplinkDraft, ...]:
    """The uplinks of these ports, in their order, named after what is plugged in."""
    chosen = ports[:MAX_STARTER_UPLINKS]
    names = line_names((port.name, port.driver) for port in chosen)
    return tuple(
        UplinkDraft(name=name, port=port.name, external=port.system_address is not None)
        for name, port in zip(names, chosen, strict=True)
    )


def _free_address_base(ports: Sequence[DetectedPort]) -> str:
    """The first range that none of the lines' own subnets touches: networks may not overlap."""
    taken = [
        address.network
        for port in ports
        for address in (port.dhcp_offer, port.system_address)
        if address
    ]
    for base in VLAN_ADDRESS_BASES:
        wide = IPv4Network(f"{base}.0.0/16")
        if not any(wide.overlaps(network) for network in taken):
            return base
    return VLAN_ADDRESS_BASES[-1]


def starter_config(answers: StarterAnswers, ports: Sequence[DetectedPort] = ()) -> str:
    """The file, with a comment beside each value that a technician may want to change."""
    return "\n".join(
        [
            "# Written by `lbrouter init`. Then: lbrouter check, lbrouter rehearse.",
            "# Every key: man lbrouter.toml",
            *(f"# {describe_port(port)}" for port in ports),
            "",
            "[gateway]",
            f'name = "{answers.name}"',
            'dns  = ["1.1.1.1", "9.9.9.9"]',
            *(text for line in answers.uplinks for text in _uplink(line)),
            "",
            "[lan]",
            f'trunk = "{answers.trunk}"               # to the switch; carries the tagged VLANs',
            *(text for room in VLAN_TEMPLATES for text in _vlan(room, answers)),
            *_policies(answers),
            "",
        ]
    )


def describe_port(port: DetectedPort) -> str:
    """A description of a port, on one line."""
    facts = (
        phrase("cable plugged in") if port.carrier else phrase("no cable"),
        f"{port.speed_mbit} Mbit/s" if port.speed_mbit else "",
        phrase("a DHCP server offers {offer}", offer=port.dhcp_offer) if port.dhcp_offer else "",
        phrase("the system gave it {address}", address=port.system_address)
        if port.system_address
        else "",
    )
    who = (port.driver or phrase("unknown driver"), port.mac)
    return phrase(
        "{port} ({who}): {facts}",
        port=port.name,
        who=joined_phrases(", ", filter(None, who)),
        facts=joined_phrases(", ", filter(None, facts)),
    )


def _uplink(uplink: UplinkDraft) -> Iterator[str]:
    yield from ("", f"[uplinks.{uplink.name}]", f'interface = "{uplink.port}"')
    if uplink.external:
        yield 'address   = "external"         # the system configures this port; lbrouter watches'
    else:
        yield '# or "203.0.113.2/30" with gateway = "203.0.113.1", or "pppoe"'
        yield 'address   = "dhcp"'
    for key, rate in (("upload", uplink.upload), ("download", uplink.download)):
        known = f'"{rate}"' if rate else '"20mbit"'
        hint = "" if rate else f"   # what the line really carries: lbrouter measure {uplink.name}"
        yield f"{'' if rate else '# '}{key:<9} = {known}{hint}"


def _vlan(template: VlanTemplate, answers: StarterAnswers) -> Iterator[str]:
    address = IPv4Interface(f"{answers.address_base}.{template.tag}.1/{template.prefix_length}")
    # All but the first twenty addresses, which are left for machines with fixed addresses.
    network = address.network
    first, last = network.network_address + 20, network.broadcast_address - 5
    yield from ("", f"[vlans.{template.name}]               # {template.comment}")
    yield f"id       = {template.tag}"
    yield f'address  = "{address}"'
    yield f'policy   = "{template.policy}"'
    yield f"priority = {template.priority}"
    yield from template.extra_toml.splitlines()
    for key in ("upload", "download"):
        # A guarantee that the slowest line alone can keep. A line without a rate keeps
        # none, so where none has one it is a comment.
        rates = {line.name: getattr(line, key) for line in answers.uplinks}
        known = [rate for rate in rates.values() if rate]
        if not known:
            guarantee = (
                f'# {key:<8} = {{ guaranteed = "1mbit" }}   # once a line has its {key} rate'
            )
        else:
            unknown = ", ".join(name for name, rate in rates.items() if not rate)
            hint = f"   # not on {unknown}: no {key} rate yet" if unknown else ""
            least = Rate(min(known) * template.share_percent // 100)
            guarantee = f'{key:<8} = {{ guaranteed = "{least}" }}{hint}'
        yield guarantee
    yield f'dhcp     = {{ range = "{first}-{last}", lease = "{template.lease_time}" }}'


def lines_without_rates(answers: StarterAnswers) -> tuple[str, ...]:
    """The lines on which no guarantee can hold yet: a rate of theirs is not known."""
    return tuple(line.name for line in answers.uplinks if not (line.upload and line.download))


def _policies(answers: StarterAnswers) -> Iterator[str]:
    names = [line.name for line in answers.uplinks]
    listed = ", ".join(f'"{name}"' for name in names)
    yield from ("", "[policies.show]                # one line at a time, the first healthy one")
    yield from ('mode     = "failover"', f"uplinks  = [{listed}]")
    yield 'tolerate = { loss = "2%", latency = "150ms", jitter = "40ms" }'
    yield from ("", "[policies.spread]              # everybody over all lines")
    yield 'mode     = "balance"'
    if any(line.upload is None for line in answers.uplinks):
        weights = ", ".join(f"{name} = 1" for name in names)
        yield f"weights  = {{ {weights} }}   # without: in proportion to the upload rates"
    else:
        yield f"uplinks  = [{listed}]      # in proportion to their upload rates"
    yield 'sticky   = "10m"               # how long a client keeps its line after its last flow'
