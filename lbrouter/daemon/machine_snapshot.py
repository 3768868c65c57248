"""What was observed of the machine for one configuration, and what an apply makes of it."""

from dataclasses import dataclass, replace
from typing import TypedDict

from lbrouter.compile.shaping import foreign_qdiscs
from lbrouter.compile.shaping.foreign_qdiscs import ForeignQdiscPolicy
from lbrouter.compile.state.desired import (
    desired_state,
)
from lbrouter.daemon.config_file import ConfigFile
from lbrouter.model.config import Config
from lbrouter.model.errors import NotAppliedError
from lbrouter.model.facts import Allocation, Facts, ObserveScope
from lbrouter.model.health import GatewayHealth
from lbrouter.model.kernel_state import KernelState


class DesiredStateInputs(TypedDict):
    """Arguments of `desired_state`, by their names."""

    allocation: Allocation
    health: GatewayHealth
    facts: Facts
    baseline: KernelState


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineSnapshot:
    """The observed machine and the saved state, for one configuration."""

    scope: ObserveScope
    facts: Facts
    observed: KernelState
    baseline: KernelState
    allocation: Allocation
    health: GatewayHealth

    def inputs(self) -> DesiredStateInputs:
        """What `desired_state` takes, beside the configuration."""
        return {
            "allocation": self.allocation,
            "health": self.health,
            "facts": self.facts,
            "baseline": self.baseline,
        }

    def foreign_qdisc_warnings(self, config: Config) -> tuple[str, ...]:
        """Foreign queueing disciplines where `config` wants ours, as sentences."""
        everything = replace(self, facts=foreign_qdiscs.permit_all(self.facts))
        return tuple(foreign_qdiscs.conflicts(everything.desired(config), self.facts))

    def with_foreign_qdisc_policy(
        self, config: Config, policy: ForeignQdiscPolicy
    ) -> "MachineSnapshot":
        """The same, with the permission that `policy` gives; NotAppliedError where it refuses."""
        if policy is ForeignQdiscPolicy.LEAVE:
            return self
        blocked = self.foreign_qdisc_warnings(config)
        if blocked and policy is ForeignQdiscPolicy.REFUSE:
            raise NotAppliedError(
                "\n  ".join(blocked),
                remedy=f"`lbrouter apply {foreign_qdiscs.TAKE_OVER_OPTION}` replaces it;"
                " `down` cannot give it back.",
            )
        return replace(self, facts=foreign_qdiscs.permit_all(self.facts))

    def desired(self, config: Config) -> KernelState:
        """What the kernel should hold for `config`, as things are."""
        return desired_state(config, **self.inputs())

    def planned(self, file: ConfigFile) -> "AppliedState":
        """What an apply of `file` is to make of the kernel."""
        return AppliedState(file=file, snapshot=self, state=self.desired(file.config))


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedState:
    """What the kernel held when it was last observed, and what it was derived from."""

    file: ConfigFile
    snapshot: MachineSnapshot
    state: KernelState
