"""Acts on the firewall: who may talk to whom inside, and what the internet finds open."""

from collections.abc import Iterator

from lbrouter.rehearsal.analysis.expected import forwards_on
from lbrouter.rehearsal.checks.context import Stage
from lbrouter.rehearsal.lab.hosts import SERVICE_PORTS, Client, Target
from lbrouter.rehearsal.lab.layout import TALK_PORT, Leg, Line, Segment
from lbrouter.rehearsal.lab.process import Row
from lbrouter.rehearsal.report.tables import Check, judge, tell

WALLS = "isolation of the VLANs"
SCAN = "a port scan from the internet"
MANAGED = (22, 80, 443, 8080)
"""TCP ports of the gateway that only `manage` VLANs may reach. DNS and DHCP are for all."""

WATCHED: dict[str, tuple[int, ...]] = {
    "tcp": (21, 22, 23, 25, 53, 80, 443, 2222, 3389, 5060, 8080, 8443, TALK_PORT)
}
WATCHED |= {"udp": (53, 67, 123, 161, 500, 1900, 5060, TALK_PORT)}
"""What the scan knocks at, beside the forwards."""


def serve_inside(stage: Stage) -> None:
    """Servers on the clients and on the gateway: a wall with nothing behind it proves nothing."""
    stage.venue.gateway.serve(["0.0.0.0", "::"], **SERVICE_PORTS)
    targets = [each.to for each in stage.config.forwards]
    for client in stage.venue.clients.values():
        own = [*client.seat.of(4), *client.seat.of(6)]
        ports = {TALK_PORT, *(to.port for to in targets if to.address in own)}
        firsts = [address for version in (4, 6) for address in client.seat.of(version)[:1]]
        client.serve(firsts, tcp=ports, udp=ports)


def isolation(stage: Stage) -> Iterator[Check]:
    """From each VLAN to each other one, and to the gateway's own services."""
    stage.progress("walls between the VLANs")
    segments = stage.venue.site.segments
    jobs = {
        segment.name: stage.venue.client(segment.name).start_scan(_inside(stage, segment))
        for segment in segments
    }
    owners = _owners(stage)
    for segment in segments:
        rows = jobs[segment.name].result()
        vlan = stage.config.vlans[segment.name]
        for version in (4, 6):
            tried = [row for row in rows if _version(row) == version]
            if not tried:
                continue
            opened = {owners[row["to"]] for row in tried if row["answer"] == "open"}
            shut = {owners[row["to"]] for row in tried if row["answer"] != "open"}
            there = {owners[row["to"]] for row in tried}
            allowed = {*vlan.reach, *(["the gateway's services"] if vlan.manage else [])} & there
            yield judge(
                WALLS,
                f"{segment.name}, IPv{version}",
                expected=_reaches(allowed),
                seen=_reaches(opened) + _partly(opened & shut),
                ok=opened == allowed and not opened & shut,
            )


def _inside(stage: Stage, segment: Segment) -> Iterator[Target]:
    """Every other VLAN's first client, and the gateway by each of its inner addresses."""
    versions = {gateway.version for gateway in segment.gateways}
    for other in stage.venue.site.segments:
        client = stage.venue.client(other.name)
        for version in versions:
            for address in client.seat.of(version)[:1] if other is not segment else ():
                yield Target(to=address, protocol="tcp", port=TALK_PORT)
                yield Target(to=address, protocol="udp", port=TALK_PORT)
                yield Target(to=address, protocol="icmp")
        for gateway in other.gateways:
            if gateway.version in versions:
                for port in MANAGED:
                    yield Target(to=gateway.ip, protocol="tcp", port=port)


def _owners(stage: Stage) -> dict[str, str]:
    """Whose address is whose."""
    found: dict[str, str] = {}
    for segment in stage.venue.site.segments:
        client: Client = stage.venue.client(segment.name)
        found |= {str(each.ip): segment.name for each in client.seat.addresses}
        found |= {str(each.ip): "the gateway's services" for each in segment.gateways}
    return found


def _version(row: Row) -> int:
    return 6 if ":" in row["to"] else 4


def _reaches(names: set[str]) -> str:
    return "reaches " + ", ".join(sorted(names)) if names else "reaches nobody"


def _partly(names: set[str]) -> str:
    return f" ({', '.join(sorted(names))} only in part)" if names else ""


def scan(stage: Stage) -> Iterator[Check]:
    """Each uplink's addresses, knocked at from the internet: only the forwards may answer."""
    stage.progress("a port scan from the internet")
    jobs = []
    for line in stage.venue.site.lines:
        for leg in line.legs:
            found = forwards_on(stage.config, line.name, leg.address.version)
            promised = {(forward.protocol.value, forward.port) for forward in found}
            targets = list(_doors_of(leg, promised))
            jobs.append((line, leg, promised, stage.venue.internet.start_scan(targets)))
    for line, leg, promised, job in jobs:
        yield from _scan_rows(line, leg.address.version, promised, job.result())


def _doors_of(leg: Leg, promised: set[tuple[str, int]]) -> Iterator[Target]:
    """Where the scan knocks on one address."""
    watched = {(word, port) for word, ports in WATCHED.items() for port in ports}
    for word, port in sorted(watched | promised):
        yield Target(to=leg.outside, protocol=word, port=port)
    yield Target(to=leg.outside, protocol="icmp")


def _scan_rows(
    line: Line, version: int, promised: set[tuple[str, int]], rows: list[Row]
) -> Iterator[Check]:
    doors = [row for row in rows if row["protocol"] != "icmp"]
    opened = {(row["protocol"], row["port"]) for row in doors if row["answer"] == "open"}
    yield judge(
        SCAN,
        f"{line.name}, IPv{version}",
        expected=f"open: {_doors(promised)}",
        seen=f"open: {_doors(opened)} (of {len(doors)} ports)",
        ok=opened == promised,
    )
    pings = [row["answer"] for row in rows if row["protocol"] == "icmp"]
    yield tell(SCAN, f"{line.name}, IPv{version}, echo request", ", ".join(pings))


def _doors(doors: set[tuple[str, int]]) -> str:
    return ", ".join(f"{protocol} {port}" for protocol, port in sorted(doors)) or "none"
