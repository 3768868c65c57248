"""Echo requests of the size of the line: answered, swallowed, refused by a router that says so."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address, ip_network
from struct import pack

import pytest

from lbrouter.compile.wire.dns_message import RecordType
from lbrouter.kernel.probe.bound_socket import UplinkBinding
from lbrouter.kernel.probe.full_size_prober import FullSizeProber
from lbrouter.kernel.probe.resolver import NameResolver, is_own_address
from lbrouter.model.events import FullSizeProbed
from lbrouter.model.kernel_state import AddressFamily
from lbrouter.model.sections.targets import parse_target
from tests.contract.conftest import in_namespace, shell
from tests.contract.probe.probe_network import (
    ALIVE,
    ALIVE6,
    SILENT,
    ProbeNetwork,
    dns_server,
    in_probe_network,
)

LINE = UplinkBinding(interface="wan0", number=1)
SMALLER_LINE = "ip link set wan0 mtu 1400"


@contextmanager
def running(network: ProbeNetwork, *targets: str, family: AddressFamily) -> Iterator[None]:
    """A full-size prober of the line that sends ten times a second."""
    prober = FullSizeProber(
        LINE,
        "fiber",
        family,
        [parse_target(each) for each in targets],
        emit=network.events.append,
        interval_s=lambda: 0.1,
    )
    prober.start()
    try:
        yield
    finally:
        prober.close()


def results(network: ProbeNetwork) -> list[FullSizeProbed]:
    return [each for each in network.events if isinstance(each, FullSizeProbed)]


@pytest.mark.parametrize(
    "family, target",
    [(AddressFamily.V4, f"icmp://{ALIVE}"), (AddressFamily.V6, f"icmp://[{ALIVE6}]")],
)
@pytest.mark.parametrize("narrow, size", [(False, 1500), (True, 1400)])
def test_a_request_is_as_large_as_the_line_takes(
    family: AddressFamily, target: str, *, narrow: bool, size: int
) -> None:
    async def scenario(network: ProbeNetwork) -> FullSizeProbed:
        if narrow:
            shell(SMALLER_LINE)
        with running(network, target, family=family):
            return await network.wait_for(lambda: next(iter(results(network)), None))

    found = in_probe_network(scenario)
    assert (found.answered, found.size_bytes, found.family) == (True, size, family)
    assert (found.uplink, found.target) == ("fiber", target)


def test_a_target_that_is_silent_is_a_miss() -> None:
    async def scenario(network: ProbeNetwork) -> FullSizeProbed:
        with running(network, f"icmp://{SILENT}", family=AddressFamily.V4):
            return await network.wait_for(lambda: next(iter(results(network)), None))

    assert in_probe_network(scenario).answered is False


def test_a_router_that_says_too_big_is_no_silence() -> None:
    async def scenario(network: ProbeNetwork) -> FullSizeProbed:
        network.far_shell(
            "ip link add narrow0 mtu 1300 type veth peer name narrow1 mtu 1300;"
            "ip link set narrow0 up; ip link set narrow1 up"
        )
        network.far_shell("ip route add 203.0.113.0/24 dev narrow0")
        targets = ("icmp://203.0.113.9", f"icmp://{ALIVE}")
        with running(network, *targets, family=AddressFamily.V4):
            return await network.wait_for(lambda: next(iter(results(network)), None))

    found = in_probe_network(scenario)
    assert (found.answered, found.target) == (True, f"icmp://{ALIVE}")


def test_targets_without_an_address_of_the_family_are_not_asked() -> None:
    async def scenario(network: ProbeNetwork) -> None:
        with running(network, "https://a.example/", f"icmp://{ALIVE}", family=AddressFamily.V6):
            await asyncio.sleep(0)
        assert results(network) == []

    in_probe_network(scenario)


def answer_with(*addresses: str):  # noqa: ANN201
    """A responder that answers each question for A records with these addresses."""

    def answer(query: bytes) -> dict[str, list[bytes]]:
        records = b"".join(
            pack("!HHHIH", 0xC00C, 1, 1, 60, 4) + ip_address(each).packed for each in addresses
        )
        head = query[:2] + pack("!HHHHH", 0x8180, 1, len(addresses), 0, 0)
        return {ALIVE: [head + query[12:] + records]}

    return answer


@pytest.mark.parametrize("useless", ["0.0.0.0", "127.0.0.1", "10.9.0.1", "10.10.10.9", "224.0.0.1"])
def test_a_name_that_resolves_to_ourselves_is_no_target(useless: str) -> None:
    async def scenario(network: ProbeNetwork) -> list[str]:
        vlan = ip_network("10.10.10.0/24")
        resolver = NameResolver(LINE, [ip_address(ALIVE)], RecordType.A, not_beyond=[vlan])
        found = []
        for addresses in ((useless,), (useless, "198.51.100.77")):
            with dns_server(network, answer_with(*addresses)):
                name = f"a{len(addresses)}.example"
                resolver.look_up(name)
                if len(addresses) > 1:
                    await network.wait_for(lambda name=name: resolver.look_up(name))
                found.append(str(resolver.look_up(name)))
        resolver.close()
        return found

    assert in_probe_network(scenario) == ["None", "198.51.100.77"]


def test_our_own_addresses_are_known_without_a_list() -> None:
    def scenario() -> None:
        shell("ip addr add 10.7.7.7/24 dev port0")
        found = [
            is_own_address(ip_address(x)) for x in ("10.7.7.7", "10.7.7.8", "::1", "2001:db8::9")
        ]
        assert found == [True, False, socket.has_ipv6, False]

    in_namespace(scenario)
