"""Why a client has no internet: each check, and the one cause, from facts."""

from dataclasses import replace
from ipaddress import IPv4Address, ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbrouter.compile.report.client_checks import ClientCause
from lbrouter.compile.report.client_facts import (
    ClientBlock,
    ClientFacts,
    ClientTraffic,
    GatewayView,
    HeardFrame,
)
from lbrouter.compile.report.clients import Neighbour
from lbrouter.compile.report.status_types import InterfaceTraffic
from lbrouter.compile.report.why import CheckDocument, WhyDocument, why_document
from lbrouter.compile.services.dnsmasq_leases import LanLease
from lbrouter.compile.shaping.overrides import VlanLimit
from lbrouter.model.facts import InterfaceFacts
from lbrouter.model.health import FamilyHealth, UplinkHealth, UplinkState
from lbrouter.model.kernel_state import AddressFamily
from lbrouter.model.messages.codes import ReasonCode
from lbrouter.model.messages.message import Message, message
from lbrouter.model.units import Rate
from tests.kit.builders import TWO_LINES, config_of, facts_of, health_of

MAC, OTHER = "02:00:00:00:00:10", "02:00:00:00:00:11"
ADDRESS = ip_address("10.10.40.50")

TEXT = TWO_LINES.replace(
    'policy = "spread"\n',
    'policy = "show"\naddress6 = "fd10:40::1/64"\n'
    'dhcp = { range = "10.10.40.20-10.10.40.24" }\n'
    'download = { guaranteed = "1mbit", per_client = "2mbit" }\n',
    1,
).replace(
    "[vlans.desk]",
    '[vlans.stream.hosts]\nencoder = { mac = "02:00:00:00:00:ee", address = "10.10.10.9" }\n'
    "[vlans.desk]",
)
CONFIG = config_of(TEXT)
HEARD = HeardFrame(interface="lan2", mac=MAC, address=ADDRESS)
LEASE = LanLease(expires=0, mac=MAC, address=IPv4Address("10.10.40.50"))
BY_ADDRESS = ClientFacts(
    asked="10.10.40.50",
    asked_address=ADDRESS,
    heard=(HEARD,),
    leases=(LEASE,),
    traffic=ClientTraffic(connections=3),
    names_answered=True,
)
BY_MAC = replace(BY_ADDRESS, asked=MAC, mac=MAC, asked_address=None)


def view(**lines: UplinkHealth) -> GatewayView:
    """Both lines are up, but for `lines`."""
    health = health_of(CONFIG)
    return GatewayView(
        config=CONFIG,
        health=replace(health, uplinks={**health.uplinks, **lines}),
        facts=facts_of(CONFIG),
    )


def line(state: UplinkState, why: Message, **more: Any) -> UplinkHealth:
    return UplinkHealth(state=state, why=why, **more)


def answer(facts: ClientFacts, gateway: GatewayView | None = None) -> WhyDocument:
    return why_document(gateway or view(), facts)


def check(document: WhyDocument, name: str) -> CheckDocument:
    [found] = [each for each in document["checks"] if each["name"] == name]
    return found


def cause(facts: ClientFacts, gateway: GatewayView | None = None) -> str | None:
    return answer(facts, gateway)["cause"]


@pytest.mark.parametrize("facts", [BY_ADDRESS, BY_MAC])
def test_a_client_with_internet_has_no_cause(facts: ClientFacts) -> None:
    found = answer(facts)
    assert found["cause"] is None
    assert all(each["ok"] and each["remedy"] == "" for each in found["checks"])
    assert [each["name"] for each in found["checks"]] == [
        *("seen", "lease", "address", "duplicate address", "dns", "blocked", "limit", "policy"),
        *("ipv6", "captive portal", "mtu", "switch port"),
    ]
    known = (found["client"], found["vlan"], found["mac"], found["address"])
    assert known == (facts.asked, "guests", MAC, "10.10.40.50")


