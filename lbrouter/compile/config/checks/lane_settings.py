"""Checks of the lanes: the lines that they go over, their keys of the file, and what they cost."""

from collections.abc import Iterator
from typing import Final

from lbrouter.compile.config.checks.names import duplicates, quoted_list, undefined_reference
from lbrouter.compile.config.checks.uplinks import host_address_errors
from lbrouter.compile.config.diagnostics import Diagnostic, KeyPath
from lbrouter.compile.shaping.lane_classes import LANE_COST_PERCENT, lane_guarantee, lane_vlans
from lbrouter.model.config import Config, Uplink
from lbrouter.model.direction import Direction
from lbrouter.model.messages.phrase import phrase
from lbrouter.model.reserved_ids import VOID_DEVICE
from lbrouter.model.units import Rate
from lbrouter.model.validated_strings import OWN_DEVICE_PREFIX

LANE_ONLY_KEYS: Final = ("over", "relay", "relay_key", "key_file", "inside")
NOT_FOR_LANES: Final = (
    *("interface", "vlan", "mtu", "mac", "hostname", "client_id", "addresses"),
    *("address6", "gateway6", "overhead"),
)
TAKEN_DEVICE_NAMES: Final = frozenset(
    {VOID_DEVICE, f"{OWN_DEVICE_PREFIX}up", f"{OWN_DEVICE_PREFIX}down"}
)


def errors(config: Config) -> Iterator[Diagnostic]:
    """Everything that keeps a lane from being set up, and its keys at other uplinks."""
    for uplink in config.uplinks.values():
        where: KeyPath = ("uplinks", uplink.name)
        if uplink.is_lane:
            yield from _lane_errors(config, uplink, where)
        else:
            yield from _line_errors(uplink, where)


def warnings(config: Config) -> Iterator[Diagnostic]:
    """Lines that cannot carry the whole stream, metered lines, a lane without a relay."""
    for lane in config.lanes():
        where: KeyPath = ("uplinks", lane.name)
        if lane.relay is None:
            why = phrase(
                "names no relay yet; `lbrouter relay setup {lane}` prepares one", lane=lane.name
            )
            yield Diagnostic(path=(*where, "relay"), reason=why)
        # Metered lines wait until another one fails, so a fault costs what its detection
        # takes.
        metered = [name for name in lane.over if config.uplinks[name].metered]
        free = [name for name in lane.over if name not in metered]
        if metered and len(free) == 1:
            why = phrase(
                "{metered} is metered and carries copies only while {other} has a problem:"
                " until that is noticed, packets are lost",
                metered=quoted_list(metered),
                other=free[0],
            )
            yield Diagnostic(path=(*where, "over"), reason=why)
        for direction in Direction:
            yield from _narrow_lines(config, lane, where, direction)


def _line_errors(uplink: Uplink, where: KeyPath) -> Iterator[Diagnostic]:
    if uplink.interface_ is None:
        yield Diagnostic(
            path=(*where, "interface"),
            reason="is missing",
            accepted="the interface that the line is plugged into",
        )
    for key in LANE_ONLY_KEYS:
        if key in uplink.model_fields_set:
            yield Diagnostic(
                path=(*where, key),
                reason='can be used with address = "lane" only',
                accepted=phrase("no {key} here", key=key),
                depends_on=((*where, "address"),),
            )


def _lane_errors(config: Config, lane: Uplink, where: KeyPath) -> Iterator[Diagnostic]:
    needs = ((*where, "address"),)
    for key in NOT_FOR_LANES:
        if (f"{key}_" if key == "interface" else key) in lane.model_fields_set:
            why = "cannot be used with a lane: lbrouter makes the lane itself, and it carries IPv4"
            yield Diagnostic(
                path=(*where, key),
                reason=why,
                accepted=phrase("no {key} here", key=key),
                depends_on=needs,
            )
    if lane.device in TAKEN_DEVICE_NAMES:
        why = phrase(
            "would be the device {device}, which lbrouter uses for another purpose",
            device=lane.device,
        )
        yield Diagnostic(path=where, reason=why, accepted="another name")
    yield from _over_errors(config, lane, (*where, "over"))
    path = (*where, "inside")
    yield from host_address_errors(lane.inside_address, path)
    network = lane.inside_address.network
    if network.prefixlen > 30 or lane.inside_address.ip == lane.relay_inside:
        yield Diagnostic(
            path=path,
            value=str(lane.inside_address),
            reason="leaves no address for the relay, which has the first one of the subnet",
            accepted=phrase(
                'the second host of a /30, such as "{second}/30"',
                second=network.network_address + 2,
            ),
        )


def _over_errors(config: Config, lane: Uplink, path: KeyPath) -> Iterator[Diagnostic]:
    lines = [name for name, uplink in config.uplinks.items() if not uplink.is_lane]
    accepted = phrase("two or more of {lines}", lines=quoted_list(lines))
    if len(lane.over) < 2:
        why = "is missing" if not lane.over else "names one line; a lane needs two"
        yield Diagnostic(path=path, reason=why, accepted=accepted)
    yield from duplicates(lane.over, path)
    for index, name in enumerate(lane.over):
        place = (*path, index)
        yield from undefined_reference("uplinks", name, config.uplinks, place)
        if name == lane.name:
            yield Diagnostic(path=place, value=name, reason="is the lane itself", accepted=accepted)
        elif name in config.uplinks and config.uplinks[name].is_lane:
            why = "is a lane itself; a lane needs lines"
            yield Diagnostic(path=place, value=name, reason=why, accepted=accepted)
        elif name in config.uplinks and config.uplinks[name].address is None:
            why = "has IPv6 alone, and a lane's copies are IPv4"
            yield Diagnostic(path=place, value=name, reason=why, accepted=accepted)


def _narrow_lines(
    config: Config, lane: Uplink, where: KeyPath, direction: Direction
) -> Iterator[Diagnostic]:
    """Each line must carry the whole of what the lane's VLANs are guaranteed."""
    needed = lane_guarantee(config, lane, direction)
    if not needed:
        return
    names = quoted_list(vlan.name for vlan in lane_vlans(config, lane))
    for name in lane.over:
        uplink = config.uplinks[name]
        rate = uplink.upload if direction is Direction.UPLOAD else uplink.download
        if rate is not None and rate < needed:
            why = phrase(
                "{name} carries {rate} of {direction}, but each line of a lane carries"
                " everything: {names} with its guarantee and {percent} % for"
                " WireGuard is {needed}",
                name=name,
                rate=rate,
                direction=direction,
                names=names,
                percent=LANE_COST_PERCENT,
                needed=Rate(needed),
            )
            yield Diagnostic(path=(*where, "over"), value=name, reason=why)
