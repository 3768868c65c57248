"""Impairments of a provider's line while its carrier stays, as nft text. Pure.

All rules are in tables of the provider's own namespace, so that nothing of it touches the gateway.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from lbrouter.rehearsal.lab.layout import ProviderLine

DELAYED_FWMARK = 0xDE1A
"""Packet mark of a frame that the delay line has sent."""

PORTAL_PORTS = {80: 8080, 443: 8443}
"""Where a captive portal answers in the place of HTTP and HTTPS, on the provider's own address."""

ND_ACCEPT_RULE = "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept"
"""Neighbours stay reachable: without them the link itself would look dead."""


BLACKHOLE_TABLE = "inet dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class Impairment:
    """Loss in percent and delay in milliseconds, one way; names that are not answered; a portal.

    A captive portal lets pings and DNS pass, so that the line looks alive, answers HTTP with a
    redirection and HTTPS with a certificate of its own, and drops everything else.
    """

    loss_up_percent: float = 0
    loss_down_percent: float = 0
    delay_ms: float = 0
    dns_dead: bool = False
    portal: bool = False


def impairment_ruleset(line: ProviderLine, impairment: Impairment) -> str:
    """A script for `nft -f` that leaves exactly the rules for `impairment`; without delay."""
    tables = {"inet impair": list(_filter_chains(impairment))}
    for leg in line.families:
        family = "ip6" if leg.address.version == 6 else "ip"
        tables[f"{family} portal"] = (
            [*_portal_chain(str(leg.public.ip))] if impairment.portal else []
        )
    parts = []
    for name, chains in tables.items():
        parts += [f"table {name}", f"delete table {name}"]
        if chains:
            parts += [f"table {name} {{", *chains, "}"]
    return "\n".join([*parts, ""])


def _filter_chains(impairment: Impairment) -> Iterator[str]:
    ports = [53] if impairment.dns_dead else []
    ways = (
        ("line", "dport", impairment.loss_up_percent),
        ("wan", "sport", impairment.loss_down_percent),
    )
    rules = []
    for interface, side, loss in ways:
        rules += [f'  iifname "{interface}" meta l4proto {{ tcp, udp }} th {side} {port} drop'
                  for port in ports]  # fmt: skip
        if loss:
            chance = f"numgen random mod 10000 < {round(loss * 100)}"
            rules.append(f'  iifname "{interface}" {chance} counter drop')
    if rules:
        yield from (
            " chain lose { type filter hook prerouting priority -400;",
            f"  {ND_ACCEPT_RULE}",
        )
        yield from (*rules, " }")
    if impairment.portal:
        yield from (
            " chain captive { type filter hook forward priority -400;",
            "  meta l4proto { icmp, ipv6-icmp } accept",
            "  meta l4proto { tcp, udp } th dport 53 accept",
            "  meta l4proto { tcp, udp } th sport 53 accept",
            "  counter drop",
            " }",
        )


def _portal_chain(own: str) -> Iterator[str]:
    yield " chain catch { type nat hook prerouting priority -110;"
    for port, here in PORTAL_PORTS.items():
        address = f"[{own}]" if ":" in own else own
        yield f'  iifname "line" tcp dport {port} dnat to {address}:{here}'
    yield " }"


def blackhole_ruleset() -> str:
    """A script for `nft -f`: the host swallows all but ARP and neighbour discovery."""
    sink = f"{ND_ACCEPT_RULE}; counter drop;"
    chains = "".join(
        f"chain {hook} {{ type filter hook {hook} priority -500; {sink} }}\n"
        for hook in ("prerouting", "output")
    )
    return f"table {BLACKHOLE_TABLE} {{\n{chains}}}\n"


def delay_line_ruleset(interfaces: tuple[str, ...]) -> str:
    """A script for `nft -f`: what leaves by an interface goes to its delay line first, except ARP.

    The host's kernel may lack netem; then a program holds the frames (`delay_line.py`).
    """
    parts = ["table netdev slow", "delete table netdev slow", "table netdev slow {"]
    for interface in interfaces:
        parts += [
            f' chain {interface} {{ type filter hook egress device "{interface}" priority 0;',
            f"  meta mark {DELAYED_FWMARK} accept",
            "  ether type arp accept",
            f'  fwd to "{delay_line_device(interface)}"',
            " }",
        ]
    return "\n".join([*parts, "}", ""])


def delay_line_device(interface: str) -> str:
    """Name of the TAP device from which an interface's delay line reads."""
    return f"slow-{interface}"
