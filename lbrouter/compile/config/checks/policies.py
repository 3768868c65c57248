"""Checks of the policies."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from lbrouter.compile.config.checks.names import listed, twice, unknown
from lbrouter.compile.config.diagnostics import Finding, Path
from lbrouter.model.config import Config, Policy, PolicyMode
from lbrouter.model.units import Duration

MAX_STICKY: Final = Duration(30 * 24 * 3_600_000)


def faults(config: Config) -> Iterator[Finding]:
    """Everything that is wrong with a policy."""
    for policy in config.policies.values():
        where: Path = ("policies", policy.name)
        yield from _uplinks(config, policy, where)
        yield from _weights(config, policy, where)
        yield from _balance_only(policy, where)
        yield from _sticky(policy, where)
        yield from _tolerance(policy, where)


def doubts(config: Config) -> Iterator[Finding]:
    """What stands in the file and does nothing."""
    used = {vlan.policy for vlan in config.vlans.values()} | {rule.policy for rule in config.rules}
    for name in config.policies:
        if name not in used:
            yield Finding(path=("policies", name), reason="no VLAN and no rule uses this policy")
    carrying = {uplink for policy in config.policies.values() for uplink in policy.uplinks}
    for name in config.uplinks:
        if config.policies and name not in carrying:
            yield Finding(path=("uplinks", name), reason="no policy uses this uplink")
    for policy in config.policies.values():
        yield from _unrated(config, policy)


def _uplinks(config: Config, policy: Policy, where: Path) -> Iterator[Finding]:
    path = (*where, "uplinks")
    if not policy.uplinks:
        weights = (*where, "weights")
        why, accepted = "names no uplink", f"a list of {listed(config.uplinks)}"
        yield Finding(path=path, reason=why, accepted=accepted, needs=(weights,))
    if "uplinks" not in policy.model_fields_set:
        return
    yield from twice(policy.uplinks, path)
    for index, name in enumerate(policy.uplinks):
        yield from unknown("uplinks", name, config.uplinks, (*path, index))


def _weights(config: Config, policy: Policy, where: Path) -> Iterator[Finding]:
    if policy.weights is None:
        return
    path = (*where, "weights")
    for name, weight in policy.weights.items():
        for each in unknown("uplinks", name, config.uplinks, (*path, name)):
            yield replace(each, value=weight)
    if policy.weights and not any(policy.weights.values()):
        why = "all weights are 0: nobody would carry anything"
        yield Finding(path=path, reason=why, accepted="one weight of 1 or more")
    yield from _agreement(policy, policy.weights, where)


def _agreement(policy: Policy, weights: dict[str, int], where: Path) -> Iterator[Finding]:
    """Both lists name the same uplinks, or one of them is a slip."""
    path, needs = (*where, "weights"), ((*where, "uplinks"),)
    for name in policy.uplinks:
        if name not in weights:
            why = f'lacks "{name}", which uplinks lists'
            yield Finding(path=path, reason=why, accepted="a weight for each", needs=needs)
    for name, weight in weights.items():
        if policy.uplinks and name not in policy.uplinks:
            why = "has a weight but is not in uplinks"
            accepted = "weights for the uplinks of the list alone"
            yield Finding(
                path=(*path, name), value=weight, reason=why, accepted=accepted, needs=needs
            )


def _balance_only(policy: Policy, where: Path) -> Iterator[Finding]:
    if policy.mode is PolicyMode.BALANCE:
        return
    for key in ("weights", "sticky"):
        if key in policy.model_fields_set:
            yield Finding(
                path=(*where, key),
                value=policy.weights if key == "weights" else str(policy.sticky),
                reason='goes with mode = "balance" only',
                accepted=f"no {key} here",
                needs=((*where, "mode"),),
            )


def _sticky(policy: Policy, where: Path) -> Iterator[Finding]:
    if policy.sticky > MAX_STICKY:
        why, value = "is out of range", str(policy.sticky)
        yield Finding(
            path=(*where, "sticky"), value=value, reason=why, accepted=f"0s to {MAX_STICKY}"
        )


def _tolerance(policy: Policy, where: Path) -> Iterator[Finding]:
    for key in ("latency", "jitter"):
        if getattr(policy.tolerate, key) == 0:
            why = "no line is that good, so none would ever be healthy"
            yield Finding(
                path=(*where, "tolerate", key), value="0s", reason=why, accepted="more than 0s"
            )


def _unrated(config: Config, policy: Policy) -> Iterator[Finding]:
    """Without weights the upload rates decide; if one lacks, all count the same."""
    if policy.mode is PolicyMode.FAILOVER or policy.weights is not None:
        return
    unrated = [name for name in policy.uplinks if config.uplinks[name].upload is None]
    if 0 < len(unrated) < len(policy.uplinks):
        why = f"has no weights, and no upload rate for {listed(unrated)}: all count the same"
        yield Finding(path=("policies", policy.name), reason=why, accepted="weights for each")
