"""Who is at a bound on connections, or near it: what changed, in sentences. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from lbrouter.compile.firewall.connection_bounds import NEAR_BOUND_PERCENT
from lbrouter.compile.report.bound_state import BoundClientStatus, BoundState
from lbrouter.compile.services.dnsmasq_leases import LanLease
from lbrouter.model.config import Config, Vlan
from lbrouter.model.messages.codes import EventCode
from lbrouter.model.messages.message import Message, message

MAX_CLIENTS_TOLD: Final = 5
"""Clients of one VLAN that are told of at once: hundreds of forged ones fill no timeline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundsReached:
    """One VLAN in the last 30 s: all its clients together (None: below 80 %), and each by MAC."""

    state: BoundState | None = None
    clients: Mapping[str, BoundState] = field(default_factory=dict)


NOTHING_REACHED: Final = BoundsReached()


class ClientNames:
    """What a client is called: as the file says, else as the device calls itself."""

    def __init__(self, config: Config, leases: tuple[LanLease, ...]) -> None:
        self._names = {lease.mac: lease.name for lease in leases if lease.name}
        for vlan in config.vlans.values():
            self._names |= {host.mac: name for name, host in vlan.hosts.items()}

    def name(self, mac: str) -> str | None:
        """The name of the client with this hardware address."""
        return self._names.get(mac)

    def text(self, mac: str) -> str:
        """Its name and address for a sentence."""
        name = self.name(mac)
        return mac if name is None else f"{name} ({mac})"


def vlan_message(vlan: str, state: BoundState | None, *, budget: int) -> Message:
    """What is told when all clients of `vlan` together come into `state`."""
    match state:
        case BoundState.AT:
            return message(EventCode.VLAN_AT_BOUND, vlan=vlan, bound=budget)
        case BoundState.NEAR:
            return message(
                EventCode.VLAN_NEAR_BOUND, vlan=vlan, bound=budget, near_percent=NEAR_BOUND_PERCENT
            )
        case _:
            return message(EventCode.VLAN_BELOW_BOUND, vlan=vlan)


def client_messages(
    vlan: Vlan, now: BoundsReached, before: BoundsReached, names: ClientNames
) -> Iterator[Message]:
    """A message for each client whose state is another one; for many of them, a few and a number.

    Those at their bound come first.
    """
    changed = [
        mac
        for mac in {*now.clients, *before.clients}
        if now.clients.get(mac) != before.clients.get(mac)
    ]
    changed.sort(key=lambda mac: (now.clients.get(mac) is not BoundState.AT, mac))
    for mac in changed[:MAX_CLIENTS_TOLD]:
        yield _client_message(vlan, names.text(mac), now.clients.get(mac))
    if left := len(changed[MAX_CLIENTS_TOLD:]):
        yield message(EventCode.CLIENTS_BOUND_MORE, vlan=vlan.name, number=left)


def _client_message(vlan: Vlan, client: str, state: BoundState | None) -> Message:
    who: dict[str, str | int] = {"vlan": vlan.name, "client": client}
    match state:
        case BoundState.AT:
            return message(EventCode.CLIENT_AT_BOUND, **who, bound=vlan.connections)
        case BoundState.NEAR:
            near = NEAR_BOUND_PERCENT
            return message(
                EventCode.CLIENT_NEAR_BOUND, **who, bound=vlan.connections, near_percent=near
            )
        case _:
            return message(EventCode.CLIENT_BELOW_BOUND, **who)


def bound_clients(
    found: BoundsReached, names: ClientNames, *, limit: int
) -> list[BoundClientStatus]:
    """The clients of one VLAN for `status`, those at their bound first, `limit` at most."""
    ordered = sorted((state is not BoundState.AT, mac) for mac, state in found.clients.items())
    return [
        {"name": names.name(mac), "mac": mac, "bound": str(found.clients[mac])}
        for _, mac in ordered[:limit]
    ]
