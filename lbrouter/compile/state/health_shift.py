"""`HealthShift`: a change of the kernel that was planned for one health, while another holds.

A change (a reconcile, an apply) takes time, and steering does not wait for it: a line may die
between two operations. Then each operation of the change is translated to what the present health
wants, and what is observed is translated back. So the change finds what it planned, undoes what it
did, and never moves a flow back to the line that died.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from lbrouter.compile.state import fast_path
from lbrouter.compile.state.diff import diff
from lbrouter.model.config import Config
from lbrouter.model.health import GatewayHealth, UplinkHealth
from lbrouter.model.kernel_state import KernelState, NftElements, NftTable, Route
from lbrouter.model.plan import Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class SteeredState:
    """One file's state: as it was `planned`, and as the `present` health wants it."""

    planned: KernelState
    present: KernelState

    @property
    def structure(self) -> str:
        """Which ruleset the state has; "" for none."""
        return "" if self.planned.nft is None else self.planned.nft.structure


def steered_state(planned: KernelState, wanted: KernelState) -> SteeredState:
    """`planned` with all of `wanted` that steering changes: routes and elements."""
    urgent = fast_path.failover_operations(diff(planned, wanted))
    return SteeredState(planned=planned, present=fast_path.state_after(planned, urgent))


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthShift:
    """The states of the files concerned: the one that is applied, the one that was in force.

    Empty where the health is the one that the change was planned for: then nothing is translated.
    """

    states: tuple[SteeredState, ...] = ()

    def operation(self, operation: Operation, table: NftTable | None) -> Operation | None:
        """The operation to carry out in place of `operation`; None where there is nothing to do.

        `table` is the table in the kernel: steering may have changed it since the plan was made.
        """
        old, new = operation.old, operation.new
        if isinstance(new, NftTable):
            known = old if table is None or not isinstance(old, NftTable) else table
            state = self._state_of(new)
            return replace(
                operation,
                new=new if state is None else _exchanged(new, state.planned.nft, state.present.nft),
                old=known,
            )
        if isinstance(operation.managed_object, Route):
            return self._route_operation(operation, table)
        return operation

    def as_planned(self, observed: KernelState) -> KernelState:
        """What would have been observed if the health had stayed as it was planned for."""
        table = observed.nft
        state = None if table is None else self._state_of(table)
        if table is None or state is None:
            return observed
        gone = state.present.routes - state.planned.routes
        come = state.planned.routes - state.present.routes
        routes = observed.routes
        return replace(
            observed,
            routes=(routes - gone) | come if gone <= routes else routes,
            nft=_exchanged(table, state.present.nft, state.planned.nft),
        )

    def _state_of(self, table: NftTable) -> SteeredState | None:
        matching = (state for state in self.states if state.structure == table.structure)
        return next(matching, None)

    def _route_operation(self, operation: Operation, table: NftTable | None) -> Operation | None:
        """A route that the present health wants otherwise, or not at all.

        By the file whose ruleset is in the kernel, if it is one of both: an undo goes back to it.
        """
        route, structure = operation.managed_object, "" if table is None else table.structure
        for state in sorted(self.states, key=lambda steered: steered.structure != structure):
            if route in state.planned.routes - state.present.routes:
                wanted = {
                    wanted_route.key: wanted_route for wanted_route in state.present.routes
                }.get(route.key)
                if wanted is None:
                    return None
                removal = operation.new is None
                return replace(
                    operation,
                    new=None if removal else wanted,
                    old=wanted if removal else operation.old,
                )
        return operation


def _exchanged(table: NftTable, before: NftTable | None, after: NftTable | None) -> NftTable:
    """`table` with the difference between two tables, in each set that holds all of `before`."""
    assert before is not None
    assert after is not None
    elements: dict[str, NftElements] = {}
    for name, own in table.elements.items():
        gone = before.elements.get(name, frozenset())
        come = after.elements.get(name, frozenset())
        elements[name] = (own - gone) | come if gone <= own else own
    return replace(table, elements=elements)


def merged_health(
    planned: GatewayHealth,
    present: GatewayHealth,
    *,
    began: GatewayHealth | None,
    names: Mapping[str, str],
) -> GatewayHealth:
    """The health that a file was planned for, with what has changed since by another file.

    `names` are the lines of both files (`common_lines`): their name here, and in the other file.
    `began` is the health of the other file when the change began.
    """
    before = {} if began is None else began.uplinks
    changed = {
        name: present.uplinks[other]
        for name, other in names.items()
        if other in present.uplinks
        and not (other in before and _same_judgement(present.uplinks[other], before[other]))
    }
    return replace(planned, uplinks={**planned.uplinks, **changed})


def _same_judgement(one: UplinkHealth, other: UplinkHealth) -> bool:
    """Whether both let the same flows by this line, in each family, however good it is."""
    return _judgement(one) == _judgement(other)


def _judgement(line: UplinkHealth) -> tuple[object, ...]:
    families = {f: (each.state, each.excluded_policies) for f, each in line.families.items()}
    own = (line.state, line.excluded_policies, line.carrier, line.drained, line.move_flows)
    return (*own, families)


def common_lines(one: Config, other: Config) -> dict[str, str]:
    """The lines of both files: the name of each in `one`, and in `other`.

    A line is known by its identity, whatever its name; where the address alone differs, by its name
    and its interface.
    """
    known = {uplink.identity: name for name, uplink in other.uplinks.items()}
    found = {
        n: known[uplink.identity] for n, uplink in one.uplinks.items() if uplink.identity in known
    }
    for name, uplink in one.uplinks.items():
        same = other.uplinks.get(name)
        if name not in found and same is not None and same.interface == uplink.interface:
            found[name] = name
    return found