def test_a_client_that_no_vlan_hears_hangs_on_its_switch_port() -> None:
    unheard = replace(BY_ADDRESS, heard=())
    found = answer(unheard)
    assert (found["cause"], found["vlan"]) == ("switch port", "guests")
    assert "VLAN guests heard it before" in check(found, "seen")["found"]
    stranger = ClientFacts(asked=MAC, mac=MAC)
    found = answer(stranger)
    assert (found["cause"], found["vlan"], found["address"]) == ("switch port", None, None)
    assert check(found, "seen")["found"] == "no VLAN hears it"
    assert check(found, "switch port")["found"] == "every port has a carrier"


def test_a_client_is_looked_for_where_it_was_or_belongs() -> None:
    near = Neighbour(interface="lan2", mac=MAC, address=ADDRESS)
    elsewhere = Neighbour(interface="wan1", mac=MAC, address=ADDRESS)
    for facts in (
        ClientFacts(asked=MAC, mac=MAC, neighbours=(elsewhere, near)),
        ClientFacts(asked="10.10.40.7", asked_address=ip_address("10.10.40.7")),
    ):
        assert answer(facts)["vlan"] == "guests"
    named = ClientFacts(asked="02:00:00:00:00:ee", mac="02:00:00:00:00:ee")
    assert answer(named)["vlan"] == "stream"
    assert answer(ClientFacts(asked="x", asked_address=ADDRESS, neighbours=(near,)))["mac"] == MAC


def test_a_port_without_carrier_is_the_cause_before_all_others() -> None:
    facts = facts_of(CONFIG)
    dead = InterfaceFacts(name="lan2", index=9, up=True, carrier=False, mtu=1500)
    gateway = replace(view(), facts=replace(facts, interfaces={**facts.interfaces, "lan2": dead}))
    for asked in (replace(BY_ADDRESS, block=ClientBlock()), ClientFacts(asked=MAC, mac=MAC)):
        found = answer(asked, gateway)
        assert found["cause"] == "switch port"
        assert check(found, "switch port")["found"] == "no carrier on lan2"


def test_without_an_address_it_has_no_lease() -> None:
    silent = HeardFrame(interface="lan2", mac=MAC, address=ip_address("fe80::10"))
    without = replace(BY_MAC, heard=(silent,), leases=())
    assert cause(without) == "no lease"
    full = replace(without, pools={"guests": {"used": 5, "size": 5}})
    found = check(answer(full), "lease")
    assert "5 of 5 addresses of VLAN guests" in found["found"]
    assert "widen vlans.guests.dhcp.range" in found["remedy"]
    given = replace(HEARD, address=ip_address("169.254.7.7"))
    found = check(answer(replace(without, heard=(given,))), "lease")
    assert found["found"].startswith("it gave itself 169.254.7.7")
    desk = replace(without, heard=(replace(silent, interface="lan3"),))
    assert "VLAN desk gives no addresses" in check(answer(desk), "lease")["remedy"]


def test_an_address_that_it_set_itself_is_said_and_no_fault() -> None:
    found = answer(replace(BY_ADDRESS, leases=()))
    assert found["cause"] is None
    assert "without a lease" in check(found, "lease")["found"]
    six = ip_address("fd10:40::7")
    only = replace(BY_ADDRESS, asked_address=six, heard=(replace(HEARD, address=six),), leases=())
    names = [each["name"] for each in answer(only)["checks"]]
    assert "lease" not in names
    assert check(answer(only), "address")["ok"]


def test_a_foreign_address_is_told_from_one_of_another_vlan() -> None:
    foreign = ip_address("192.168.7.5")
    asked = replace(
        BY_ADDRESS, asked_address=foreign, heard=(replace(HEARD, address=foreign),), leases=()
    )
    found = answer(asked)
    assert (found["cause"], found["vlan"]) == ("foreign address", "guests")
    assert check(found, "address")["remedy"] == "switch the client to DHCP"
    on_desk = replace(asked, heard=(replace(HEARD, address=foreign, interface="lan3"),))
    assert "10.10.99.0/24" in check(answer(on_desk), "address")["remedy"]
    other = ip_address("10.10.10.60")
    asked = replace(asked, asked_address=other, heard=(replace(HEARD, address=other),))
    found = answer(asked)
    assert (found["cause"], found["vlan"]) == ("wrong VLAN", "guests")
    assert "VLAN stream" in check(found, "address")["remedy"]


