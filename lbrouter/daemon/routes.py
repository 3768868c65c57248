"""Where new flows go, policy by policy, in words: for the timeline."""

from collections.abc import Iterator

from lbrouter.compile.balance import choose
from lbrouter.daemon.rounds import Held
from lbrouter.model.config import Policy
from lbrouter.model.state import Family


def told(before: Held, after: Held) -> Iterator[tuple[str, str]]:
    """Policies whose way has changed, each with a sentence."""
    for name, policy in after.file.config.policies.items():
        old_policy = before.file.config.policies.get(name)
        old = _ways(before, old_policy) if old_policy is not None else ""
        new = _ways(after, policy)
        if old != new:
            yield name, f"{name}: new flows go by {new} (before: {old or 'nothing'})"


def _ways(held: Held, policy: Policy) -> str:
    """The uplinks of a policy, of IPv4 or else of IPv6."""
    for family in (Family.V4, Family.V6):
        shares = choose(held.file.config, policy, held.found.health, family, held.found.facts)
        if shares:
            total = sum(share.weight for share in shares)
            return ", ".join(_share(s.uplink, s.weight, total) for s in shares)
    return "no uplink: answered as unreachable"


def _share(uplink: str, weight: int, total: int) -> str:
    return uplink if weight == total else f"{uplink} ({100 * weight / total:.0f} %)"
