"""Checks of the priorities: a VLAN without guarantee that others can starve."""

from collections.abc import Iterator, Mapping

from lbrouter.compile.config.checks.names import quoted_list
from lbrouter.compile.config.checks.rates import BANDWIDTH_DIRECTIONS, usable_rates
from lbrouter.compile.config.diagnostics import Diagnostic
from lbrouter.model.config import Bandwidth, Config, Policy, PolicyMode, Vlan
from lbrouter.model.messages.phrase import phrase
from lbrouter.model.sections.line_rate import MIN_RATE
from lbrouter.model.units import Rate


def warnings(config: Config) -> Iterator[Diagnostic]:
    """VLANs that get next to nothing while others, which are served first, send all they can."""
    for direction in BANDWIDTH_DIRECTIONS:
        rates = usable_rates(config, direction)
        for vlan in config.vlans.values():
            share: Bandwidth | None = getattr(vlan, direction)
            if (MIN_RATE if share is None else share.guaranteed) <= MIN_RATE:
                yield from _starvation(config, vlan, direction, rates)


def _starvation(
    config: Config, vlan: Vlan, direction: str, rates: Mapping[str, Rate | None]
) -> Iterator[Diagnostic]:
    """A warning if each line that carries `vlan` can be filled by VLANs of a better priority."""
    greedy: set[str] = set()
    for line in _lines(config, vlan):
        rate = rates[line]
        first = [
            other
            for other in config.vlans.values()
            if other.priority < vlan.priority and line in _lines(config, other)
        ]
        if rate is None or sum(_most(other_vlan, direction, rate) for other_vlan in first) < rate:
            return
        greedy |= {other_vlan.name for other_vlan in first}
    names = [name for name in config.vlans if name in greedy]
    if len(names) == 1:
        why = phrase(
            'has no {direction} guarantee, and "{other}" is served first without a ceiling that'
            " leaves something over: while {other} fills the lines, VLAN {vlan} gets almost"
            " nothing",
            direction=direction,
            other=names[0],
            vlan=vlan.name,
        )
    else:
        why = phrase(
            "has no {direction} guarantee, and {others} are served first without a ceiling that"
            " leaves something over: while they fill the lines, VLAN {vlan} gets almost nothing",
            direction=direction,
            others=quoted_list(names),
            vlan=vlan.name,
        )
    accepted = phrase(
        '{direction} = {{ guaranteed = "1mbit" }} here, or a ceiling for {names}',
        direction=direction,
        names=quoted_list(names),
    )
    yield Diagnostic(path=("vlans", vlan.name), reason=why, accepted=accepted)


def _lines(config: Config, vlan: Vlan) -> tuple[str, ...]:
    """The lines that carry the new flows of `vlan` while all of them work."""
    return lines_at_best(config, config.policies[vlan.policy])


def lines_at_best(config: Config, policy: Policy) -> tuple[str, ...]:
    """The lines that carry new flows of `policy` while all of them work."""
    if policy.mode is PolicyMode.FAILOVER:
        return policy.uplinks[:1]
    weights = policy.weights or dict.fromkeys(policy.uplinks, 1)
    drawn = [name for name in policy.uplinks if weights[name]]
    unmetered = [name for name in drawn if not config.uplinks[name].metered]
    return tuple(unmetered or drawn)


def _most(vlan: Vlan, direction: str, line_rate: Rate) -> int:
    """What a VLAN can take of a line at most."""
    share: Bandwidth | None = getattr(vlan, direction)
    return line_rate if share is None or share.ceiling is None else min(share.ceiling, line_rate)
