"""Where new flows go, policy by policy, in words: for the timeline."""

from collections.abc import Iterator
from dataclasses import dataclass

from lbrouter.compile.routing.balance import choose
from lbrouter.daemon.reconcile.reconciler import Held
from lbrouter.model.config import Policy
from lbrouter.model.kernel_state import Family

NOWHERE = "no uplink: answered as unreachable"

Ways = dict[str, int]
"""Uplinks with their weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A policy whose way has changed. `stayed` are policies that stay on an uplink it has left."""

    policy: str
    text: str
    old: tuple[str, ...]
    new: tuple[str, ...]
    stayed: tuple[str, ...]


def told(before: Held, after: Held) -> Iterator[Move]:
    """Policies whose way has changed, each with a sentence."""
    old, new = _all_ways(before), _all_ways(after)
    still = {name: ways for name, ways in new.items() if old.get(name) == ways}
    for name, ways in new.items():
        if name not in still:
            was = old.get(name)
            left = set(was or ()) - set(ways)
            yield Move(
                policy=name,
                text=f"{name}: new flows go by {_words(ways)} (before: {_before(was)})",
                old=tuple(was or ()),
                new=tuple(ways),
                stayed=tuple(other for other, by in still.items() if left & set(by)),
            )


def _all_ways(held: Held) -> dict[str, Ways]:
    return {name: _ways(held, policy) for name, policy in held.file.config.policies.items()}


def _ways(held: Held, policy: Policy) -> Ways:
    """The uplinks of a policy, of IPv4 or else of IPv6."""
    for family in (Family.V4, Family.V6):
        shares = choose(held.file.config, policy, held.found.health, family, held.found.facts)
        if shares:
            return {share.uplink: share.weight for share in shares}
    return {}


def _before(ways: Ways | None) -> str:
    return "nothing" if ways is None else _words(ways)


def _words(ways: Ways) -> str:
    total = sum(ways.values())
    return ", ".join(_share(uplink, weight, total) for uplink, weight in ways.items()) or NOWHERE


def _share(uplink: str, weight: int, total: int) -> str:
    return uplink if weight == total else f"{uplink} ({100 * weight / total:.0f} %)"
