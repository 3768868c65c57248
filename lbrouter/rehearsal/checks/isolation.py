"""Checks of the firewall: isolation of the VLANs, and ports that are open to the internet."""

from collections.abc import Iterator

from lbrouter.rehearsal.analysis.expected import forwards_on, ports_inside, ports_outside
from lbrouter.rehearsal.checks.context import RehearsalContext
from lbrouter.rehearsal.lab.hosts import SERVICE_PORTS, ClientHost, ScanTarget
from lbrouter.rehearsal.lab.layout import ECHO_SERVER_PORT, LineAddressing, Segment
from lbrouter.rehearsal.report.tables import Check, check_row, info_row

ISOLATION_SECTION = "isolation of the VLANs"
SCAN_SECTION = "a port scan from the internet"
MANAGEMENT_TCP_PORTS = (22, 80, 443, 8080)
"""TCP ports of the gateway that only `manage` VLANs may reach. DNS and DHCP are for all."""

SCANNED_PORTS: dict[str, tuple[int, ...]] = {
    "tcp": (21, 22, 23, 25, 53, 80, 443, 2222, 3389, 5060, 8080, 8443, ECHO_SERVER_PORT)
}
SCANNED_PORTS |= {"udp": (53, 67, 123, 161, 500, 1900, 5060, ECHO_SERVER_PORT)}
"""The ports that are scanned, beside the forwards."""


def start_inside_servers(context: RehearsalContext) -> None:
    """Servers on the clients and on the gateway: without them a closed port proves nothing."""
    context.venue.gateway.start_server(["0.0.0.0", "::"], **SERVICE_PORTS)
    targets = [
        (forward.to.address, inside)
        for forward in context.config.forwards
        for inside in ports_inside(forward)
    ]
    for client in context.venue.clients.values():
        own = [*client.layout.ip_addresses(4), *client.layout.ip_addresses(6)]
        ports = {ECHO_SERVER_PORT, *(port for address, port in targets if address in own)}
        firsts = [
            address for version in (4, 6) for address in client.layout.ip_addresses(version)[:1]
        ]
        client.start_server(firsts, tcp=ports, udp=ports)


def check_isolation(context: RehearsalContext) -> Iterator[Check]:
    """From each VLAN to each other one, and to the gateway's own services."""
    context.progress("isolation of the VLANs")
    segments = context.venue.layout.segments
    jobs = {
        segment.name: context.venue.client(segment.name).start_scan(
            _isolation_targets(context, segment)
        )
        for segment in segments
    }
    # The owner of each address, by its text.
    owners: dict[str, str] = {}
    for segment in context.venue.layout.segments:
        client: ClientHost = context.venue.client(segment.name)
        owners |= {str(own.ip): segment.name for own in client.layout.addresses}
        owners |= {str(own.ip): "the gateway's services" for own in segment.gateways}
    for segment in segments:
        rows = jobs[segment.name].result()
        vlan = context.config.vlans[segment.name]
        for version in (4, 6):
            tried = [row for row in rows if (":" in row["to"]) == (version == 6)]
            if not tried:
                continue
            opened = {owners[row["to"]] for row in tried if row["answer"] == "open"}
            closed = {owners[row["to"]] for row in tried if row["answer"] != "open"}
            there = {owners[row["to"]] for row in tried}
            allowed = {*vlan.reach, *(["the gateway's services"] if vlan.manage else [])} & there
            partly = opened & closed
            yield check_row(
                ISOLATION_SECTION,
                f"{segment.name}, IPv{version}",
                expected=_reach_text(allowed),
                seen=_reach_text(opened)
                + (f" ({', '.join(sorted(partly))} only in part)" if partly else ""),
                ok=opened == allowed and not partly,
            )


def _isolation_targets(context: RehearsalContext, segment: Segment) -> Iterator[ScanTarget]:
    """Every other VLAN's first client, and the gateway by each of its inner addresses."""
    versions = {gateway.version for gateway in segment.gateways}
    # What a VLAN may use by name tells nothing of the gateway's other services.
    opened = {service.port for service in context.config.vlans[segment.name].services}
    management_ports = [port for port in MANAGEMENT_TCP_PORTS if port not in opened]
    for other in context.venue.layout.segments:
        client = context.venue.client(other.name)
        for version in versions:
            for address in client.layout.ip_addresses(version)[:1] if other is not segment else ():
                yield ScanTarget(to=address, protocol="tcp", port=ECHO_SERVER_PORT)
                yield ScanTarget(to=address, protocol="udp", port=ECHO_SERVER_PORT)
                yield ScanTarget(to=address, protocol="icmp")
        for gateway in other.gateways:
            if gateway.version in versions:
                for port in management_ports:
                    yield ScanTarget(to=gateway.ip, protocol="tcp", port=port)


def _reach_text(names: set[str]) -> str:
    return "reaches " + ", ".join(sorted(names)) if names else "reaches nothing"


def check_open_ports(context: RehearsalContext) -> Iterator[Check]:
    """Scans each uplink's addresses from the internet: only the forwards may answer."""
    context.progress("a port scan from the internet")
    jobs = []
    for line in context.venue.layout.lines:
        for leg in line.families:
            forwards = forwards_on(context.config, line.name, leg.address.version)
            forwarded = {(f.protocol.value, port) for f in forwards for port in ports_outside(f)}
            targets = list(_scan_targets(leg, forwarded))
            jobs.append((line, leg, forwarded, context.venue.internet.start_scan(targets)))
    for line, leg, forwarded, job in jobs:
        rows = job.result()
        port_rows = [row for row in rows if row["protocol"] != "icmp"]
        opened = {(row["protocol"], row["port"]) for row in port_rows if row["answer"] == "open"}
        yield check_row(
            SCAN_SECTION,
            f"{line.name}, IPv{leg.address.version}",
            expected=f"open: {_ports_text(forwarded)}",
            seen=f"open: {_ports_text(opened)} (of {len(port_rows)} ports)",
            ok=opened == forwarded,
        )
        pings = [row["answer"] for row in rows if row["protocol"] == "icmp"]
        yield info_row(
            SCAN_SECTION, f"{line.name}, IPv{leg.address.version}, echo request", ", ".join(pings)
        )


def _scan_targets(leg: LineAddressing, forwarded: set[tuple[str, int]]) -> Iterator[ScanTarget]:
    """What the scan probes on one address."""
    scanned = {(word, port) for word, ports in SCANNED_PORTS.items() for port in ports}
    for word, port in sorted(scanned | forwarded):
        yield ScanTarget(to=leg.internet_address, protocol=word, port=port)
    yield ScanTarget(to=leg.internet_address, protocol="icmp")


def _ports_text(ports: set[tuple[str, int]]) -> str:
    return ", ".join(f"{protocol} {port}" for protocol, port in sorted(ports)) or "none"
