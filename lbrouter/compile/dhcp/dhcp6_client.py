"""The DHCPv6 client without its socket and clock: one address for an uplink. RFC 8415, 18.2, pure.

As with IPv4, a lease is used until it ends, is refused, or is replaced: silence alone ends none.
Time is data (`at`, seconds of CLOCK_BOOTTIME).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from ipaddress import IPv6Interface
from math import inf
from typing import Final

from lbrouter.compile.dhcp.dhcp6_message import (
    INFINITE_LIFETIME,
    Dhcp6Message,
    Dhcp6MessageType,
    Dhcp6Status,
    LentAddress,
)
from lbrouter.model.objects.lease6 import UplinkLease6

FIRST_PAUSE_S: Final = 1.0
FIRST_RENEWAL_PAUSE_S: Final = 10.0
MAX_PAUSE_S: Final = 32.0
"""A server that is back is found within this time. (RFC 8415 would wait for up to an hour.)"""
MAX_REQUESTS: Final = 5
"""How often an offer is requested before the client looks for another server."""
T1_SHARE, T2_SHARE = 0.5, 0.8
"""Of the preferred lifetime, where the server leaves the times to the client (RFC 8415, 14.2)."""
MIN_LIFETIME_S: Final = 10.0
XID_BITS: Final = 24


class Dhcp6Phase(StrEnum):
    """State of the exchange."""

    NO_CARRIER = "unplugged"
    SOLICITING = "soliciting"
    REQUESTING = "requesting"
    BOUND = "bound"
    RENEWING = "renewing"
    REBINDING = "rebinding"


MESSAGES: Final = {
    Dhcp6Phase.SOLICITING: Dhcp6MessageType.SOLICIT,
    Dhcp6Phase.REQUESTING: Dhcp6MessageType.REQUEST,
    Dhcp6Phase.RENEWING: Dhcp6MessageType.RENEW,
    Dhcp6Phase.REBINDING: Dhcp6MessageType.REBIND,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Dhcp6ClientState:
    """The state of one uplink's client. `lease` is the lease that may be used."""

    phase: Dhcp6Phase = Dhcp6Phase.NO_CARRIER
    lease: UplinkLease6 | None = None
    duid: bytes = b""
    iaid: int = 0
    xid: int = 0
    offer: Dhcp6Message | None = None
    """The advertisement that is requested."""
    tries: int = 0
    began_at: float = 0.0
    """When the exchange of this phase began."""
    search_started_at: float = 0.0
    next_event_at: float = inf
    refusal: int = Dhcp6Status.SUCCESS
    """The status with which the last server refused an address."""


StepResult6 = tuple[Dhcp6ClientState, Dhcp6Message | None]

LeaseCheck6 = Callable[[UplinkLease6], bool]
"""Whether a lease can be used here."""


def plugged(client: Dhcp6ClientState, at: float, duid: bytes, xid: int) -> StepResult6:
    """The line has a carrier. A lease that is held is confirmed by any server (REBIND)."""
    client = replace(_without_expired(client, at), duid=duid, search_started_at=at)
    phase = Dhcp6Phase.SOLICITING if client.lease is None else Dhcp6Phase.REBINDING
    return _send(_entered(client, phase, at, xid), at)


def unplugged(client: Dhcp6ClientState, at: float) -> Dhcp6ClientState:
    """The line has no carrier: nothing is sent, and a lease is kept until its end."""
    client = _without_expired(client, at)
    ends_at = inf if client.lease is None else client.lease.expires_at
    return replace(client, phase=Dhcp6Phase.NO_CARRIER, next_event_at=ends_at)


def timer_expired(client: Dhcp6ClientState, at: float, xid: int) -> StepResult6:
    """`next_event_at` may have come: a renewal, another try, the end of a lease."""
    held = client.lease is not None
    client = _without_expired(client, at)
    if client.phase is Dhcp6Phase.NO_CARRIER:
        return unplugged(client, at), None
    if held and client.lease is None:
        again = replace(client, search_started_at=at)
        return _send(_entered(again, Dhcp6Phase.SOLICITING, at, xid), at)
    if at < client.next_event_at:
        return client, None
    return _send(_entered_by_time(client, at, xid), at)


def received(
    client: Dhcp6ClientState, message: Dhcp6Message, at: float, xid: int, check: LeaseCheck6
) -> StepResult6:
    """A message of a server. What does not belong to the running exchange changes nothing."""
    client = _without_expired(client, at)
    if (message.xid, message.client_duid) != (client.xid, client.duid):
        return client, None
    advertised = message.message_type is Dhcp6MessageType.ADVERTISE
    if client.phase is Dhcp6Phase.SOLICITING and advertised:
        if message.status or not _best(message):
            return replace(client, refusal=message.status or Dhcp6Status.NO_ADDRESS), None
        requesting = _entered(client, Dhcp6Phase.REQUESTING, at, xid)
        return _send(replace(requesting, offer=message), at)
    if client.phase in MESSAGES and client.phase is not Dhcp6Phase.SOLICITING and not advertised:
        return _on_reply(client, message, at, xid, check)
    return client, None


