"""The state machine of the DHCP client: `step` takes one event. RFC 2131, 4.4, pure.

A lease is used until it ends, is refused, or is replaced by another: a silent server alone ends
no lease. Time is data (`at`, seconds of CLOCK_BOOTTIME), and so is chance (`Randomness`).
"""

from collections.abc import Callable
from dataclasses import replace
from math import inf
from typing import Final

from lbrouter.compile.dhcp.client_state import (
    CarrierDown,
    CarrierUp,
    DhcpClientState,
    DhcpEvent,
    DhcpMessageReceived,
    DhcpPhase,
    OutgoingDhcpMessage,
    Randomness,
)
from lbrouter.compile.dhcp.lease_validation import InvalidLeaseError, lease_from_message
from lbrouter.compile.dhcp.outgoing_message import build_message
from lbrouter.compile.wire.dhcp_message import (
    DhcpMessage,
    DhcpMessageType,
    DhcpOption,
)
from lbrouter.model.lease import UplinkLease
from lbrouter.model.messages.codes import OfferCode
from lbrouter.model.messages.message import Message, message

MAX_DHCP_RETRY_PAUSE_S: Final = 32.0
"""A server that is back is found within this time."""

MAX_DHCP_REQUESTS: Final = 4
"""How often an offer, or an earlier lease, is requested before the client gives it up."""

MIN_RENEWAL_PAUSE_S: Final = 1.0


LeaseCheck = Callable[[UplinkLease], Message | None]
"""Why a lease cannot be used here; None if it can."""

StepResult = tuple[DhcpClientState, tuple[OutgoingDhcpMessage, ...]]


def step(
    client: DhcpClientState, event: DhcpEvent, randomness: Randomness, lease_check: LeaseCheck
) -> StepResult:
    """The client after `event`, and what it sends."""
    client = _drop_expired_lease(client, event.at)
    match event:
        case CarrierDown():
            return replace(client, phase=DhcpPhase.NO_CARRIER, next_event_at=_lease_end(client)), ()
        case CarrierUp():
            client = replace(client, hardware_address=event.hardware_address, failed_offers=0)
            return _start(client, event.at, randomness)
        case DhcpMessageReceived():
            if (event.message.xid, event.message.chaddr) != (client.xid, client.hardware_address):
                return client, ()
            return _on_message(client, event, randomness, lease_check)
        case _:
            return (
                (client, ())
                if event.at < client.next_event_at
                else _on_timer(client, event.at, randomness)
            )


def drop_lease(client: DhcpClientState, at: float, why: Message) -> DhcpClientState:
    """The client without its lease, which cannot be used any more; it asks for another one."""
    return replace(
        client,
        lease=None,
        rejection_reason=why,
        phase=_search_phase(client),
        next_event_at=at,
        tries=0,
        search_started_at=at,
    )


def _search_phase(client: DhcpClientState) -> DhcpPhase:
    return client.phase if client.phase is DhcpPhase.NO_CARRIER else DhcpPhase.SELECTING


def _drop_expired_lease(client: DhcpClientState, at: float) -> DhcpClientState:
    """The client without its lease, if that has expired."""
    if client.lease is None or at < client.lease.expires_at:
        return client
    return replace(
        client,
        lease=None,
        phase=_search_phase(client),
        tries=0,
        failed_offers=0,
        next_event_at=at,
        search_started_at=at,
    )


def _lease_end(client: DhcpClientState) -> float:
    return inf if client.lease is None else client.lease.expires_at


def _start(client: DhcpClientState, at: float, randomness: Randomness) -> StepResult:
    """At the start, or after a carrier came back: ask for the earlier lease, else for any."""
    phase = DhcpPhase.SELECTING if client.lease is None else DhcpPhase.REBOOTING
    return _transmit(
        replace(client, phase=phase, tries=0, search_started_at=at),
        at,
        randomness,
        new_exchange=True,
    )


def _on_timer(client: DhcpClientState, at: float, randomness: Randomness) -> StepResult:
    """The client after its timer: what is due now."""
    match client.phase:
        case DhcpPhase.NO_CARRIER:
            return replace(client, next_event_at=_lease_end(client)), ()
        case DhcpPhase.REQUESTING | DhcpPhase.REBOOTING if client.tries >= MAX_DHCP_REQUESTS:
            # No server refuses either: this may be another network. The lease stays in use.
            return _restart_search(client, at, randomness)
        case DhcpPhase.BOUND | DhcpPhase.RENEWING | DhcpPhase.REBINDING:
            assert client.lease is not None
            late = at >= client.lease.rebind_at
            client = replace(client, phase=DhcpPhase.REBINDING if late else DhcpPhase.RENEWING)
            return _transmit(client, at, randomness, new_exchange=True)
        case _:
            return _transmit(client, at, randomness, new_exchange=client.xid == 0)


def _restart_search(client: DhcpClientState, at: float, randomness: Randomness) -> StepResult:
    client = replace(
        client, phase=DhcpPhase.SELECTING, tries=0, offered_lease=None, search_started_at=at
    )
    return _transmit(client, at, randomness, new_exchange=True)


