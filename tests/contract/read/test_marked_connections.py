"""TCP connections of one mark, and who is told of them."""

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from ipaddress import ip_network

import pytest

from lbrouter.kernel.idle_clients import LostConnections, tell_idle_clients
from lbrouter.kernel.read.marked_connections import TcpConnection, established_connections
from lbrouter.model.kernel_state import AddressFamily
from lbrouter.model.reserved_ids import uplink_mark
from tests.contract.conftest import in_namespace, shell

MARKING_SCRIPT = """nft '
table inet marking {
    chain out {
        type filter hook output priority mangle;
        th dport 7001 ct mark set 0x01abcdef
        th dport 7002 ct mark set 0x02000000
        ct state new
    }
}'"""
"""Uplinks 1 and 2, the first with bits of another program."""

LOOPBACK = {AddressFamily.V4: "127.0.0.1", AddressFamily.V6: "::1"}


@contextmanager
def _connections(family: AddressFamily, port: int, count: int) -> Iterator[list[TcpConnection]]:
    """`count` open connections to a port of this namespace, and a datagram to it."""
    kind = socket.AF_INET if family is AddressFamily.V4 else socket.AF_INET6
    end = socket.inet_pton(kind, LOOPBACK[family])
    with ExitStack() as stack:
        server = stack.enter_context(socket.create_server((LOOPBACK[family], port), family=kind))
        found = []
        for _ in range(count):
            address = (LOOPBACK[family], port)
            opened = stack.enter_context(socket.create_connection(address, 5))
            stack.enter_context(server.accept()[0])
            found.append(TcpConnection(end, opened.getsockname()[1], end, port))
        with socket.socket(kind, socket.SOCK_DGRAM) as datagrams:
            datagrams.sendto(b"x", (LOOPBACK[family], port))
        yield found


@pytest.mark.parametrize("family", AddressFamily)
def test_connections_are_read_by_our_bits_of_the_mark(family: AddressFamily) -> None:
    def scenario() -> None:
        shell(MARKING_SCRIPT)
        with _connections(family, 7001, 3) as first, _connections(family, 7002, 2) as second:
            assert sorted(established_connections(uplink_mark(1), family)) == sorted(first)
            assert sorted(established_connections(uplink_mark(2), family)) == sorted(second)
            assert not list(established_connections(uplink_mark(3), family))
        assert not list(established_connections(uplink_mark(4), family))

    in_namespace(scenario)


def test_what_is_left_out_is_counted() -> None:
    """Nobody is a neighbour on loopback: no hardware address is known."""
    lost = {
        "mark": uplink_mark(1),
        "family": AddressFamily.V4,
        "networks": {ip_network("127.0.0.0/8"): "port0"},
    }

    def scenario() -> None:
        shell(MARKING_SCRIPT)
        pause = threading.Event().wait
        with _connections(AddressFamily.V4, 7001, 3):
            [count] = tell_idle_clients([LostConnections(**lost)], pause)  # type: ignore[arg-type]
            assert (count.told, count.unknown_station, count.too_many) == (0, 3, False)
            few = LostConnections(**lost, limit=2)  # type: ignore[arg-type]
            assert tell_idle_clients([few], pause)[0].too_many
            other = lost | {"networks": {ip_network("10.0.0.0/8"): "port0"}}
            [count] = tell_idle_clients([LostConnections(**other)], pause)  # type: ignore[arg-type]
            assert (count.told, count.unknown_station) == (0, 0), "of another VLAN"

    in_namespace(scenario)
