"""The setup of the venue: for each host one shell script of ip, tc, nft.

Interfaces: `line` at a provider faces the gateway, `wan` faces the internet, where its other end
is `isp<n>`; `eth0` is a client's only one. On the switch `port<n>` faces the gateway, `seat<k>.<i>`
a client. The gateway's are named by the file.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from lbrouter.rehearsal.lab.client_macs import client_mac_ruleset
from lbrouter.rehearsal.lab.layout import (
    ClientLayout,
    LineAddressing,
    ProviderLine,
    Segment,
    VenueLayout,
)
from lbrouter.rehearsal.lab.relay_layout import (
    RELAY_INTERFACE,
    internet_link_commands,
    relay_link_commands,
)

GATEWAY_ROLE = "gateway"
INTERNET_ROLE = "internet"
SWITCH_ROLE = "switch"

DISABLE_DAD_COMMAND = "for each in /proc/sys/net/ipv6/conf/*/accept_dad; do echo 0 > $each; done"
"""No duplicate address detection: for a second after a link comes up it would delay everything,
since a router asks for its neighbours from its link-local address."""


@dataclass(slots=True, kw_only=True)
class SetupScript:
    """What one host runs: lines for `ip -batch`, nft text, other commands, in this order."""

    ip: list[str] = field(default_factory=list)
    nft: list[str] = field(default_factory=list)
    shell: list[str] = field(default_factory=list)

    def text(self) -> str:
        """The whole as a POSIX shell script."""
        parts = [DISABLE_DAD_COMMAND, "ip -batch - <<'END'", *self.ip, "END"]
        if self.nft:
            parts += ["nft -f - <<'END'", *self.nft, "END"]
        return "\n".join([*parts, *self.shell, ""])


def isp_role(name: str) -> str:
    """Role of an uplink's provider in the namespaces' names."""
    return f"isp-{name}"


def client_role(seat: str) -> str:
    """Role of a client host in the namespaces' names."""
    return f"client-{seat}"


def roles(layout: VenueLayout) -> list[str]:
    """Every host of the venue."""
    clients = [client_role(seat.name) for segment in layout.segments for seat in segment.clients]
    return [
        GATEWAY_ROLE,
        INTERNET_ROLE,
        SWITCH_ROLE,
        *(isp_role(line.name) for line in layout.lines),
        *(relay.role for relay in layout.relays),
        *clients,
    ]


def veth_pairs(layout: VenueLayout) -> Iterator[tuple[str, str, str, str]]:
    """Every veth pair as (role, interface, role, interface)."""
    for line in layout.lines:
        yield GATEWAY_ROLE, line.interface, isp_role(line.name), "line"
        yield isp_role(line.name), "wan", INTERNET_ROLE, f"isp{line.number}"
    for relay in layout.relays:
        yield relay.role, RELAY_INTERFACE, INTERNET_ROLE, relay.internet_interface
    for number, port in enumerate(lan_ports(layout), 1):
        yield GATEWAY_ROLE, port, SWITCH_ROLE, f"port{number}"
    for segment in layout.segments:
        for place, seat in enumerate(segment.clients, 1):
            yield SWITCH_ROLE, f"seat{segment.number}.{place}", client_role(seat.name), "eth0"


def lan_ports(layout: VenueLayout) -> list[str]:
    """The gateway's interfaces on the inside, the trunk among them, each once."""
    return list(dict.fromkeys(segment.port for segment in layout.segments))


def scripts_by_role(layout: VenueLayout) -> dict[str, SetupScript]:
    """What each role runs once the veth pairs are there."""
    scripts = {
        GATEWAY_ROLE: _gateway_script(layout),
        INTERNET_ROLE: _internet_script(layout),
        SWITCH_ROLE: _switch_script(layout),
    }
    scripts |= {isp_role(line.name): _isp_script(line) for line in layout.lines}
    for relay in layout.relays:
        scripts[relay.role] = SetupScript(ip=list(relay_link_commands(relay)))
    for segment in layout.segments:
        for seat in segment.clients:
            scripts[client_role(seat.name)] = _client_script(segment, seat)
    return scripts


