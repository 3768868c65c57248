"""What was observed of the machine for one configuration, and what an apply makes of it."""

from dataclasses import dataclass, field, replace

from lbrouter.compile.shaping import foreign_qdiscs
from lbrouter.compile.shaping.build import ShapingPlan, build_shaping
from lbrouter.compile.shaping.foreign_qdiscs import ForeignQdiscPolicy
from lbrouter.compile.shaping.overrides import VlanLimits
from lbrouter.compile.state.desired import desired_state
from lbrouter.compile.state.diff import diff
from lbrouter.daemon.config_file import ConfigFile
from lbrouter.model.config import Config
from lbrouter.model.errors import NotAppliedError
from lbrouter.model.facts import Allocation, Facts, ObserveScope
from lbrouter.model.health import GatewayHealth
from lbrouter.model.kernel_state import KernelState
from lbrouter.model.messages.phrase import joined_phrases, phrase
from lbrouter.model.plan import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineSnapshot:
    """The observed machine, the saved state and the operator's limits, for one configuration."""

    scope: ObserveScope
    facts: Facts
    observed: KernelState
    baseline: KernelState
    allocation: Allocation
    health: GatewayHealth
    limits: VlanLimits = field(default_factory=dict)
    blocked: frozenset[str] = frozenset()
    """Hardware addresses that an operator has shut out."""

    def shaping(self, config: Config) -> ShapingPlan:
        """How `config` is shaped, as things are: the classes, and the guarantees that are short."""
        return build_shaping(
            config,
            allocation=self.allocation,
            health=self.health,
            facts=self.facts,
            limits=self.limits,
        )

    def foreign_qdisc_warnings(self, config: Config) -> tuple[str, ...]:
        """Foreign queueing disciplines where `config` wants ours, as sentences."""
        permitted = foreign_qdiscs.permit_all(self.facts)
        if not permitted.take_over:
            return ()
        wanted = replace(self, facts=permitted).shaping(config).qdiscs
        return tuple(foreign_qdiscs.conflicts(wanted, self.facts))

    def with_foreign_qdisc_policy(
        self, config: Config, policy: ForeignQdiscPolicy
    ) -> "MachineSnapshot":
        """The same, with the permission that `policy` gives; NotAppliedError where it refuses."""
        if policy is ForeignQdiscPolicy.LEAVE:
            return self
        if policy is ForeignQdiscPolicy.REFUSE:
            blocked = self.foreign_qdisc_warnings(config)
            if blocked:
                raise NotAppliedError(
                    joined_phrases("\n  ", blocked),
                    remedy=phrase(
                        "`lbrouter apply {option}` replaces it; `down` cannot give it back.",
                        option=foreign_qdiscs.TAKE_OVER_OPTION,
                    ),
                )
        return replace(self, facts=foreign_qdiscs.permit_all(self.facts))

    def planned(self, file: ConfigFile) -> "AppliedState":
        """What an apply of `file` is to make of the kernel: computed here, and nowhere else."""
        shaping = self.shaping(file.config)
        state = desired_state(
            file.config,
            allocation=self.allocation,
            health=self.health,
            facts=self.facts,
            baseline=self.baseline,
            shaping=shaping,
            blocked=self.blocked,
        )
        return AppliedState(file=file, snapshot=self, state=state, shaping=shaping)


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedState:
    """What the kernel held when it was last observed, and what it was derived from.

    `shaping` is the plan that its classes were made by: the timeline, `status` and the warnings
    read their guarantees there.
    """

    file: ConfigFile
    snapshot: MachineSnapshot
    state: KernelState
    shaping: ShapingPlan

    def steps(self) -> Plan:
        """What leads from the observed kernel to `state`."""
        return diff(self.snapshot.observed, self.state)
