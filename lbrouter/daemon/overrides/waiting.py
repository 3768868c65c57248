"""Operator overrides that wait: the file lacks what they are about. They are kept, and told."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from lbrouter.daemon.events.journal import Journal
from lbrouter.daemon.overrides.store import OperatorOverrides
from lbrouter.model.config import Config
from lbrouter.model.messages.codes import EventCode
from lbrouter.model.messages.message import Message, message


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingOverride:
    """What is kept ("the drain of fiber"), what it waits for ("uplink fiber"), how to end it."""

    subject: str
    what: Message
    waits_for: Message
    end: str

    @property
    def message(self) -> Message:
        """For the timeline, and for who applies a file."""
        return message(
            EventCode.OVERRIDE_WAITS, override=self.what, waits_for=self.waits_for, command=self.end
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
            each = self._told[what]
            self._journal.log("wish", each.message, subject=each.subject)
        kept = _without_place(overrides, _KnownNames())
        for what in (before.keys() & kept.keys()) - self._told.keys():
            each = before[what]
            said = message(EventCode.OVERRIDE_BACK, override=each.what, waits_for=each.waits_for)
            self._journal.log("wish", said, subject=each.subject)


def _without_place(overrides: OperatorOverrides, known: _KnownNames) -> dict[str, WaitingOverride]:
    found = (
        *(
            WaitingOverride(
                subject=name,
                what=message(EventCode.OVERRIDE, uplink=name),
                waits_for=message(EventCode.AWAITED, uplink=name),
                end=f"lbrouter uplink restore {name}",
            )
            for name in sorted(overrides.drained.difference(known.uplinks))
        ),
        *_waiting_pins(overrides, known),
        *(
            WaitingOverride(
                subject=vlan,
                what=message(EventCode.OVERRIDE, vlan=vlan),
                waits_for=message(EventCode.AWAITED, vlan=vlan),
                end=f"lbrouter limit {vlan} off",
            )
            for vlan in sorted(overrides.limits.vlans().difference(known.vlans))
        ),
    )
    return {str(each.what): each for each in found}


def _waiting_pins(overrides: OperatorOverrides, known: _KnownNames) -> Iterator[WaitingOverride]:
    for policy, uplink in overrides.pins.items():
        if uplink in known.policies.get(policy, ()):
            continue
        waits_for = message(EventCode.AWAITED, uplink=uplink)
        if uplink in known.uplinks:
            waits_for = message(EventCode.AWAITED, policy=policy)
            if policy in known.policies:
                waits_for = message(EventCode.AWAITED, uplink=uplink, policy=policy)
        yield WaitingOverride(
            subject=uplink,
            what=message(EventCode.OVERRIDE, policy=policy, uplink=uplink),
            waits_for=waits_for,
            end=f"lbrouter uplink restore {uplink}",
        )
