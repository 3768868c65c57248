"""`SimKernel`: a kernel made of one `KernelState`, for tests and for checks of a plan's prefixes.

Pure: it interprets operations and refuses what the real kernel refuses for lack of an interface, a
root or a class (`compile.state.simulate_shaping`).
The contract tests check that it behaves like `kernel.backend.LinuxKernel`.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lbrouter.compile.state.simulate_shaping import with_shaping_operation
from lbrouter.model.errors import NotAppliedError
from lbrouter.model.facts import Facts, ObserveScope
from lbrouter.model.kernel_state import (
    Address,
    Device,
    HtbClass,
    KernelState,
    LinkAdminState,
    ManagedObject,
    NftTable,
    Qdisc,
    Redirect,
    Route,
    Rule,
    Sysctl,
)
from lbrouter.model.messages.phrase import phrase
from lbrouter.model.objects.link_setting import LinkSetting
from lbrouter.model.plan import Action, Operation
from lbrouter.model.wireguard_tunnel import WireguardTunnel

KERNEL_STATE_FIELDS: Mapping[type, str] = {
    Sysctl: "sysctls",
    Device: "devices",
    WireguardTunnel: "tunnels",
    LinkAdminState: "links",
    LinkSetting: "link_settings",
    Address: "addresses",
    Route: "routes",
    Rule: "rules",
    Qdisc: "qdiscs",
    HtbClass: "classes",
    Redirect: "redirects",
}
"""The field of `KernelState` for each kind of object; the nft table has its own."""


class SimKernel:
    """Holds `state` on a machine that looks like `facts`; what `state` lacks does not exist."""

    def __init__(self, state: KernelState, facts: Facts) -> None:
        self.state = state
        self._facts = facts

    async def observe(self, scope: ObserveScope) -> KernelState:
        """Everything of ours; settings within `scope`, and those of our own devices."""
        names = scope.interfaces | {device.name for device in self.state.devices}
        return replace(
            self.state,
            sysctls=frozenset(s for s in self.state.sysctls if s.path in scope.sysctls),
            links=frozenset(link for link in self.state.links if link.interface in names),
            link_settings=frozenset(
                setting
                for setting in self.state.link_settings
                if setting.key in scope.link_settings
            ),
        )

    async def facts(self, scope: ObserveScope) -> Facts:  # noqa: ARG002  -- the protocol names it
        """The machine as it was described, whatever `scope` asks."""
        return self._facts

    async def execute(self, operation: Operation) -> None:
        """Interpret one operation. Raises NotAppliedError where something it needs is missing."""
        new = operation.new
        needed = "" if new is None else _required_interface(new)
        target = new.to if isinstance(new, Redirect) else ""
        for name in filter(None, (needed, target)):
            if name not in self._interfaces():
                raise NotAppliedError(phrase("Interface {name} is absent.", name=name))
        self.state = apply_operation(self.state, operation)

    def _interfaces(self) -> set[str]:
        return {*self._facts.interfaces, *(device.name for device in self.state.devices)}


def apply_operation(state: KernelState, operation: Operation) -> KernelState:
    """`state` after one operation; with a device go its addresses, routes and queues."""
    noun = operation.managed_object
    if isinstance(noun, NftTable):
        assert operation.new is None or isinstance(operation.new, NftTable)
        return replace(state, nft=operation.new)
    if isinstance(noun, Qdisc | HtbClass):
        return with_shaping_operation(state, operation)
    if (
        isinstance(noun, Sysctl | LinkAdminState | LinkSetting)
        and operation.action is Action.REMOVE
    ):
        return state
    if isinstance(operation.old, Device):
        kept: dict[str, Any] = {
            field: frozenset(
                held
                for held in getattr(state, field)
                if _owning_interface(held) != operation.old.name
            )
            for field in KERNEL_STATE_FIELDS.values()
        }
        state = replace(state, **kept)
    field = KERNEL_STATE_FIELDS[type(noun)]
    others = frozenset(other for other in getattr(state, field) if other.key != noun.key)
    added = frozenset() if operation.new is None else frozenset({operation.new})
    changed: dict[str, Any] = {field: others | added}
    after = replace(state, **changed)
    return _with_link_down(after, operation.new) if isinstance(operation.new, Device) else after


def _with_link_down(state: KernelState, device: Device) -> KernelState:
    """A new device is down."""
    if any(link.interface == device.name for link in state.links):
        return state
    return replace(state, links=state.links | {LinkAdminState(interface=device.name, up=False)})


def _owning_interface(noun: ManagedObject) -> str:
    """The interface whose removal removes `noun`, "" for none."""
    return noun.name if isinstance(noun, Device) else _required_interface(noun)


def _required_interface(noun: ManagedObject) -> str:
    """The interface that must exist before `noun`, "" for none."""
    match noun:
        case Device():
            return noun.parent
        case (
            WireguardTunnel()
            | LinkAdminState()
            | LinkSetting()
            | Address()
            | Route()
            | Qdisc()
            | HtbClass()
            | Redirect()
        ):
            return noun.interface
        case _:
            return ""