def _gateway_script(layout: VenueLayout) -> SetupScript:
    """As found: nothing is up but what the operating system sets up by itself (`external`)."""
    script = SetupScript(ip=["link set lo up"])
    for line in layout.lines:
        if line.external:
            script.ip.append(f"link set {line.interface} up")
            for leg in (own for own in line.families if own.address.version == 4):
                metric = 100 + line.number  # as an operating system that configures several
                way_out = f"via {leg.gateway} dev {line.interface} metric {metric}"
                script.ip.append(_address_line(str(leg.address), line.interface))
                script.ip.append(f"route add default {way_out}")
    return script


def _address_line(address: str, interface: str, *, verb: str = "add") -> str:
    return f"address {verb} {address} dev {interface}" + (" nodad" if ":" in address else "")


def _internet_script(layout: VenueLayout) -> SetupScript:
    script = SetupScript(ip=["link set lo up"])
    script.ip += [_address_line(str(server), "lo") for server in layout.servers]
    for line in layout.lines:
        name = f"isp{line.number}"
        script.ip.append(f"link set {name} up")
        for leg in line.families:
            prefix = leg.public.network.prefixlen
            script.ip.append(_address_line(f"{leg.peer}/{prefix}", name))
            if not leg.nat:
                script.ip.append(f"route add {leg.address.network} via {leg.public.ip}")
    for relay in layout.relays:  # it stands beyond the internet's host
        script.ip += internet_link_commands(relay)
        script.shell = ["echo 1 > /proc/sys/net/ipv4/ip_forward"]
    return script


def _isp_script(line: ProviderLine) -> SetupScript:
    script = SetupScript(ip=["link set lo up", "link set line up", "link set wan up"])
    script.ip += provider_line_commands(line)
    for leg in line.families:
        script.ip.append(_address_line(str(leg.public), "wan"))
        script.ip.append(f"route add default via {leg.peer} dev wan")
    script.nft += provider_tables(line)
    script.shell += list(forwarding_commands(enable="1"))
    script.shell += [*_rate_commands("wan", line.upload), *_rate_commands("line", line.download)]
    return script


def provider_tables(line: ProviderLine) -> list[str]:
    """A provider's nft tables, to be loaded first or again (which sets the counter to 0)."""
    lines = []
    for leg in line.families:
        name = f"table {_nft_family(leg)} provider"
        lines += [name, f"delete {name}", *(_nat_table(leg) if leg.nat else ())]
    name = "table inet observer"
    return [*lines, name, f"delete {name}", *_stray_counter_table(line)]


def _nft_family(leg: LineAddressing) -> str:
    return "ip6" if leg.address.version == 6 else "ip"


def provider_line_commands(line: ProviderLine) -> list[str]:
    """A provider's own addresses and routes towards the gateway, to be set first or again."""
    batch = []
    for leg in line.families:
        inside = leg.gateway in leg.address.network
        batch.append(_address_line(f"{leg.gateway}/{provider_prefix(leg)}", "line", verb="replace"))
        if not inside:
            batch.append(f"route replace {leg.address.ip} dev line")
    return batch


def provider_prefix(leg: LineAddressing) -> int:
    """Length of the prefix that a provider's own address on the line has."""
    if leg.gateway in leg.address.network:
        return leg.address.network.prefixlen
    return 64 if leg.gateway.is_link_local else leg.gateway.max_prefixlen


def forwarding_commands(*, enable: str) -> Iterator[str]:
    """Commands that turn a host into a router ("1") or back ("0")."""
    yield f"echo {enable} > /proc/sys/net/ipv4/ip_forward"
    yield f"echo {enable} > /proc/sys/net/ipv6/conf/all/forwarding"