def test_a_host_of_the_file_on_another_vlan_is_on_the_wrong_one() -> None:
    mac = "02:00:00:00:00:ee"
    found = answer(replace(BY_MAC, mac=mac, heard=(replace(HEARD, mac=mac),), leases=()))
    assert found["cause"] == "wrong VLAN"
    assert check(found, "address")["found"].startswith("encoder belongs to VLAN stream")


def test_two_devices_with_one_address() -> None:
    twin = replace(HEARD, mac=OTHER)
    found = answer(replace(BY_ADDRESS, heard=(HEARD, twin)))
    assert found["cause"] == "duplicate address"
    assert f"{MAC}, {OTHER}" in check(found, "duplicate address")["found"]
    own = ip_address("10.10.40.1")
    taken = replace(BY_ADDRESS, asked_address=own, heard=(replace(HEARD, address=own),))
    assert cause(taken) == "duplicate address"
    assert "the gateway itself" in check(answer(taken), "duplicate address")["found"]


def test_names_that_get_no_answer() -> None:
    assert cause(replace(BY_ADDRESS, names_answered=False)) == "no DNS"
    system = replace(BY_ADDRESS, names_answered=None)
    assert "dns" not in [each["name"] for each in answer(system)["checks"]]
    asks = replace(BY_ADDRESS, traffic=ClientTraffic(dns_queries=4))
    found = check(answer(asks), "dns")
    assert found["found"] == "none of its 4 queries for names was answered"
    assert "10.10.40.1" in found["remedy"]
    assert cause(replace(asks, traffic=ClientTraffic(dns_queries=4, dns_answers=1))) is None
    unplaced = replace(asks, asked_address=ip_address("192.168.7.7"), heard=(), leases=())
    assert "the gateway" in check(answer(unplaced), "dns")["remedy"]


def test_a_blocked_client() -> None:
    assert cause(replace(BY_ADDRESS, block=ClientBlock())) == "blocked"
    found = check(answer(replace(BY_ADDRESS, block=ClientBlock(left_s=90))), "blocked")
    assert found["found"] == f"{MAC} is blocked for another 90 s"
    assert found["remedy"] == f"lbrouter unblock {MAC}"


def test_limits_of_the_client_and_of_its_vlan() -> None:
    bound = CONFIG.vlans["guests"].connections
    many = replace(BY_ADDRESS, traffic=ClientTraffic(connections=bound))
    assert cause(many) == "over its limit"
    fast = replace(BY_ADDRESS, traffic=ClientTraffic(download_bps=1_950_000))
    found = check(answer(fast), "limit")
    assert found["found"].startswith("its download is 1.9 Mbit/s")
    busy = replace(BY_ADDRESS, vlan_traffic={"lan2": InterfaceTraffic(received_bps=990_000)})
    assert cause(busy) is None
    limited = replace(view(), limits={"guests": VlanLimit(upload=Rate(1_000_000))})
    found = check(answer(busy, limited), "limit")
    assert found["remedy"] == "wait, or end the limit: lbrouter limit guests off"
    assert "limit" not in [c["name"] for c in answer(replace(BY_ADDRESS, traffic=None))["checks"]]


SILENT = message(ReasonCode.NO_ANSWER, failure="no answer", targets=2, span_s=9.0)
DOWN = line(UplinkState.DOWN, SILENT, alive=False, badness=2000.0)
UNPLUGGED = line(
    UplinkState.DOWN, message(ReasonCode.NO_CARRIER, interface="wan1"), carrier=False, alive=False
)


def test_a_policy_without_a_line_that_answers() -> None:
    found = answer(BY_ADDRESS, view(fiber=UNPLUGGED, lte=UNPLUGGED))
    assert found["cause"] == "policy without line"
    assert "has no line: fiber: no carrier" in check(found, "policy")["found"]
    half_dead = line(UplinkState.DOWN, SILENT, alive=True, badness=2000.0)
    found = answer(BY_ADDRESS, view(fiber=half_dead, lte=half_dead))
    assert found["cause"] == "policy without line"
    assert "where nothing answers" in check(found, "policy")["found"]
    # The other line carries IPv4 alone.
    assert cause(BY_ADDRESS, view(fiber=DOWN)) == "IPv6 only broken"


