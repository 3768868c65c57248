"""Whether a flow may use a line: the one answer, asked by everything that needs to know.

New flows, living flows that move, the gateway's own traffic, `status`, `explain` and the questions
before a drain or a pin all ask here.
"""

from enum import IntEnum
from typing import Final

from lbrouter.compile.routing.uplink_addressing import has_nexthop, uplink_nexthop
from lbrouter.model.config import Config
from lbrouter.model.facts import Facts
from lbrouter.model.health import GatewayHealth, UplinkHealth, UplinkState
from lbrouter.model.kernel_state import AddressFamily


class Usability(IntEnum):
    """Whether a line carries new flows: never, only where no line is fit, or yes."""

    UNUSABLE = 0
    LAST_RESORT = 1
    FIT = 2


class LineGrade(IntEnum):
    """How good a line is for a flow. Those between the first and the last are a last resort."""

    UNUSABLE = 0
    NEXTHOP_ANSWERS = 1
    """No target answers. The next hop does (ARP, ND), or the session stands."""
    IMPAIRED = 2
    """It answers, and is out of what the policy tolerates."""
    UNPROVEN = 3
    """It answers, but not for long enough."""
    FIT = 4


SILENT_BADNESS: Final = 1000.0
"""From here on no target answers: a line with such a badness lives by its next hop alone."""

DEAD_STATES: Final = (UplinkState.DOWN, UplinkState.WAITING)


def usability(
    config: Config,
    uplink: str,
    family: AddressFamily,
    health: GatewayHealth,
    facts: Facts,
    *,
    policy: str | None = None,
) -> Usability:
    """Whether flows of `policy` may use `uplink`; None for the gateway's own traffic."""
    grade = line_grade(config, uplink, family, health, facts, policy=policy)
    if grade is LineGrade.FIT:
        return Usability.FIT
    return Usability.UNUSABLE if grade is LineGrade.UNUSABLE else Usability.LAST_RESORT


def line_grade(
    config: Config,
    uplink: str,
    family: AddressFamily,
    health: GatewayHealth,
    facts: Facts,
    *,
    policy: str | None = None,
) -> LineGrade:
    """As `usability`, in finer steps: they order the lines that are a last resort."""
    line = health.uplinks[uplink]
    can_carry = line.carrier and has_nexthop(config.uplinks[uplink], family, facts)
    if is_drained(line) or not can_carry:
        return LineGrade.UNUSABLE
    own = line.of(family)
    # Up, or bad only for the tolerance of others. The gateway itself tolerates nothing.
    degraded = own.state is UplinkState.DEGRADED
    tolerated = degraded and policy is not None and policy not in own.excluded_policies
    if tolerated or own.state is UplinkState.UP:
        return LineGrade.FIT
    if own.alive and own.badness < SILENT_BADNESS:
        return LineGrade.IMPAIRED if degraded else LineGrade.UNPROVEN
    answers = own.alive or nexthop_answers(config, uplink, family, facts)
    return LineGrade.NEXTHOP_ANSWERS if answers else LineGrade.UNUSABLE


def is_drained(line: UplinkHealth) -> bool:
    """Whether an operator took the line out, dead or alive."""
    return line.drained or line.state is UplinkState.DRAINED


def is_dead(
    config: Config, uplink: str, family: AddressFamily, health: GatewayHealth, facts: Facts
) -> bool:
    """Whether what lives on `uplink` in `family` is lost: down, without an address, drained or
    not.
    """
    line = health.uplinks[uplink]
    own = line.of(family)
    silent = not own.alive or not line.carrier
    return (
        own.state in DEAD_STATES
        or (is_drained(line) and silent)
        or not has_nexthop(config.uplinks[uplink], family, facts)
    )


def nexthop_answers(config: Config, uplink: str, family: AddressFamily, facts: Facts) -> bool:
    """Whether the next hop was heard: by ARP or ND; on a point-to-point line the session stands."""
    way = uplink_nexthop(config.uplinks[uplink], family, facts)
    if way is None:
        return False
    device = config.uplinks[uplink].device
    return way.gateway is None or (device, way.gateway) in facts.answering_nexthops
