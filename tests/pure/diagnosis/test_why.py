"""Why a client has no internet: each check, and the one cause, from facts."""

from dataclasses import replace
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbrouter.compile.diagnosis.client_checks import ClientCause
from lbrouter.compile.diagnosis.client_facts import (
    ClientBlock,
    ClientFacts,
    ClientTraffic,
    HeardFrame,
)
from lbrouter.compile.report.clients import Neighbour
from lbrouter.compile.report.status_types import InterfaceTraffic
from lbrouter.compile.shaping.overrides import VlanLimit
from lbrouter.model.facts import InterfaceFacts
from lbrouter.model.units import Rate
from tests.kit.builders import facts_of
from tests.pure.diagnosis.why_cases import (
    ADDRESS,
    BY_ADDRESS,
    BY_MAC,
    CONFIG,
    HEARD,
    MAC,
    OTHER,
    answer,
    cause,
    check,
    view,
)


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