def _stray_counter_table(line: ProviderLine) -> list[str]:
    """Count packets from the gateway whose source is not this uplink's: there must be none."""
    rules = []
    for leg in line.families:
        family = _nft_family(leg)
        unspecified = "::, fe80::/10" if family == "ip6" else "0.0.0.0"
        ours = f"{{ {leg.address.ip}, {unspecified} }}"
        rules.append(f'  iifname "line" {family} saddr != {ours} counter name stray')
    return [
        "table inet observer {",
        " counter stray { }",
        " chain arrived { type filter hook prerouting priority raw;",
        *rules,
        " }",
        "}",
    ]


def _nat_table(leg: LineAddressing) -> list[str]:
    """One address in place of the gateway's, both ways, as a provider's 1:1 translation does."""
    family = _nft_family(leg)
    return [
        f"table {family} provider {{",
        " chain out { type nat hook postrouting priority srcnat;",
        f'  oifname "wan" snat to {leg.public.ip}',
        " }",
        " chain in { type nat hook prerouting priority dstnat;",
        f'  iifname "wan" {family} daddr {leg.public.ip} dnat to {leg.address.ip}',
        " }",
        "}",
    ]


NETEM_LIMIT_OPTION = "limit 20000"
"""Packets that netem holds: 300 ms of a gigabit."""


def _burst_bytes(rate: int) -> int:
    """10 ms of a line's rate, in bytes, and 64 kB at least."""
    return max(rate // 8 // 100, 65536)


def _rate_commands(interface: str, rate: int | None) -> list[str]:
    """A line of `rate` bits per second, 50 ms of buffer."""
    if rate is None:
        return []
    tbf = f"tbf rate {rate}bit burst {_burst_bytes(rate)} latency 50ms"
    return [f"tc qdisc add dev {interface} root handle 1: {tbf}"]


def netem_commands(line: ProviderLine, delay_ms: float) -> Iterator[str]:
    """Commands that delay both ways of a line from now on; 0 = no longer."""
    for interface, rate in (("wan", line.upload), ("line", line.download)):
        place = "root" if rate is None else "parent 1:1"
        if delay_ms:
            yield (
                f"tc qdisc replace dev {interface} {place}"
                f" netem delay {delay_ms}ms {NETEM_LIMIT_OPTION}"
            )
        elif rate is None:
            yield f"tc qdisc del dev {interface} root 2> /dev/null || true"
        else:  # what tbf itself began with
            room = rate // 8 // 20 + _burst_bytes(rate)
            yield f"tc qdisc replace dev {interface} {place} bfifo limit {room}"


def _switch_script(layout: VenueLayout) -> SetupScript:
    """A bridge for each VLAN; the gateway's side is its own port, or a tag on the trunk's."""
    script = SetupScript(ip=["link set lo up"])
    number_of = {port: f"port{number}" for number, port in enumerate(lan_ports(layout), 1)}
    script.ip += [f"link set {name} up" for name in number_of.values()]
    for segment in layout.segments:
        bridge, inner = f"vlan{segment.number}", number_of[segment.port]
        script.ip.append(f"link add {bridge} type bridge forward_delay 0 mcast_snooping 0")
        if segment.tag is not None:
            tagged = f"tag{segment.number}"
            script.ip.append(f"link add link {inner} name {tagged} type vlan id {segment.tag}")
            inner = tagged
        seats = (f"seat{segment.number}.{place}" for place in range(1, len(segment.clients) + 1))
        script.ip += [f"link set {name} master {bridge} up" for name in (inner, *seats)]
        script.ip.append(f"link set {bridge} up")
    return script


def _client_script(segment: Segment, seat: ClientLayout) -> SetupScript:
    script = SetupScript(ip=["link set lo up", "link set eth0 up"])
    script.ip += [_address_line(str(address), "eth0") for address in seat.addresses]
    script.nft += client_mac_ruleset(seat.addresses, segment.number)
    for gateway in segment.gateways:
        script.ip.append(f"route add default via {gateway.ip} dev eth0")
    return script
