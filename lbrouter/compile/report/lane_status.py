"""What `status` says of a lane beside what it says of any uplink."""

from typing import TypedDict

from lbrouter.compile.report.status_types import IdleStatus, LaneLineStatus
from lbrouter.compile.routing.lane_lines import carrying_lines, lane_policies
from lbrouter.compile.routing.uplink_addressing import has_nexthop
from lbrouter.model.config import Config, Uplink
from lbrouter.model.facts import Facts
from lbrouter.model.health import GatewayHealth, UplinkState
from lbrouter.model.kernel_state import AddressFamily
from lbrouter.model.messages.codes import LaneCode
from lbrouter.model.messages.message import Message, message


class LaneStatus(TypedDict):
    """The keys that only a lane has. `handshake_age_s` is null where there was none."""

    over: dict[str, LaneLineStatus]
    handshake_age_s: float | None
    relay: str | None
    """The relay's address now; null where it is not known."""


def lane_status(config: Config, lane: Uplink, health: GatewayHealth, facts: Facts) -> LaneStatus:
    """The keys of `lane`."""
    known = facts.lanes.get(lane.name)
    carrying = () if known is None else carrying_lines(config, lane, health, facts)
    return {
        "over": {
            name: {
                "carrying": name in carrying,
                **_idle_status(
                    None if name in carrying else _idle_reason(config, lane, name, health, facts)
                ),
                "rtt_ms": None,
                "loss_percent": None,
                "dropped_percent": None,
            }
            for name in lane.over
        },
        "handshake_age_s": None if known is None else known.handshake_age_s,
        "relay": None if known is None else str(known.relay_address),
    }


def _idle_reason(
    config: Config, lane: Uplink, name: str, health: GatewayHealth, facts: Facts
) -> Message:
    """Why a line carries no copies."""
    if lane.name not in facts.lanes:
        return message(LaneCode.NOT_SET_UP)
    each = health.uplinks[name]
    if not has_nexthop(config.uplinks[name], AddressFamily.V4, facts):
        return each.why or message(LaneCode.NO_IPV4)
    left = each.of(AddressFamily.V4).excluded_policies & lane_policies(config, lane)
    if each.of(AddressFamily.V4).alive and config.uplinks[name].metered and not left:
        return message(LaneCode.METERED_WAITS)
    return each.why


def second_line_warning(
    config: Config, lane: Uplink, health: GatewayHealth, facts: Facts
) -> Message | None:
    """A message where the lane has no second line left, None where it has, or is not in use.

    A metered line that waits counts: it carries as soon as another one is in trouble.
    """
    if lane.name not in facts.lanes:
        return None
    if health.uplinks[lane.name].state not in (UplinkState.UP, UplinkState.DEGRADED):
        return None
    carrying = carrying_lines(config, lane, health, facts)
    waiting = [
        name
        for name in lane.over
        if name not in carrying
        and config.uplinks[name].metered
        and health.uplinks[name].of(AddressFamily.V4).alive
    ]
    if len(carrying) + len(waiting) > 1:
        return None
    if not carrying:
        return message(LaneCode.ALONE, lane=lane.name)
    return message(LaneCode.ALONE, lines=tuple(carrying), lane=lane.name)


def _idle_status(why: Message | None) -> IdleStatus:
    return {"reason": str(why or ""), "reason_data": None if why is None else why.as_json()}
