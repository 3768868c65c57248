"""Checks of the policies."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from lbrouter.compile.config.checks.names import duplicates, quoted_list, undefined_reference
from lbrouter.compile.config.diagnostics import Diagnostic, KeyPath
from lbrouter.compile.routing.balance import apportion
from lbrouter.model.config import Config, Policy, PolicyMode
from lbrouter.model.messages.phrase import phrase
from lbrouter.model.reserved_ids import BALANCE_SLOTS
from lbrouter.model.units import Duration

MAX_STICKY_TIME: Final = Duration(30 * 24 * 3_600_000)


def errors(config: Config) -> Iterator[Diagnostic]:
    """Everything that is wrong with a policy."""
    for policy in config.policies.values():
        where: KeyPath = ("policies", policy.name)
        yield from _uplink_errors(config, policy, where)
        yield from _weight_errors(config, policy, where)
        yield from _balance_only_keys(policy, where)
        if policy.sticky > MAX_STICKY_TIME:
            why, value = "is out of range", str(policy.sticky)
            yield Diagnostic(
                path=(*where, "sticky"),
                value=value,
                reason=why,
                accepted=phrase("0s to {most}", most=MAX_STICKY_TIME),
            )
        yield from _tolerance_errors(policy, where)


def warnings(config: Config) -> Iterator[Diagnostic]:
    """Keys that have no effect."""
    used = {vlan.policy for vlan in config.vlans.values()} | {rule.policy for rule in config.rules}
    for name in config.policies:
        if name not in used:
            yield Diagnostic(path=("policies", name), reason="no VLAN and no rule uses this policy")
    carrying = {uplink for policy in config.policies.values() for uplink in policy.uplinks}
    for name in config.uplinks:
        if config.policies and name not in carrying:
            yield Diagnostic(path=("uplinks", name), reason="no policy uses this uplink")
    for policy in config.policies.values():
        yield from _missing_upload_rates(config, policy)
        yield from _lost_weights(policy)


def _uplink_errors(config: Config, policy: Policy, where: KeyPath) -> Iterator[Diagnostic]:
    path = (*where, "uplinks")
    if not policy.uplinks:
        weights = (*where, "weights")
        why, accepted = (
            "names no uplink",
            phrase("a list of {uplinks}", uplinks=quoted_list(config.uplinks)),
        )
        yield Diagnostic(path=path, reason=why, accepted=accepted, depends_on=(weights,))
    if "uplinks" not in policy.model_fields_set:
        return
    yield from duplicates(policy.uplinks, path)
    for index, name in enumerate(policy.uplinks):
        yield from undefined_reference("uplinks", name, config.uplinks, (*path, index))


def _weight_errors(config: Config, policy: Policy, where: KeyPath) -> Iterator[Diagnostic]:
    if policy.weights is None:
        return
    path = (*where, "weights")
    for name, weight in policy.weights.items():
        for diagnostic in undefined_reference("uplinks", name, config.uplinks, (*path, name)):
            yield replace(diagnostic, value=weight)
    if policy.weights and not any(policy.weights.values()):
        why = "all weights are 0: no uplink would carry anything"
        yield Diagnostic(path=path, reason=why, accepted="one weight of 1 or more")
    yield from _weight_mismatches(policy, policy.weights, where)


def _weight_mismatches(
    policy: Policy, weights: dict[str, int], where: KeyPath
) -> Iterator[Diagnostic]:
    """Uplinks that only one of the two lists names: both must name the same."""
    path, needs = (*where, "weights"), ((*where, "uplinks"),)
    for name in policy.uplinks:
        if name not in weights:
            why = phrase('has no weight for "{name}", which is in uplinks', name=name)
            yield Diagnostic(path=path, reason=why, accepted="a weight for each", depends_on=needs)
    for name, weight in weights.items():
        if policy.uplinks and name not in policy.uplinks:
            why = phrase("has a weight but is not in uplinks")
            accepted = "weights for the uplinks in the list only"
            yield Diagnostic(
                path=(*path, name), value=weight, reason=why, accepted=accepted, depends_on=needs
            )


def _balance_only_keys(policy: Policy, where: KeyPath) -> Iterator[Diagnostic]:
    if policy.mode is PolicyMode.BALANCE:
        return
    for key in ("weights", "sticky"):
        if key in policy.model_fields_set:
            yield Diagnostic(
                path=(*where, key),
                value=policy.weights if key == "weights" else str(policy.sticky),
                reason='can be used with mode = "balance" only',
                accepted=phrase("no {key} here", key=key),
                depends_on=((*where, "mode"),),
            )


def _tolerance_errors(policy: Policy, where: KeyPath) -> Iterator[Diagnostic]:
    for key in ("latency", "jitter"):
        if getattr(policy.tolerate, key) == 0:
            why = "no line can be that good, so no uplink would be up"
            yield Diagnostic(
                path=(*where, "tolerate", key), value="0s", reason=why, accepted="more than 0s"
            )


def _lost_weights(policy: Policy) -> Iterator[Diagnostic]:
    """Weights so small beside the others that they round to no slot at all."""
    weights = policy.weights or {}
    slots = dict(zip(weights, apportion(list(weights.values()), BALANCE_SLOTS), strict=True))
    for name, weight in weights.items():
        if weight and not slots[name]:
            total = sum(weights.values())
            least = total // BALANCE_SLOTS + 1
            why = phrase(
                "is too small: {weight} of {total} is less than one of the {slots}"
                " slots for new flows, so {name} gets no new flow",
                weight=weight,
                total=total,
                slots=BALANCE_SLOTS,
                name=name,
            )
            yield Diagnostic(
                path=("policies", policy.name, "weights", name),
                value=weight,
                reason=why,
                accepted=phrase("{least} or more, or 0 for the last resort", least=least),
            )


def _missing_upload_rates(config: Config, policy: Policy) -> Iterator[Diagnostic]:
    """Without weights the upload rates decide; if one is missing, all weights are equal."""
    if policy.mode is PolicyMode.FAILOVER or policy.weights is not None:
        return
    unrated = [name for name in policy.uplinks if config.uplinks[name].upload is None]
    if 0 < len(unrated) < len(policy.uplinks):
        why = phrase(
            "has no weights, and no upload rate for {unrated}: all count the same",
            unrated=quoted_list(unrated),
        )
        yield Diagnostic(path=("policies", policy.name), reason=why, accepted="weights for each")
