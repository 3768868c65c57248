"""Checks of the bandwidths: of each VLAN, and of all against what the uplinks carry."""

from collections.abc import Iterator, Mapping
from typing import Final

from lbrouter.compile.config.diagnostics import Diagnostic
from lbrouter.model.config import Bandwidth, Config, Policy, PolicyMode
from lbrouter.model.messages.phrase import Phrase, joined_phrases, phrase
from lbrouter.model.units import Percent, Rate

BANDWIDTH_DIRECTIONS: Final = ("upload", "download")

MAX_SUM_TERMS: Final = 8
"""Terms of a sum that a message shows."""

SWAPPED_FACTOR: Final = 1.5
"""No provider sells a line with an upload this much faster than its download."""


def errors(config: Config) -> Iterator[Diagnostic]:
    """Bandwidths whose own keys contradict each other."""
    for vlan in config.vlans.values():
        for direction in BANDWIDTH_DIRECTIONS:
            share: Bandwidth | None = getattr(vlan, direction)
            if share is None or share.ceiling is None or share.ceiling >= share.guaranteed:
                continue
            why = phrase(
                "is less than what is guaranteed, {guaranteed}", guaranteed=share.guaranteed
            )
            path = ("vlans", vlan.name, direction, "ceiling")
            accepted = phrase("{guaranteed} or more", guaranteed=share.guaranteed)
            yield Diagnostic(path=path, value=str(share.ceiling), reason=why, accepted=accepted)


def warnings(config: Config) -> Iterator[Diagnostic]:
    """Guarantees that the uplinks cannot keep, alone or in sum; ceilings without effect; rates of
    a line that look swapped.
    """
    yield from _ineffective_client_ceilings(config)
    for name, uplink in config.uplinks.items():
        up, down = uplink.upload, uplink.download
        if up is not None and down is not None and up >= down * SWAPPED_FACTOR:
            why = phrase("is more than download, {down}; are the two swapped?", down=down)
            path = ("uplinks", name, "upload")
            yield Diagnostic(path=path, value=str(up), reason=why)
    for direction in BANDWIDTH_DIRECTIONS:
        shares = {name: getattr(vlan, direction) for name, vlan in config.vlans.items()}
        guarantees = {name: share.guaranteed for name, share in shares.items() if share is not None}
        rates = {name: getattr(uplink, direction) for name, uplink in config.uplinks.items()}
        if guarantees and not any(rates.values()):
            why = phrase(
                "no uplink has {direction}, so no {direction} of a VLAN has any effect",
                direction=direction,
            )
            yield Diagnostic(path=("uplinks",), reason=why)
        elif all(rates.values()) and sum(guarantees.values()) > sum(rates.values()):
            why = phrase(
                "the {direction} guarantees are more than the uplinks carry: {guarantees},"
                " but {rates}; they will be cut, by priority, equal ones in proportion",
                direction=direction,
                guarantees=_format_sum(guarantees),
                rates=_format_sum(rates),
            )
            yield Diagnostic(path=("vlans",), reason=why)
        else:
            yield from _guarantees_beyond_policy(config, direction, guarantees)


def _ineffective_client_ceilings(config: Config) -> Iterator[Diagnostic]:
    """A client ceiling that is not below the ceiling of its VLAN."""
    for name, vlan in config.vlans.items():
        for direction in BANDWIDTH_DIRECTIONS:
            share: Bandwidth | None = getattr(vlan, direction)
            if share is None or share.ceiling is None or share.per_client is None:
                continue
            if share.per_client >= share.ceiling:
                path = ("vlans", name, direction, "per_client")
                why = phrase(
                    "has no effect: the VLAN's ceiling is {ceiling}", ceiling=share.ceiling
                )
                yield Diagnostic(path=path, value=str(share.per_client), reason=why)


def usable_rates(config: Config, direction: str) -> dict[str, Rate | None]:
    """What each line carries in one direction, less its headroom; None where it is not shaped."""
    rates = {name: getattr(uplink, direction) for name, uplink in config.uplinks.items()}
    return {
        name: None if rate is None else _less_headroom(rate, config.uplinks[name].headroom)
        for name, rate in rates.items()
    }


def _less_headroom(rate: Rate, headroom: Percent) -> Rate:
    return Rate(rate * (10_000 - headroom) // 10_000)


def _guarantees_beyond_policy(
    config: Config, direction: str, guarantees: Mapping[str, Rate]
) -> Iterator[Diagnostic]:
    """Guarantees that no single line of a policy carries: of one VLAN, and of all of a policy."""
    usable = usable_rates(config, direction)
    for policy in config.policies.values():
        lines = {name: rate for name in policy.uplinks if (rate := usable[name]) is not None}
        own = {n: rate for n, rate in guarantees.items() if config.vlans[n].policy == policy.name}
        if len(lines) < len(policy.uplinks) or not own:
            continue
        beyond = {name: rate for name, rate in own.items() if rate > max(lines.values())}
        for name, rate in beyond.items():
            path = ("vlans", name, direction, "guaranteed")
            why = phrase(
                "{too_small}; {consequence}",
                too_small=_too_small(config, policy, direction),
                consequence=_consequence(policy, rate, lines),
            )
            yield Diagnostic(path=path, value=str(rate), reason=why)
        together = sum(own.values()) > max(lines.values())
        if policy.mode is PolicyMode.FAILOVER and together and not beyond:
            why = phrase(
                "the {direction} guarantees of its VLANs are {own}, and {too_small}",
                direction=direction,
                own=_format_sum(own),
                too_small=_too_small(config, policy, direction),
            )
            yield Diagnostic(path=("policies", policy.name), reason=why)


def _too_small(config: Config, policy: Policy, direction: str) -> Phrase:
    """That no line carries it, with the arithmetic: "fiber 20mbit - 5% headroom = 19mbit"."""
    terms: list[str] = []
    for name in policy.uplinks[:MAX_SUM_TERMS]:
        uplink = config.uplinks[name]
        rate = getattr(uplink, direction)
        left = _less_headroom(rate, uplink.headroom)
        terms.append(
            phrase(
                "{name} {rate} - {headroom} headroom = {left}",
                name=name,
                rate=rate,
                headroom=uplink.headroom,
                left=left,
            )
        )
    more = ["..."] if len(policy.uplinks) > MAX_SUM_TERMS else []
    return phrase(
        "no single line of policy {policy} can carry it: {terms}",
        policy=policy.name,
        terms=joined_phrases(", ", terms + more),
    )


def _consequence(policy: Policy, rate: Rate, lines: Mapping[str, Rate]) -> Phrase:
    if policy.mode is PolicyMode.FAILOVER or len(lines) == 1:
        return phrase("it will be cut")
    if rate > sum(lines.values()):
        return phrase("nor can all together: {lines}", lines=_format_sum(lines))
    return phrase("it holds only while several of them work")


def _format_sum(rates: Mapping[str, Rate]) -> str:
    """The sum spelled out: "fiber 50mbit + lte 20mbit = 70mbit"."""
    terms = [f"{name} {rate}" for name, rate in rates.items()][:MAX_SUM_TERMS]
    more = ["..."] if len(rates) > MAX_SUM_TERMS else []
    return f"{' + '.join(terms + more)} = {Rate(sum(rates.values()))}"
