"""`Client` and its step: from one event to the next message. RFC 2131, 4.4, pure.

A lease is used until it ends, is refused, or is followed by another: silence alone takes nothing
away. Time is data (`at`, seconds of CLOCK_BOOTTIME), and so is chance (`Dice`).
"""

from collections.abc import Callable
from dataclasses import replace
from math import inf
from typing import Final

from lbrouter.compile.dhcp.client_state import (
    Client,
    Dice,
    Event,
    Heard,
    Phase,
    Plugged,
    Send,
    Unplugged,
)
from lbrouter.compile.dhcp.lease_validation import NonsenseError, read
from lbrouter.compile.dhcp.message import NOBODY, Kind, Message, Option
from lbrouter.model.lease import Lease

LONGEST_PAUSE_S: Final = 32.0
"""A server that is back is found within this time."""

REQUESTS: Final = 4
"""Times that an offer, or a lease from before, is asked for before it is given up."""

SHORTEST_RENEWAL_S: Final = 1.0
LARGEST: Final = 1472
"""Bytes of a message that we take: what fits into an Ethernet frame."""

WANTED: Final = bytes(
    (
        Option.MASK,
        Option.STATIC_ROUTES,  # before the router: RFC 3442
        Option.ROUTER,
        Option.DNS,
        Option.MTU,
        Option.LEASE_TIME,
        Option.SERVER,
        Option.RENEWAL,
        Option.REBINDING,
    )
)


Fault = Callable[[Lease], str]
"""Why a lease cannot be used here, as a clause; "" where it can."""

Stepped = tuple[Client, tuple[Send, ...]]


def step(client: Client, event: Event, dice: Dice, fault: Fault) -> Stepped:
    """The client after `event`, and what it sends."""
    client = _expired(client, event.at)
    match event:
        case Unplugged():
            return replace(client, phase=Phase.UNPLUGGED, due=_end(client)), ()
        case Plugged():
            client = replace(client, hardware=event.hardware, refusals=0)
            return _begun(client, event.at, dice)
        case Heard():
            if (event.message.xid, event.message.hardware) != (client.xid, client.hardware):
                return client, ()
            return _heard(client, event, dice, fault)
        case _:
            return (client, ()) if event.at < client.due else _acted(client, event.at, dice)


def dropped(client: Client, at: float, why: str) -> Client:
    """The client without the lease that it has, which cannot be used any more; it seeks another."""
    return replace(
        client, lease=None, nonsense=why, phase=_seeking(client), due=at, tries=0,
        sought_from=at,
    )  # fmt: skip


def _seeking(client: Client) -> Phase:
    return client.phase if client.phase is Phase.UNPLUGGED else Phase.SELECTING


def _expired(client: Client, at: float) -> Client:
    """A lease that is over is over, whatever else happens now."""
    if client.lease is None or at < client.lease.expires_at:
        return client
    return replace(
        client, lease=None, phase=_seeking(client), tries=0, refusals=0, due=at, sought_from=at
    )


def _end(client: Client) -> float:
    return inf if client.lease is None else client.lease.expires_at


def _begun(client: Client, at: float, dice: Dice) -> Stepped:
    """From the start, or after a carrier came back: ask for what we had, else for anything."""
    phase = Phase.SELECTING if client.lease is None else Phase.REBOOTING
    return _asked(replace(client, phase=phase, tries=0, sought_from=at), at, dice, fresh=True)


def _acted(client: Client, at: float, dice: Dice) -> Stepped:
    """What is due."""
    match client.phase:
        case Phase.UNPLUGGED:
            return replace(client, due=_end(client)), ()
        case Phase.REQUESTING | Phase.REBOOTING if client.tries >= REQUESTS:
            # Nobody says no either: this may be another network. The lease serves on meanwhile.
            return _searched(client, at, dice)
        case Phase.BOUND | Phase.RENEWING | Phase.REBINDING:
            assert client.lease is not None
            late = at >= client.lease.rebind_at
            client = replace(client, phase=Phase.REBINDING if late else Phase.RENEWING)
            return _asked(client, at, dice, fresh=True)
        case _:
            return _asked(client, at, dice, fresh=client.xid == 0)


def _searched(client: Client, at: float, dice: Dice) -> Stepped:
    client = replace(client, phase=Phase.SELECTING, tries=0, offered=None, sought_from=at)
    return _asked(client, at, dice, fresh=True)


def _asked(client: Client, at: float, dice: Dice, *, fresh: bool) -> Stepped:
    """The message of the phase, and when the next one is due. `fresh` begins a new exchange."""
    client = replace(client, xid=dice.xid if fresh else client.xid, asked_at=at)
    send = _message(client, at)
    due = min(at + _pause_s(client, at, dice), _end(client))
    return replace(client, tries=client.tries + 1, due=due), (send,)


