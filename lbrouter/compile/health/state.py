"""`HealthState`: the memory of every line, and questions about several of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from lbrouter.compile.health.condition import IN_USE_STATES, exceeded_policies
from lbrouter.compile.health.uplink_memory import UplinkMemory
from lbrouter.model.config import Config
from lbrouter.model.health import UplinkState
from lbrouter.model.kernel_state import AddressFamily

LineKey = tuple[str, AddressFamily]
"""An uplink by name, and a family of it."""

STATE_ORDER: Final = (
    UplinkState.UP,
    UplinkState.DEGRADED,
    UplinkState.DRAINED,
    UplinkState.CHECKING,
    UplinkState.DOWN,
    UplinkState.WAITING,
)
"""The better state first: that of an uplink is the better one of its families."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthState:
    """The memory of all lines, at one moment of the monotonic clock."""

    at: float
    config: Config
    lines: Mapping[LineKey, UplinkMemory] = field(default_factory=dict)
    pins: Mapping[str, str] = field(default_factory=dict)
    answered_targets: frozenset[tuple[AddressFamily, str]] = frozenset()
    """Targets that the file does not name and that answered by some line."""

    @property
    def uplinks(self) -> dict[str, UplinkMemory]:
        """By uplink, the memory of its better family."""
        return {name: self.best_family(name) for name in self.config.uplinks}

    def families_of(self, name: str) -> Iterator[tuple[AddressFamily, UplinkMemory]]:
        """The families of one uplink, IPv4 first."""
        for family in AddressFamily:
            line = self.lines.get((name, family))
            if line is not None:
                yield family, line

    def best_family(self, name: str) -> UplinkMemory:
        """The memory of the better family. Raises KeyError for an unknown uplink."""
        known = [line for _, line in self.families_of(name)]
        own = [line for line in known if not line.follows_other_family] or known
        if not own:
            raise KeyError(name)
        return min(own, key=lambda line: STATE_ORDER.index(line.state))

    def judging_line(self, key: LineKey) -> UplinkMemory:
        """The memory that tells of this line: another family's, where its own has no target.

        Only while this family has an address, and the other one has too.
        """
        line = self.lines[key]
        if line.follows_other_family and line.state is UplinkState.CHECKING:
            for family, other in self.families_of(key[0]):
                if family is not key[1] and other.addressed:
                    return other
        return line


def is_last_resort(state: HealthState, key: LineKey) -> bool:
    """Whether this line is out of use and some policy of it has no usable one in this family."""
    name, family = key
    if state.lines[key].state in IN_USE_STATES:
        return False
    others = [n for n, each in state.lines if each is family and n != name]
    return any(
        not any(is_usable(state, (other, family), policy) for other in others)
        for policy in state.lines[key].settings.policies
    )


def is_usable(state: HealthState, key: LineKey, policy: str) -> bool:
    """Whether the line can carry new flows of a policy that lists its uplink."""
    line = state.judging_line(key)
    listed = policy in line.settings.policies
    return listed and line.state in IN_USE_STATES and policy not in exceeded_policies(line)
