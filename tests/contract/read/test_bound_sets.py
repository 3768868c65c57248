"""Who is at a bound: the ruleset's own sets, read back over netlink."""

import pytest

from lbrouter.compile.report.bound_state import BoundState
from lbrouter.compile.report.bounds_reached import BoundsReached
from lbrouter.kernel.read.bound_sets import read_bounds_reached
from tests.contract.conftest import in_namespace, shell

TABLE_SCRIPT = """nft '
table inet lbrouter {
    set clients_told_near { type ifname . ether_addr; flags dynamic,timeout; }
    set clients_told_at { type ifname . ether_addr; flags dynamic,timeout; }
    set vlans_told_near { type ifname; flags dynamic,timeout; }
    set vlans_told_at { type ifname; flags dynamic,timeout; }
}'"""
ELEMENTS_SCRIPT = """
nft add element inet lbrouter clients_told_near '{ "lan.40" . 02:00:00:00:00:07 }'
nft add element inet lbrouter clients_told_near '{ "lan.40" . 02:00:00:00:00:08 }'
nft add element inet lbrouter clients_told_near '{ "a-port-of-15ch" . 02:ff:00:00:00:01 }'
nft add element inet lbrouter clients_told_at '{ "lan.40" . 02:00:00:00:00:08 }'
nft add element inet lbrouter vlans_told_near '{ "lan.40", "lan.10" }'
nft add element inet lbrouter vlans_told_at '{ "lan.10" }'
"""


def test_who_is_at_a_bound_is_read_by_the_device_of_the_vlan() -> None:
    def scenario() -> None:
        with pytest.raises(OSError, match="No such file"):
            read_bounds_reached()
        shell(TABLE_SCRIPT)
        assert read_bounds_reached() == {}
        shell(ELEMENTS_SCRIPT)
        near, at = BoundState.NEAR, BoundState.AT
        assert read_bounds_reached() == {
            "lan.40": BoundsReached(
                state=near, clients={"02:00:00:00:00:07": near, "02:00:00:00:00:08": at}
            ),
            "lan.10": BoundsReached(state=at),
            "a-port-of-15ch": BoundsReached(clients={"02:ff:00:00:00:01": near}),
        }

    in_namespace(scenario)


def test_hundreds_of_clients_are_read_in_several_messages() -> None:
    def scenario() -> None:
        shell(TABLE_SCRIPT)
        macs = [f"02:00:00:00:{n >> 8:02x}:{n & 255:02x}" for n in range(900)]
        for first in range(0, 900, 300):
            keys = ", ".join(f'"lan.40" . {mac}' for mac in macs[first : first + 300])
            shell(f"nft add element inet lbrouter clients_told_near '{{ {keys} }}'")
        assert set(read_bounds_reached()["lan.40"].clients) == set(macs)

    in_namespace(scenario)
