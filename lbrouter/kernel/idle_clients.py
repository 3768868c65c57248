"""Tells clients that only wait that the line of their connection is lost.

A client that only receives sends nothing that the ruleset could answer with a reset: it would wait
until its own patience ends, for hours. So each established TCP connection of the lost line gets a
segment to which its stack answers with an acknowledgement (`kernel.l2.tcp_challenge`), and that
meets the ruleset. The ruleset alone decides which connections are reset; to any other the answer
does nothing.

All of it takes the thread of the caller for seconds: give it one of its own.
"""

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from lbrouter.kernel.l2.tcp_challenge import ChallengeSocket, encode_challenge
from lbrouter.kernel.neighbours.neighbour_table import read_neighbour_table
from lbrouter.kernel.read.marked_connections import TcpConnection, established_connections
from lbrouter.model.kernel_state import AddressFamily, IpNetwork

MAX_CHALLENGED_CONNECTIONS: Final = 20_000
"""Connections of one line and family that are read; any more are left out, and that is said."""

CHALLENGE_BATCH: Final = 100
CHALLENGE_PAUSE_S: Final = 0.02
"""After each batch: 5000 connections a second at most, and the processor is free meanwhile."""

SECOND_ROUND_DELAY_S: Final = 0.6
"""A stack answers such segments of one connection every 500 ms (tcp_invalid_ratelimit). The second
round is for the answer that was lost, and for a sequence number that was inside of the window."""

HALF_OF_SEQUENCE_NUMBERS: Final = 1 << 31
MAX_SEQUENCE_NUMBER: Final = (1 << 32) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class LostConnections:
    """Connections of one mark and family, opened by clients of these networks (with the device)."""

    mark: int
    family: AddressFamily
    networks: Mapping[IpNetwork, str]
    limit: int = MAX_CHALLENGED_CONNECTIONS


@dataclass(slots=True, kw_only=True)
class ChallengeCount:
    """Connections whose client was told, and those that were left out."""

    told: int = 0
    unknown_station: int = 0
    """The client's hardware address is not in the neighbour table."""
    too_many: bool = False
    """There were more than the limit."""


@dataclass(frozen=True, slots=True)
class _Station:
    device: str
    hardware: bytes


@dataclass(slots=True)
class _Round:
    """One round over the connections of a lost line."""

    lost: LostConnections
    stations: Mapping[bytes, _Station]
    first: dict[TcpConnection, int] = field(default_factory=dict)
    """The sequence number of the first round."""
    count: ChallengeCount = field(default_factory=ChallengeCount)


def tell_idle_clients(
    lost: Sequence[LostConnections], pause: Callable[[float], object]
) -> list[ChallengeCount]:
    """Tell the client of each connection of `lost`, a second time where the connection stands.

    `pause` waits for so many seconds. Raises OSError where the kernel refuses to list or to send.
    """
    devices = frozenset(device for each in lost for device in each.networks.values())
    known = read_neighbour_table(devices)
    stations = {
        each.address.packed: _Station(each.interface, bytes.fromhex(each.mac.replace(":", "")))
        for each in known
    }
    rounds = [_Round(each, stations) for each in lost]
    began = time.monotonic()
    with ChallengeSocket() as opened:
        for each in rounds:
            _challenge_all(each, opened, pause)
        if any(each.first for each in rounds):
            pause(max(0.0, began + SECOND_ROUND_DELAY_S - time.monotonic()))
        for each in rounds:
            _challenge_again(each, opened, pause)
    return [each.count for each in rounds]


def _challenge_all(work: _Round, opened: ChallengeSocket, pause: Callable[[float], object]) -> None:
    """The first round."""
    found = established_connections(work.lost.mark, work.lost.family)
    inside = _from_clients(found, work.lost.networks)
    for number, connection in enumerate(islice(inside, work.lost.limit), start=1):
        if connection.source in work.stations:
            work.first[connection] = random.getrandbits(32)
            _challenge(work, opened, connection, work.first[connection])
            work.count.told += 1
        else:
            work.count.unknown_station += 1
        if not number % CHALLENGE_BATCH:
            pause(CHALLENGE_PAUSE_S)
    work.count.too_many = next(inside, None) is not None


def _challenge_again(
    work: _Round, opened: ChallengeSocket, pause: Callable[[float], object]
) -> None:
    """The second round: those of the first that stand as they stood."""
    found = established_connections(work.lost.mark, work.lost.family)
    for number, connection in enumerate(each for each in found if each in work.first):
        other = work.first[connection] + HALF_OF_SEQUENCE_NUMBERS & MAX_SEQUENCE_NUMBER
        _challenge(work, opened, connection, other)
        if number % CHALLENGE_BATCH == CHALLENGE_BATCH - 1:
            pause(CHALLENGE_PAUSE_S)


def _challenge(
    work: _Round, opened: ChallengeSocket, connection: TcpConnection, sequence: int
) -> None:
    """From the far end of the connection to the client that opened it: a segment of each kind."""
    station = work.stations[connection.source]
    for with_timestamp in (False, True):
        packet = encode_challenge(
            source=connection.destination,
            source_port=connection.destination_port,
            destination=connection.source,
            destination_port=connection.source_port,
            sequence=sequence,
            acknowledgement=random.getrandbits(32),
            with_timestamp=with_timestamp,
        )
        with suppress(OSError):  # this VLAN's device went away, or its queue is full
            opened.send(
                packet, device=station.device, station=station.hardware, family=work.lost.family
            )


def _from_clients(
    found: Iterator[TcpConnection], networks: Mapping[IpNetwork, str]
) -> Iterator[TcpConnection]:
    """Those that a client of `networks` opened."""
    ranges = [
        (int(network.network_address), int(network.broadcast_address)) for network in networks
    ]
    inside: dict[bytes, bool] = {}
    for connection in found:
        source = connection.source
        if source not in inside:
            number = int.from_bytes(source, "big")
            inside[source] = any(low <= number <= high for low, high in ranges)
        if inside[source]:
            yield connection