def by_family(four: FamilyHealth, six: FamilyHealth) -> UplinkHealth:
    families = {AddressFamily.V4: four, AddressFamily.V6: six}
    return line(UplinkState.UP, four.why, families=families)


def test_ipv6_alone_broken() -> None:
    fine = FamilyHealth(state=UplinkState.UP, why=message(ReasonCode.ANSWERING, fine=2, targets=2))
    dead = FamilyHealth(state=UplinkState.DOWN, why=SILENT, alive=False, badness=2000.0)
    assert cause(BY_ADDRESS, view(fiber=by_family(fine, dead))) == "IPv6 only broken"
    silent = replace(BY_ADDRESS, traffic=ClientTraffic(connections=3, ipv6_flows=3))
    assert cause(silent) == "IPv6 only broken"
    answered = replace(silent, traffic=ClientTraffic(ipv6_flows=3, ipv6_answers=1))
    assert cause(answered) is None
    assert cause(replace(silent, traffic=None)) is None


def test_a_vlan_or_a_policy_without_ipv6_is_no_fault() -> None:
    on_desk = replace(BY_MAC, heard=(replace(HEARD, interface="lan3"),), leases=())
    assert check(answer(on_desk), "ipv6")["found"] == "VLAN desk has no IPv6"
    config = config_of(TEXT.replace('policy = "show"\naddress6', 'policy = "spread"\naddress6'))
    spread = config.policies["spread"].model_copy(update={"uplinks": ("lte",)})
    config = config.model_copy(update={"policies": {**config.policies, "spread": spread}})
    found = answer(BY_ADDRESS, replace(view(), config=config))
    assert "no line of policy spread has IPv6" in check(found, "ipv6")["found"]


def test_a_captive_portal_on_the_line_in_use() -> None:
    portal = message(ReasonCode.CAPTIVE_PORTAL, page="http://8.8.8.8/")
    bad = line(UplinkState.DEGRADED, portal, excluded_policies=frozenset({"show"}), badness=50.0)
    found = answer(BY_ADDRESS, view(fiber=bad, lte=bad))
    assert found["cause"] == "captive portal upstream"
    assert check(found, "captive portal")["found"].startswith("fiber: captive portal")
    assert cause(BY_ADDRESS, view(fiber=bad)) is None


def test_large_packets_that_do_not_pass() -> None:
    hole = message(ReasonCode.MTU_BLACK_HOLE, size=1500)
    bad = line(UplinkState.DEGRADED, hole, excluded_policies=frozenset({"show"}), badness=50.0)
    assert cause(BY_ADDRESS, view(fiber=bad, lte=bad)) == "MTU"
    never = message(ReasonCode.ANSWERING, fine=2, targets=2, size=1500)
    found = answer(BY_ADDRESS, view(fiber=line(UplinkState.UP, never)))
    assert found["cause"] == "MTU"
    assert "1500" in check(found, "mtu")["found"]


FAULTS = {
    ClientCause.NO_DNS: {"names_answered": False},
    ClientCause.BLOCKED: {"block": ClientBlock()},
    ClientCause.LIMIT: {"traffic": ClientTraffic(connections=100_000)},
    ClientCause.DUPLICATE_ADDRESS: {"heard": (HEARD, replace(HEARD, mac=OTHER))},
}


@given(st.sets(st.sampled_from(sorted(FAULTS))))
def test_of_several_faults_the_first_in_the_order_of_causes_is_named(
    faults: set[ClientCause],
) -> None:
    facts = BY_ADDRESS
    for fault in faults:
        facts = replace(facts, **FAULTS[fault])
    expected = next((str(each) for each in ClientCause if each in faults), None)
    found = answer(facts)
    assert found["cause"] == expected
    assert sum(not each["ok"] for each in found["checks"]) == len(faults)
