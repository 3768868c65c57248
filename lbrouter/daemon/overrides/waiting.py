"""Operator overrides that wait: the file lacks what they are about. They are kept, and told."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from lbrouter.daemon.events.journal import Journal
from lbrouter.daemon.overrides.store import OperatorOverrides
from lbrouter.model.config import Config


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingOverride:
    """What is kept ("the drain of fiber"), what it waits for ("uplink fiber"), how to end it."""

    subject: str
    what: str
    waits_for: str
    end: str

    @property
    def text(self) -> str:
        """For the timeline, and for who applies a file."""
        return (
            f"{self.what} is kept and waiting for {self.waits_for}, which the file does not have"
            f" (`{self.end}` ends it)"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _KnownNames:
    """The names of a file; none of them where there is no file."""

    uplinks: Collection[str] = ()
    vlans: Collection[str] = ()
    policies: Mapping[str, Collection[str]] = field(default_factory=dict)
    """With the uplinks of each."""


def waiting_overrides(
    overrides: OperatorOverrides, config: Config
) -> Mapping[str, WaitingOverride]:
    """The overrides that `config` has no place for, by what they are."""
    policies = {name: policy.uplinks for name, policy in config.policies.items()}
    return _without_place(
        overrides, _KnownNames(uplinks=config.uplinks, vlans=config.vlans, policies=policies)
    )


class WaitingOverrideLog:
    """Tells the timeline which overrides begin to wait, and which are in force again."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._told: Mapping[str, WaitingOverride] = {}

    def update(self, overrides: OperatorOverrides, config: Config) -> None:
        """`config` is in force now. What an operator has ended meanwhile is not told again."""
        before, self._told = self._told, waiting_overrides(overrides, config)
        for what in self._told.keys() - before.keys():
            self._journal.log("wish", self._told[what].text, subject=self._told[what].subject)
        kept = _without_place(overrides, _KnownNames())
        for what in (before.keys() & kept.keys()) - self._told.keys():
            said = f"{what} is in force again: the file has {before[what].waits_for}"
            self._journal.log("wish", said, subject=before[what].subject)


def _without_place(overrides: OperatorOverrides, known: _KnownNames) -> dict[str, WaitingOverride]:
    found = (
        *_waiting_drains(overrides, known),
        *_waiting_pins(overrides, known),
        *_waiting_limits(overrides, known),
    )
    return {each.what: each for each in found}


def _waiting_drains(overrides: OperatorOverrides, known: _KnownNames) -> Iterator[WaitingOverride]:
    for name in sorted(overrides.drained.difference(known.uplinks)):
        yield WaitingOverride(
            subject=name,
            what=f"the drain of {name}",
            waits_for=f"uplink {name}",
            end=f"lbrouter uplink restore {name}",
        )


def _waiting_pins(overrides: OperatorOverrides, known: _KnownNames) -> Iterator[WaitingOverride]:
    for policy, uplink in overrides.pins.items():
        if uplink in known.policies.get(policy, ()):
            continue
        waits_for = f"uplink {uplink}"
        if uplink in known.uplinks:
            listed = policy in known.policies
            waits_for = f"uplink {uplink} in policy {policy}" if listed else f"policy {policy}"
        yield WaitingOverride(
            subject=uplink,
            what=f"the pin of {policy} to {uplink}",
            waits_for=waits_for,
            end=f"lbrouter uplink restore {uplink}",
        )


def _waiting_limits(overrides: OperatorOverrides, known: _KnownNames) -> Iterator[WaitingOverride]:
    for vlan in sorted(overrides.limits.vlans().difference(known.vlans)):
        yield WaitingOverride(
            subject=vlan,
            what=f"the limit of {vlan}",
            waits_for=f"VLAN {vlan}",
            end=f"lbrouter limit {vlan} off",
        )
