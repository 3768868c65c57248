"""Questions before an operator override that does harm: refused unless a person says yes."""

from collections.abc import Iterable, Iterator, Mapping

from lbrouter.compile.routing.override_effects import (
    StrandedPolicy,
    stranded_policies,
    uplink_usability,
)
from lbrouter.compile.routing.usability import Usability
from lbrouter.compile.shaping.overrides import VlanLimit, lowered_guarantees
from lbrouter.model.config import Config, Vlan
from lbrouter.model.errors import ConfirmationNeededError
from lbrouter.model.facts import Facts
from lbrouter.model.health import GatewayHealth
from lbrouter.model.messages.phrase import joined_phrases, phrase
from lbrouter.model.units import Rate


def require_other_uplinks(config: Config, uplink: str, health: GatewayHealth, facts: Facts) -> None:
    """Raise ConfirmationNeededError where `uplink` is the last usable one of a policy in use."""
    stranded = stranded_policies(config, uplink, health, facts)
    if stranded:
        effects = joined_phrases("; ", _effect_texts(stranded))
        raise ConfirmationNeededError(
            phrase(
                "{uplink} is the last usable uplink of {policies}. Without it: {effects}.",
                uplink=uplink,
                policies=_names(each.policy for each in stranded),
                effects=effects,
            ),
            question=phrase("Drain {uplink} anyway?", uplink=uplink),
            remedy=phrase(
                "Restore another uplink first (`lbrouter uplink restore NAME`), or run"
                " `lbrouter uplink drain {uplink} --yes`.",
                uplink=uplink,
            ),
        )


def require_fit_pin(
    config: Config, policy: str, uplink: str, health: GatewayHealth, facts: Facts
) -> None:
    """Raise ConfirmationNeededError where `uplink` is not fit for `policy` now."""
    if uplink_usability(config, uplink, policy, health, facts) is Usability.FIT:
        return
    raise ConfirmationNeededError(
        phrase(
            "{uplink} is not fit for {policy} now: {reason}. The pin waits until it is;"
            " until then {policy} uses its other uplinks.",
            uplink=uplink,
            policy=policy,
            reason=health.uplinks[uplink].why,
        ),
        question=phrase("Pin {policy} to {uplink} anyway?", policy=policy, uplink=uplink),
        remedy=phrase(
            "Pin it to another uplink, or run `lbrouter uplink pin {policy} {uplink} --yes`.",
            policy=policy,
            uplink=uplink,
        ),
    )


def require_whole_guarantee(vlan: Vlan, directions: Iterable[str], rate: Rate) -> None:
    """Raise ConfirmationNeededError where a limit of `rate` cuts a guarantee of `vlan`."""
    directions = tuple(directions)
    limit = VlanLimit(
        upload=rate if "upload" in directions else None,
        download=rate if "download" in directions else None,
    )
    cut = lowered_guarantees(vlan, limit)
    if cut:
        raise ConfirmationNeededError(
            phrase(
                "A limit of {rate} cuts the guarantee of {vlan}: {cut}.",
                rate=rate,
                vlan=vlan.name,
                cut=_rates(cut),
            ),
            question=phrase("Limit {vlan} to {rate} anyway?", vlan=vlan.name, rate=rate),
            remedy="Choose a rate that is not below the guarantee, or add `--yes`.",
        )


def _effect_texts(stranded: Iterable[StrandedPolicy]) -> Iterator[str]:
    """What becomes of the new connections of each VLAN; those with the same end together."""
    vlans: dict[str | None, list[str]] = {}
    for each in stranded:
        vlans.setdefault(each.fallback, []).extend(each.vlans)
    for fallback, names in vlans.items():
        vlans_text = _names(names)
        if fallback is None:
            yield phrase("new connections of {vlans} are refused", vlans=vlans_text)
        else:
            yield phrase(
                "new connections of {vlans} go by {fallback}, which is not fit",
                vlans=vlans_text,
                fallback=fallback,
            )


def _rates(found: Mapping[str, Rate]) -> str:
    return ", ".join(f"{rate} {direction}" for direction, rate in found.items())


def _names(found: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(found))
