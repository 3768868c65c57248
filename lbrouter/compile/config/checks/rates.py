"""Checks of the bandwidths: of each VLAN, and of all against what the uplinks carry."""

from collections.abc import Iterator, Mapping
from typing import Final

from lbrouter.compile.config.diagnostics import Diagnostic
from lbrouter.model.config import Bandwidth, Config
from lbrouter.model.units import Rate

BANDWIDTH_DIRECTIONS: Final = ("upload", "download")

MAX_SUM_TERMS: Final = 8
"""Terms of a sum that a message shows."""


def errors(config: Config) -> Iterator[Diagnostic]:
    """Bandwidths whose own keys contradict each other."""
    for vlan in config.vlans.values():
        for direction in BANDWIDTH_DIRECTIONS:
            share: Bandwidth | None = getattr(vlan, direction)
            if share is None or share.ceiling is None or share.ceiling >= share.guaranteed:
                continue
            why = f"is less than what is guaranteed, {share.guaranteed}"
            path = ("vlans", vlan.name, direction, "ceiling")
            accepted = f"{share.guaranteed} or more"
            yield Diagnostic(path=path, value=str(share.ceiling), reason=why, accepted=accepted)


def warnings(config: Config) -> Iterator[Diagnostic]:
    """Guarantees that the uplinks cannot keep, alone or in sum; ceilings without effect."""
    yield from _ineffective_client_ceilings(config)
    for direction in BANDWIDTH_DIRECTIONS:
        guarantees = _guarantees(config, direction)
        rates = {name: getattr(uplink, direction) for name, uplink in config.uplinks.items()}
        if guarantees and not any(rates.values()):
            why = f"no uplink has {direction}, so no {direction} of a VLAN has any effect"
            yield Diagnostic(path=("uplinks",), reason=why)
        elif all(rates.values()) and sum(guarantees.values()) > sum(rates.values()):
            why = (
                f"the {direction} guarantees are more than the uplinks carry:"
                f" {_format_sum(guarantees)}, "
            )
            why += (
                f"but {_format_sum(rates)}; they will be cut, by priority, equal ones in proportion"
            )
            yield Diagnostic(path=("vlans",), reason=why)
        else:
            yield from _guarantees_beyond_policy(config, direction, guarantees, rates)


def _ineffective_client_ceilings(config: Config) -> Iterator[Diagnostic]:
    """A client ceiling that is not below the ceiling of its VLAN."""
    for name, vlan in config.vlans.items():
        for direction in BANDWIDTH_DIRECTIONS:
            share: Bandwidth | None = getattr(vlan, direction)
            if share is None or share.ceiling is None or share.per_client is None:
                continue
            if share.per_client >= share.ceiling:
                path = ("vlans", name, direction, "per_client")
                why = f"has no effect: the VLAN's ceiling is {share.ceiling}"
                yield Diagnostic(path=path, value=str(share.per_client), reason=why)


def _guarantees(config: Config, direction: str) -> dict[str, Rate]:
    shares = {name: getattr(vlan, direction) for name, vlan in config.vlans.items()}
    return {name: share.guaranteed for name, share in shares.items() if share is not None}


def _guarantees_beyond_policy(
    config: Config,
    direction: str,
    guarantees: Mapping[str, Rate],
    rates: Mapping[str, Rate | None],
) -> Iterator[Diagnostic]:
    """A guarantee beyond what the uplinks of the VLAN's own policy carry together."""
    for name, rate in guarantees.items():
        policy = config.policies[config.vlans[name].policy]
        carried = {uplink: rates[uplink] for uplink in policy.uplinks}
        known = {uplink: carries for uplink, carries in carried.items() if carries is not None}
        if len(known) == len(carried) and rate > sum(known.values()):
            why = f"is more than the uplinks of policy {policy.name} carry: {_format_sum(known)}"
            path = ("vlans", name, direction, "guaranteed")
            yield Diagnostic(path=path, value=str(rate), reason=why)


def _format_sum(rates: Mapping[str, Rate]) -> str:
    """The sum spelled out: "fiber 50mbit + lte 20mbit = 70mbit"."""
    terms = [f"{name} {rate}" for name, rate in rates.items()][:MAX_SUM_TERMS]
    more = ["..."] if len(rates) > MAX_SUM_TERMS else []
    return f"{' + '.join(terms + more)} = {Rate(sum(rates.values()))}"