def _on_reply(
    client: Dhcp6ClientState, message: Dhcp6Message, at: float, xid: int, check: LeaseCheck6
) -> StepResult6:
    lease = _lease_of(message, at)
    if lease is not None and not message.status and check(lease):
        bound = replace(client, phase=Dhcp6Phase.BOUND, lease=lease, refusal=0, offer=None)
        return replace(bound, tries=0, next_event_at=lease.renew_at), None
    refusal = message.status or Dhcp6Status.NO_ADDRESS
    client = replace(client, lease=None, refusal=refusal, search_started_at=at)
    # Not at once: a server that always refuses must not be asked a thousand times a second.
    waiting = _entered(client, Dhcp6Phase.SOLICITING, at, xid)
    return replace(waiting, next_event_at=at + MAX_PAUSE_S / 4), None


def _entered(client: Dhcp6ClientState, phase: Dhcp6Phase, at: float, xid: int) -> Dhcp6ClientState:
    own = xid & ((1 << XID_BITS) - 1)
    return replace(client, phase=phase, xid=own, tries=0, began_at=at, offer=None)


def _entered_by_time(client: Dhcp6ClientState, at: float, xid: int) -> Dhcp6ClientState:
    """The phase that the time alone leads to."""
    lease = client.lease
    if lease is not None and client.phase is not Dhcp6Phase.REBINDING and at >= lease.rebind_at:
        return _entered(client, Dhcp6Phase.REBINDING, at, xid)
    if client.phase is Dhcp6Phase.BOUND:
        return _entered(client, Dhcp6Phase.RENEWING, at, xid)
    if client.phase is Dhcp6Phase.REQUESTING and client.tries >= MAX_REQUESTS:
        return _entered(client, Dhcp6Phase.SOLICITING, at, xid)
    return client


def _send(client: Dhcp6ClientState, at: float) -> StepResult6:
    """The message of the phase, and the time of the next try."""
    renewing = client.phase in (Dhcp6Phase.RENEWING, Dhcp6Phase.REBINDING)
    first = FIRST_RENEWAL_PAUSE_S if renewing and client.tries else FIRST_PAUSE_S
    pause_s = min(first * 2**client.tries, MAX_PAUSE_S)
    due_at = at + pause_s
    if client.lease is not None:
        due_at = min(due_at, client.lease.expires_at)
    message = Dhcp6Message(
        message_type=MESSAGES[client.phase],
        xid=client.xid,
        client_duid=client.duid,
        server_duid=_asked_server(client),
        iaid=client.iaid,
        addresses=_asked_addresses(client),
        elapsed_s=at - client.began_at if client.tries else 0.0,
    )
    return replace(client, tries=client.tries + 1, next_event_at=due_at), message


def _asked_server(client: Dhcp6ClientState) -> bytes:
    """The server that a message is for; none where any may answer."""
    if client.phase is Dhcp6Phase.REQUESTING and client.offer is not None:
        return client.offer.server_duid
    if client.phase is Dhcp6Phase.RENEWING and client.lease is not None:
        return bytes.fromhex(client.lease.server_duid)
    return b""


def _asked_addresses(client: Dhcp6ClientState) -> tuple[LentAddress, ...]:
    if client.offer is not None:
        return client.offer.addresses[:1]
    if client.lease is None:
        return ()
    return (LentAddress(address=client.lease.address.ip, preferred_s=0, valid_s=0),)


def _best(message: Dhcp6Message) -> LentAddress | None:
    """The address that lives longest; None where none lives."""
    living = [each for each in message.addresses if each.valid_s]
    return max(living, key=lambda each: each.valid_s, default=None)


def _lease_of(message: Dhcp6Message, at: float) -> UplinkLease6 | None:
    best = _best(message)
    if best is None:
        return None
    valid_s = max(_seconds(best.valid_s), MIN_LIFETIME_S)
    preferred_s = _seconds(best.preferred_s) or valid_s
    t1_s = float(message.t1_s) or T1_SHARE * preferred_s
    t2_s = float(message.t2_s) or T2_SHARE * preferred_s
    t2_s = min(t2_s, T2_SHARE * valid_s)
    return UplinkLease6(
        address=IPv6Interface((best.address, 128)),
        server_duid=message.server_duid.hex(),
        dns=message.dns,
        obtained_at=at,
        renew_at=at + min(t1_s, t2_s),
        rebind_at=at + t2_s,
        expires_at=at + valid_s,
    )


def _seconds(lifetime: int) -> float:
    return inf if lifetime == INFINITE_LIFETIME else float(lifetime)


def _without_expired(client: Dhcp6ClientState, at: float) -> Dhcp6ClientState:
    expired = client.lease is not None and at >= client.lease.expires_at
    return replace(client, lease=None) if expired else client
