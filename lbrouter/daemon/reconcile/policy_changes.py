"""Changes of the uplinks that new flows use, policy by policy: for the timeline."""

from collections.abc import Iterator
from dataclasses import dataclass

from lbrouter.compile.report.policy_shares import policy_weights
from lbrouter.daemon.machine_snapshot import AppliedState
from lbrouter.model.messages.codes import EventCode
from lbrouter.model.messages.message import Message, MessageValue

UplinkWeights = dict[str, int]
"""Uplinks with their weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyChange:
    """A policy whose uplinks have changed; `stayed` are policies on an uplink that it left."""

    policy: str
    said: Message
    old: tuple[str, ...]
    new: tuple[str, ...]
    stayed: tuple[str, ...]


def policy_changes(before: AppliedState, after: AppliedState) -> Iterator[PolicyChange]:
    """Policies whose uplinks have changed, each with a message."""
    old, new = all_policy_weights(before), all_policy_weights(after)
    unchanged = {
        name: weights for name, weights in new.items() if _same_way(old.get(name), weights)
    }
    for name, weights in new.items():
        if name not in unchanged:
            was = old.get(name)
            left = set(was or ()) - set(weights)
            yield PolicyChange(
                policy=name,
                said=_move_message(name, was, weights),
                old=tuple(was or ()),
                new=tuple(weights),
                stayed=tuple(other for other, by in unchanged.items() if left & set(by)),
            )


def _same_way(old: UplinkWeights | None, new: UplinkWeights) -> bool:
    """Whether new flows go where they went: other weights may give the same shares."""
    return old is not None and _weights_text(old) == _weights_text(new)


def all_policy_weights(applied: AppliedState) -> dict[str, UplinkWeights]:
    """The uplinks of each policy that carry its new flows, with their weights."""
    config, snapshot = applied.file.config, applied.snapshot
    return {
        name: policy_weights(config, policy, snapshot.health, snapshot.facts)
        for name, policy in config.policies.items()
    }


def _move_message(policy: str, was: UplinkWeights | None, now: UplinkWeights) -> Message:
    """The new ways and those before; a key that is absent stands for no uplink at all."""
    values: dict[str, MessageValue] = {"policy": policy}
    if now:
        values["ways"] = _weights_text(now)
    if was is None:
        return Message(code=EventCode.POLICY_APPEARED, values=values)
    if was:
        values["ways_before"] = _weights_text(was)
    return Message(code=EventCode.POLICY_MOVED, values=values)


def _weights_text(weights: UplinkWeights) -> str:
    total = sum(weights.values())
    return ", ".join(_share_text(uplink, weight, total) for uplink, weight in weights.items())


def _share_text(uplink: str, weight: int, total: int) -> str:
    return uplink if weight == total else f"{uplink} ({100 * weight / total:.0f} %)"
