"""Reading counters: packets that wait in queues, and what the ruleset counts."""

import socket

from lbrouter.kernel.netlink.raw_dump import new_flow_counters, qdisc_backlogs, reply_counters
from lbrouter.model.kernel_state import AddressFamily
from tests.contract.conftest import in_namespace, shell

SLOW_HTB_SCRIPT = """
tc qdisc add dev port0 root handle 4c01: htb default 1
tc class add dev port0 classid 4c01:1 parent 4c01: htb rate 8kbit burst 1600 cburst 1600
"""
COUNTER_TABLE_SCRIPT = """nft '
table inet lbrouter {
    counter spoofed { packets 9 bytes 9; }
    counter answers_3 { packets 7 bytes 420; }
    counter answers_15 { packets 5000000000 bytes 1; }
    counter answers6_3 { packets 8 bytes 640; }
    counter flows_guest_wifi_3_ip { packets 40 bytes 1; }
    counter flows_guest_wifi_3_ip6 { packets 2 bytes 1; }
    counter flows_guest_wifi_15_ip { packets 9 bytes 1; }
    counter flows_show_3_ip { packets 1 bytes 1; }
}
table inet other {
    counter answers_1 { packets 1 bytes 1; }
}'"""


def test_backlogs_are_read_by_interface() -> None:
    def scenario() -> None:
        assert set(qdisc_backlogs().values()) <= {0}
        shell(SLOW_HTB_SCRIPT)
        index = socket.if_nametoindex("port0")
        assert qdisc_backlogs()[index] == 0
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as opened:
            opened.bind(("port0", 0))
            for _ in range(20):
                opened.send(bytes(12) + b"\x88\xb5" + bytes(986))
        assert 15_000 < qdisc_backlogs()[index] <= 20_000

    in_namespace(scenario)


def test_reply_counters_are_read_by_uplink_number() -> None:
    def scenario() -> None:
        assert reply_counters() == {}, "without a table there is nothing, and no error"
        shell(COUNTER_TABLE_SCRIPT)
        assert reply_counters() == {
            (3, AddressFamily.V4): 7,
            (3, AddressFamily.V6): 8,
            (15, AddressFamily.V4): 5_000_000_000,
        }

    in_namespace(scenario)


def test_new_flows_are_read_by_policy_and_uplink_number() -> None:
    def scenario() -> None:
        assert new_flow_counters() == {}
        shell(COUNTER_TABLE_SCRIPT)
        assert new_flow_counters() == {"guest_wifi": {3: 42, 15: 9}, "show": {3: 1}}

    in_namespace(scenario)
