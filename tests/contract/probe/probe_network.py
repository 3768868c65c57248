"""A line and a far end that answers, refuses or sends wrong answers: two namespaces, one loop."""

import asyncio
import itertools
import os
import socket
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from struct import pack
from typing import TypeVar

from lbrouter.compile.checksum import internet_checksum
from lbrouter.compile.config.parse import parse
from lbrouter.compile.wire.icmp_message import ICMP_ECHO_HEADER
from lbrouter.kernel.netns import in_namespace, in_scratch_namespace
from lbrouter.kernel.probe import Prober
from lbrouter.kernel.probe.in_flight import PROBE_LIFETIME_S
from lbrouter.model.config import Config
from lbrouter.model.events import HealthEvent, ProbeAnswered, ProbeLost, ProbeSent, ProcessDelayed
from tests.contract.conftest import shell
from tests.kit.wait import becomes_true

T = TypeVar("T")
SHORT_LIFETIME_S = 0.5
"""Of a probe, for a test in which some are lost: it would wait three seconds for each."""

ALIVE, OTHER = "198.51.100.1", "198.51.100.2"
SILENT, UNREACHABLE, PROHIBITED = "198.51.100.90", "198.51.100.91", "198.51.100.92"
ALIVE6 = "2001:db8:a::1"

NEAR_SETUP_SCRIPT = """
ip link set lo up
ip link add wan0 type veth peer name far0
ip link set far0 netns {far}
ip link set wan0 up
ip addr add 10.9.0.1/24 dev wan0
ip addr add 2001:db8:9::1/64 dev wan0 nodad
ip rule add pref 10030 fwmark 0x01000000/0x0f000000 lookup 7001
ip -6 rule add pref 10030 fwmark 0x01000000/0x0f000000 lookup 7001
"""
# A far end that answers ARP for its other addresses would hide a probe that found no route.
FAR_SETUP_SCRIPT = f"""
ip link set lo up; ip link set far0 up
ip addr add 10.9.0.2/24 dev far0; ip addr add 2001:db8:9::2/64 dev far0 nodad
ip addr add {ALIVE}/32 dev lo; ip addr add {OTHER}/32 dev lo; ip addr add {ALIVE6}/128 dev lo
sysctl -qw net.ipv4.conf.all.arp_ignore=1 net.ipv4.ip_forward=1
sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv4.icmp_msgs_per_sec=100000
ip route add blackhole {SILENT}; ip route add unreachable {UNREACHABLE}
ip route add prohibit {PROHIBITED}
"""
ROUTE_SETUP_SCRIPT = """
ip route replace default via 10.9.0.2 dev wan0 table 7001
ip -6 route replace default via 2001:db8:9::2 dev wan0 table 7001
"""
CONFIG_TEMPLATE = """
[gateway]
name = "hall"
dns = ["{dns}"]
[health]
targets = [{targets}]
interval = "50ms"
[uplinks.fiber]
interface = "wan0"
address = "10.9.0.1/24"
gateway = "10.9.0.2"
"""
_number = itertools.count(1)


def config_for(*targets: str, dns: str = ALIVE) -> Config:
    text = CONFIG_TEMPLATE.format(targets=", ".join(f'"{target}"' for target in targets), dns=dns)
    return parse(text.encode(), source="test").config


class ProbeNetwork:
    """The health events so far, and sockets at the far end."""

    def __init__(self, far: Path) -> None:
        self.far_namespace = far
        self.events: list[HealthEvent] = []

    def far_socket(self, kind: socket.SocketKind, address: str, port: int = 0, protocol: int = 0):  # noqa: ANN201
        """A non-blocking socket at the far end, bound to `address`."""
        with in_namespace(self.far_namespace):
            opened = socket.socket(socket.AF_INET, kind | socket.SOCK_NONBLOCK, protocol)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind((address, port))
        return opened

    def far_shell(self, command: str) -> str:
        """Output of `command` at the far end."""
        with in_namespace(self.far_namespace):
            return shell(command)

    def answers(self) -> list[ProbeAnswered]:
        return [each for each in self.events if isinstance(each, ProbeAnswered)]

    def losses(self) -> list[ProbeLost]:
        return [each for each in self.events if isinstance(each, ProbeLost)]

    def sent(self) -> list[ProbeSent]:
        return [each for each in self.events if isinstance(each, ProbeSent)]

    def late(self) -> list[ProcessDelayed]:
        return [each for each in self.events if isinstance(each, ProcessDelayed)]

    async def wait_for(self, what: Callable[[], T]) -> T:
        """The value of `what()`, as soon as it is true."""
        return await becomes_true(what, lambda: self.events[-8:])


