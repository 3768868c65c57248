"""Checks of the health settings: of the defaults, and of each uplink that overrides some."""

from collections.abc import Iterator, Sequence
from typing import Final

from lbrouter.compile.config.checks.names import duplicates
from lbrouter.compile.config.diagnostics import Diagnostic, KeyPath
from lbrouter.model.config import (
    Config,
    Health,
    HealthOverride,
    ProbeTarget,
    TargetKind,
    Uplink,
)
from lbrouter.model.messages.phrase import phrase
from lbrouter.model.units import Duration

PROBE_INTERVAL_RANGE: Final = (Duration(50), Duration(60_000))
DOWN_AFTER_RANGE: Final = (Duration(100), Duration(600_000))
UP_AFTER_RANGE: Final = (Duration(0), Duration(3_600_000))

MIN_PROBES_UNTIL_DOWN: Final = 2
"""Probes that must stay without answer: one lost packet is no outage."""


def errors(config: Config) -> Iterator[Diagnostic]:
    """Times out of range, and settings where a single lost probe means down."""
    yield from _section_errors(config.health, ("health",), frozenset(Health.model_fields))
    for uplink in config.uplinks.values():
        own = frozenset(key for key, value in uplink.health if value is not None)
        if own:
            where: KeyPath = ("uplinks", uplink.name, "health")
            yield from _section_errors(config.health_settings_of(uplink), where, own)


def _section_errors(health: Health, where: KeyPath, own: frozenset[str]) -> Iterator[Diagnostic]:
    """Diagnostics for the keys in `own`, which the section itself sets."""
    limits = {
        "interval": PROBE_INTERVAL_RANGE,
        "down_after": DOWN_AFTER_RANGE,
        "up_after": UP_AFTER_RANGE,
    }
    for key in sorted(own & limits.keys()):
        low, high = limits[key]
        if not low <= getattr(health, key) <= high:
            yield Diagnostic(
                path=(*where, key),
                value=str(getattr(health, key)),
                reason="is out of range",
                accepted=phrase("{low} to {high}", low=low, high=high),
            )
    if "targets" in own:
        yield from duplicates([str(target) for target in health.targets], (*where, "targets"))
    if own & {"interval", "down_after"}:
        # An uplink that sets the interval alone is told about the interval.
        path = (*where, "down_after" if "down_after" in own else "interval")
        least = Duration(MIN_PROBES_UNTIL_DOWN * health.interval)
        if health.down_after < least:
            yield Diagnostic(
                path=path,
                value=str(health.down_after if path[-1] == "down_after" else health.interval),
                reason=phrase(
                    "one lost probe would be an outage: down_after = {down_after} is less than"
                    " {probes} x interval = {least}",
                    down_after=health.down_after,
                    probes=MIN_PROBES_UNTIL_DOWN,
                    least=least,
                ),
                accepted=phrase("down_after of {least} or more", least=least),
                depends_on=(("health",), path[:-1]),
            )


def warnings(config: Config) -> Iterator[Diagnostic]:
    """Targets that say little about the line."""
    sections = {_targets_path(u.health, u): u for u in config.uplinks.values()}
    for path, uplink in sections.items():
        yield from _one_kind(config.health_settings_of(uplink).targets, path)
    for uplink in config.uplinks.values():
        targets = config.health_settings_of(uplink).targets
        where = _targets_path(uplink.health, uplink)
        if len(targets) == 1:
            why = phrase(
                "is the only target of uplink {uplink}: when it fails, the line looks down",
                uplink=uplink.name,
            )
            yield Diagnostic(path=where, value=str(targets[0]), reason=why)
        # A target without an address is a name, which may resolve to IPv6.
        may_be_ipv6 = any(t.address is None or ":" in str(t.address) for t in targets)
        if uplink.address is None and not may_be_ipv6:
            why = phrase(
                "uplink {uplink} has IPv6 alone, and no target here has an IPv6 address",
                uplink=uplink.name,
            )
            yield Diagnostic(path=where, reason=why, accepted='"icmp://[2606:4700:4700::1111]" say')


def _one_kind(targets: Sequence[ProbeTarget], path: KeyPath) -> Iterator[Diagnostic]:
    """Several targets of one protocol: what is done to that protocol looks like the line."""
    kinds = {target.kind for target in targets}
    if len(targets) > 1 and len(kinds) == 1:
        kind = kinds.pop()
        other = "dns://9.9.9.9" if kind is not TargetKind.DNS else "icmp://1.1.1.1"
        why = phrase(
            "all are {kind}: a provider that drops {kind} alone looks like a dead line,"
            " and one that lets {kind} alone pass looks like a good one",
            kind=kind,
        )
        yield Diagnostic(
            path=path,
            reason=why,
            accepted=phrase('one of another kind, such as "{other}"', other=other),
        )


def _targets_path(override: HealthOverride, uplink: Uplink) -> KeyPath:
    """The key that sets the targets of an uplink."""
    if override.targets is None:
        return ("health", "targets")
    return ("uplinks", uplink.name, "health", "targets")
