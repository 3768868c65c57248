"""Which next hops the kernel has heard: each state of an entry of the neighbour table."""

import socket
from ipaddress import ip_address

import pytest

from lbrouter.kernel.neighbours.nexthop_neighbours import answering_nexthops, is_unanswered
from lbrouter.model.facts import InterfaceFacts
from tests.contract.conftest import in_namespace, shell

ADDRESSES = {4: "192.0.2.1", 6: "2001:db8::1"}


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize(
    "state, heard",
    [
        ("permanent", True),
        ("reachable", True),
        ("stale", True),
        ("noarp", True),
        ("failed", False),
        ("", False),
    ],
)
def test_a_next_hop_counts_while_its_hardware_address_is_known(
    version: int, state: str, *, heard: bool
) -> None:
    address = ADDRESSES[version]

    def scenario() -> None:
        if state:
            lladdr = "" if state == "failed" else "lladdr 02:00:00:00:00:01"
            shell(f"ip neigh add {address} dev port0 {lladdr} nud {state}")
        index = socket.if_nametoindex("port0")
        port = InterfaceFacts(name="port0", index=index, up=True, carrier=True, mtu=1500)
        nexthop = ("port0", ip_address(address))
        other = ("port0", ip_address("192.0.2.77"))
        found = answering_nexthops([nexthop, other], {"port0": port})
        assert found == (frozenset({nexthop}) if heard else frozenset())
        assert is_unanswered(nexthop) is (state == "failed")
        assert not is_unanswered(("no-such-port", other[1]))

    in_namespace(scenario)