def _pause_s(client: Client, at: float, dice: Dice) -> float:
    """Twice as long each time, a quarter more or less; in a renewal, half of what is left."""
    lease = client.lease
    if lease is not None and client.phase in (Phase.RENEWING, Phase.REBINDING):
        until = lease.rebind_at if client.phase is Phase.RENEWING else lease.expires_at
        return max(SHORTEST_RENEWAL_S, (until - at) * (0.4 + 0.2 * dice.jitter))
    doubled = 2.0 ** min(client.tries + client.refusals, 10)
    return min(doubled, LONGEST_PAUSE_S) * (0.75 + 0.5 * dice.jitter)


def _message(client: Client, at: float) -> Send:
    """What the phase asks, and whom: a lease is renewed with its own server, all else in public."""
    own = client.lease.address.ip if client.lease is not None and _uses(client) else NOBODY
    message = Message(
        kind=Kind.DISCOVER if client.phase is Phase.SELECTING else Kind.REQUEST,
        xid=client.xid,
        hardware=client.hardware,
        secs=min(int(at - client.sought_from), 0xFFFF) if own == NOBODY else 0,
        client=own,
        options={
            Option.CLIENT: b"\x01" + client.hardware,
            Option.LARGEST: LARGEST.to_bytes(2, "big"),
            Option.WANTED: WANTED,
            **_named(client),
        },
    )
    if client.phase is not Phase.RENEWING or client.lease is None:
        return Send(message=message, source=own)
    lease = client.lease
    return Send(message=message, source=own, destination=lease.server, station=lease.station)


def _uses(client: Client) -> bool:
    """Whether the client speaks as the owner of its address."""
    return client.phase in (Phase.RENEWING, Phase.REBINDING)


def _named(client: Client) -> dict[int, bytes]:
    """The address that is asked for, where the client does not speak from it."""
    if client.phase is Phase.REQUESTING and client.offered is not None:
        server, asked = client.offered.server, client.offered.address
        return {Option.SERVER: server.packed, Option.REQUESTED: asked.ip.packed}
    if client.phase is Phase.REBOOTING and client.lease is not None:
        return {Option.REQUESTED: client.lease.address.ip.packed}
    return {}


def _heard(client: Client, event: Heard, dice: Dice, fault: Fault) -> Stepped:
    kind, asking = event.message.kind, client.phase in _ASKING
    if kind is Kind.OFFER and client.phase is Phase.SELECTING:
        return _offered(client, event, dice, fault)
    if kind is Kind.ACK and asking:
        return _granted(client, event, fault)
    if kind is Kind.NAK and asking and _may_refuse(client, event.message):
        return _refused(client, event.at, dice)
    return client, ()


_ASKING: Final = (Phase.REQUESTING, Phase.REBOOTING, Phase.RENEWING, Phase.REBINDING)


def _offered(client: Client, event: Heard, dice: Dice, fault: Fault) -> Stepped:
    """The first offer that makes sense is asked for; of the others the last one is remembered."""
    lease, why = _understood(client, event, fault)
    if lease is None:
        return replace(client, nonsense=why), ()
    client = replace(client, phase=Phase.REQUESTING, offered=lease, tries=0)
    return _asked(client, event.at, dice, fresh=False)


def _granted(client: Client, event: Heard, fault: Fault) -> Stepped:
    """Nonsense ends nothing: another server may have sent it, and the right one still answers."""
    lease, why = _understood(client, event, fault)
    if lease is None:
        return replace(client, nonsense=why), ()
    asked = client.offered if client.phase is Phase.REQUESTING else None
    if asked is not None and lease.server != asked.server:
        return client, ()
    return replace(
        client, phase=Phase.BOUND, lease=lease, offered=None, tries=0, refusals=0, nonsense="",
        due=min(lease.renew_at, lease.expires_at),
    ), ()  # fmt: skip


def _understood(client: Client, event: Heard, fault: Fault) -> tuple[Lease | None, str]:
    """The lease in a message, or None and the reason."""
    offer = event.message.kind is Kind.OFFER
    at, before = event.at if offer else client.asked_at, client.offered or client.lease
    try:
        lease = read(event.message, station=event.station, at=at, before=None if offer else before)
    except NonsenseError as error:
        return None, str(error)
    why = fault(lease)
    return (None, why) if why else (lease, "")


def _may_refuse(client: Client, message: Message) -> bool:
    """Whether this server's NAK counts: of one that was asked by name no other's does."""
    if client.phase in (Phase.REBOOTING, Phase.REBINDING):
        return True
    asked = client.offered if client.phase is Phase.REQUESTING else client.lease
    assert asked is not None
    return message.options.get(Option.SERVER) == asked.server.packed


def _refused(client: Client, at: float, dice: Dice) -> Stepped:
    """A refused lease must not be used any more; a refused offer is no reason to be quick."""
    if client.phase is Phase.REQUESTING:
        return _again(replace(client, nonsense="an address and then refuses it"), at, dice)
    return _searched(replace(client, lease=None), at, dice)


def _again(client: Client, at: float, dice: Dice) -> Stepped:
    """Search anew, each time a little later: a server that offers what it refuses may be fast."""
    client = replace(client, phase=Phase.SELECTING, offered=None, tries=0, xid=0)
    due = at + _pause_s(client, at, dice)
    return replace(client, refusals=client.refusals + 1, due=min(due, _end(client))), ()