@contextmanager
def far_end() -> Iterator[Path]:
    """A namespace with a name: sockets of one loop can be opened in it."""
    name = f"lbt-{os.getpid()}-{next(_number)}"
    shell(f"ip netns add {name}")
    try:
        yield Path("/run/netns") / name
    finally:
        shell(f"ip netns delete {name}")


def in_probe_network(body: Callable[[ProbeNetwork], Awaitable[T]]) -> T:
    """Run `body` in a fresh namespace with the line `wan0` to a far end, routed by mark alone."""
    with far_end() as far:

        def prepared() -> T:
            shell(NEAR_SETUP_SCRIPT.format(far=far.name))
            network = ProbeNetwork(far)
            network.far_shell(FAR_SETUP_SCRIPT)
            shell(ROUTE_SETUP_SCRIPT)
            return asyncio.run(_awaited(body(network)))

        return in_scratch_namespace(prepared)


async def _awaited(body: Awaitable[T]) -> T:
    return await body


@contextmanager
def running_prober(
    network: ProbeNetwork,
    *targets: str,
    dns: str = ALIVE,
    lifetime_s: float = PROBE_LIFETIME_S,
) -> Iterator[Prober]:
    """The running prober of the uplink `fiber`, number 1."""
    config = config_for(*targets, dns=dns)
    prober = Prober(config, "fiber", 1, network.events.append, lifetime_s=lifetime_s)
    prober.start()
    try:
        yield prober
    finally:
        prober.close()


Reply = Callable[[bytes, str], None]
EchoResponder = Callable[[int, int, bytes, Reply], None]
"""Gets identifier, sequence, token of a request, and a way to send a message from an address."""


@contextmanager
def custom_echo_responder(network: ProbeNetwork, responder: EchoResponder) -> Iterator[None]:
    """Answers echo requests at the far end instead of the kernel."""
    network.far_shell("sysctl -qw net.ipv4.icmp_echo_ignore_all=1")
    sockets = {
        address: network.far_socket(socket.SOCK_RAW, address, protocol=socket.IPPROTO_ICMP)
        for address in (ALIVE, OTHER)
    }

    def receive() -> None:
        packet, (sender, _) = sockets[ALIVE].recvfrom(4096)
        message = packet[(packet[0] & 15) * 4 :]
        kind, _, _, identifier, sequence = ICMP_ECHO_HEADER.unpack_from(message)
        if kind == 8:
            responder(identifier, sequence, message[8:], lambda data, by: send(sender, data, by))

    def send(to: str, data: bytes, by: str) -> None:
        sockets[by].sendto(data, (to, 0))

    asyncio.get_running_loop().add_reader(sockets[ALIVE], receive)
    try:
        yield
    finally:
        asyncio.get_running_loop().remove_reader(sockets[ALIVE])
        for opened in sockets.values():
            opened.close()


def echo_reply(identifier: int, sequence: int, token: bytes) -> bytes:
    bare = ICMP_ECHO_HEADER.pack(0, 0, 0, identifier, sequence) + token
    return ICMP_ECHO_HEADER.pack(0, 0, internet_checksum(bare), identifier, sequence) + token


DnsResponder = Callable[[bytes], Mapping[str, list[bytes]]]
"""From a query to the datagrams that are sent back, by the address that sends them."""


@contextmanager
def dns_server(network: ProbeNetwork, responder: DnsResponder) -> Iterator[None]:
    """A name server at the far end, on port 53 of both addresses."""
    sockets = {each: network.far_socket(socket.SOCK_DGRAM, each, 53) for each in (ALIVE, OTHER)}

    def receive() -> None:
        query, sender = sockets[ALIVE].recvfrom(4096)
        for by, answers in responder(query).items():
            for answer in answers:
                sockets[by].sendto(answer, sender)

    asyncio.get_running_loop().add_reader(sockets[ALIVE], receive)
    try:
        yield
    finally:
        asyncio.get_running_loop().remove_reader(sockets[ALIVE])
        for opened in sockets.values():
            opened.close()


def dns_answer(query: bytes, *, identifier: int | None = None, code: int = 0) -> bytes:
    """A well-formed answer without records; `code` is the RCODE."""
    own = int.from_bytes(query[:2], "big")
    head = pack("!HHHHHH", own if identifier is None else identifier, 0x8180 | code, 1, 0, 0, 0)
    return head + query[12:]