def _transmit(
    client: DhcpClientState, at: float, randomness: Randomness, *, new_exchange: bool
) -> StepResult:
    """The message of the phase, and when the next one is due. `new_exchange` takes a new xid."""
    client = replace(client, xid=randomness.xid if new_exchange else client.xid, requested_at=at)
    send = build_message(client, at)
    due = min(at + _retry_pause_s(client, at, randomness), _lease_end(client))
    return replace(client, tries=client.tries + 1, next_event_at=due), (send,)


def _retry_pause_s(client: DhcpClientState, at: float, randomness: Randomness) -> float:
    """Twice as long each time, a quarter more or less; in a renewal, half of what is left."""
    lease = client.lease
    if lease is not None and client.phase in (DhcpPhase.RENEWING, DhcpPhase.REBINDING):
        until = lease.rebind_at if client.phase is DhcpPhase.RENEWING else lease.expires_at
        return max(MIN_RENEWAL_PAUSE_S, (until - at) * (0.4 + 0.2 * randomness.jitter))
    doubled = 2.0 ** min(client.tries + client.failed_offers, 10)
    return min(doubled, MAX_DHCP_RETRY_PAUSE_S) * (0.75 + 0.5 * randomness.jitter)


def _on_message(
    client: DhcpClientState,
    event: DhcpMessageReceived,
    randomness: Randomness,
    lease_check: LeaseCheck,
) -> StepResult:
    kind, asking = event.message.message_type, client.phase in _REQUESTING_PHASES
    if kind is DhcpMessageType.OFFER and client.phase is DhcpPhase.SELECTING:
        # The first valid offer is requested; of the others the last rejection reason is kept.
        lease, why = _parse_lease(client, event, lease_check)
        if lease is None:
            return replace(client, rejection_reason=why), ()
        client = replace(client, phase=DhcpPhase.REQUESTING, offered_lease=lease, tries=0)
        return _transmit(client, event.at, randomness, new_exchange=False)
    if kind is DhcpMessageType.ACK and asking:
        return _on_ack(client, event, lease_check)
    if kind is DhcpMessageType.NAK and asking and _is_nak_from_our_server(client, event.message):
        # A refused lease must not be used any more; after a refused offer the search waits.
        if client.phase is DhcpPhase.REQUESTING:
            return _search_later(
                replace(client, rejection_reason=message(OfferCode.REFUSED_AFTERWARDS)),
                event.at,
                randomness,
            )
        return _restart_search(replace(client, lease=None), event.at, randomness)
    return client, ()


_REQUESTING_PHASES: Final = (
    DhcpPhase.REQUESTING,
    DhcpPhase.REBOOTING,
    DhcpPhase.RENEWING,
    DhcpPhase.REBINDING,
)


def _on_ack(
    client: DhcpClientState, event: DhcpMessageReceived, lease_check: LeaseCheck
) -> StepResult:
    """An invalid ACK changes no state: another server may have sent it."""
    lease, why = _parse_lease(client, event, lease_check)
    if lease is None:
        return replace(client, rejection_reason=why), ()
    asked = client.offered_lease if client.phase is DhcpPhase.REQUESTING else None
    if asked is not None and lease.server != asked.server:
        return client, ()
    return replace(
        client,
        phase=DhcpPhase.BOUND,
        lease=lease,
        offered_lease=None,
        tries=0,
        failed_offers=0,
        rejection_reason=None,
        next_event_at=min(lease.renew_at, lease.expires_at),
    ), ()


def _parse_lease(
    client: DhcpClientState, event: DhcpMessageReceived, lease_check: LeaseCheck
) -> tuple[UplinkLease | None, Message | None]:
    """The lease in a message, or None and the reason."""
    offer = event.message.message_type is DhcpMessageType.OFFER
    at, before = event.at if offer else client.requested_at, client.offered_lease or client.lease
    try:
        lease = lease_from_message(
            event.message, station=event.station, at=at, previous=None if offer else before
        )
    except InvalidLeaseError as error:
        return None, error.why
    why = lease_check(lease)
    return (None, why) if why is not None else (lease, None)


def _is_nak_from_our_server(client: DhcpClientState, message: DhcpMessage) -> bool:
    """Whether this NAK counts: if one server was asked by its id, only a NAK from it does."""
    if client.phase in (DhcpPhase.REBOOTING, DhcpPhase.REBINDING):
        return True
    asked = client.offered_lease if client.phase is DhcpPhase.REQUESTING else client.lease
    assert asked is not None
    return message.options.get(DhcpOption.SERVER_ID) == asked.server.packed


def _search_later(client: DhcpClientState, at: float, randomness: Randomness) -> StepResult:
    """Search again, each time a little later: a server that refuses its own offers may be fast."""
    client = replace(client, phase=DhcpPhase.SELECTING, offered_lease=None, tries=0, xid=0)
    due = at + _retry_pause_s(client, at, randomness)
    return replace(
        client, failed_offers=client.failed_offers + 1, next_event_at=min(due, _lease_end(client))
    ), ()
