"""The document of `status --json`, and what this version cannot do."""

from dataclasses import replace
from typing import get_type_hints

import pytest

from lbrouter.compile.config.partial_support import partially_supported
from lbrouter.compile.firewall.boot_guard import guard_table
from lbrouter.compile.report.status import percentages, status_document
from lbrouter.compile.report.status_types import InterfaceTraffic, Status, TrafficMeasurements
from lbrouter.compile.state.allocate import allocate
from lbrouter.model.facts import Allocation, Facts, InterfaceFacts
from lbrouter.model.health import UplinkState
from lbrouter.model.kernel_state import KernelState, NftTable
from tests.kit.builders import TWO_LINES, config_of, facts_of, health_of
from tests.kit.status_documents import TIMESTAMP, status_inputs

CONFIG = config_of(TWO_LINES)


def test_every_key_of_the_contract_is_there() -> None:
    found = status_document(CONFIG, status_inputs(CONFIG))
    assert found.keys() == get_type_hints(Status).keys()
    assert found["gateway"] == "two-lines"
    assert found["daemon"] is False
    assert found["config_digest"] == "sha256:00"
    assert found["pending_confirm_s"] is None
    fiber = found["uplinks"]["fiber"]
    assert (fiber["state"], fiber["since"], fiber["interface"]) == ("up", TIMESTAMP, "wan1")
    assert (fiber["address"], fiber["gateway"]) == ("203.0.113.2/30", "203.0.113.1")
    assert (fiber["address6"], fiber["gateway6"]) == ("2001:db8:1::2/64", "2001:db8:1::1")
    assert fiber["rtt_ms"] is fiber["jitter_ms"] is fiber["loss_percent"] is None
    assert fiber["connections"] is None
    assert (fiber["number"], fiber["table"]) == (1, 7001)


def test_a_line_without_its_interface_still_says_what_the_file_gives_it() -> None:
    facts = facts_of(CONFIG, without=("wan1",))
    fiber = status_document(CONFIG, status_inputs(CONFIG, facts=facts))["uplinks"]["fiber"]
    assert (fiber["state"], fiber["address"]) == ("waiting", "203.0.113.2/30")
    assert fiber["gateway6"] == "2001:db8:1::1"


def test_a_line_that_knows_no_ipv6_says_null() -> None:
    lte = status_document(CONFIG, status_inputs(CONFIG))["uplinks"]["lte"]
    assert (lte["address6"], lte["gateway6"]) == (None, None)


def test_upload_is_what_leaves_an_uplink_and_enters_by_a_vlan() -> None:
    traffic = {
        "wan1": InterfaceTraffic(received_bps=1, sent_bps=2),
        "lan1": InterfaceTraffic(received_bps=3, sent_bps=4),
    }
    measured = TrafficMeasurements(traffic=traffic, connections={1: 412})
    found = status_document(CONFIG, status_inputs(CONFIG, measured=measured))
    fiber, stream = found["uplinks"]["fiber"], found["vlans"]["stream"]
    assert (fiber["upload_bps"], fiber["download_bps"]) == (2, 1)
    assert (stream["upload_bps"], stream["download_bps"]) == (3, 4)
    assert fiber["connections"] == 412
    assert found["uplinks"]["lte"]["connections"] == 0


def test_guarantees_are_those_of_the_file_and_zero_without_one() -> None:
    found = status_document(CONFIG, status_inputs(CONFIG))["vlans"]
    assert found["stream"]["guaranteed_upload_bps"] == 12_000_000
    assert found["stream"]["guaranteed_download_bps"] == 10_000_000
    assert found["guests"]["guaranteed_upload_bps"] == 0
    assert found["guests"]["guaranteed_download_bps"] == 0


def test_a_guarantee_that_is_short_says_by_how_much() -> None:
    narrow = config_of(TWO_LINES.replace('upload = "20mbit"', 'upload = "8mbit"'))
    whole = status_document(narrow, status_inputs(narrow))["vlans"]["stream"]
    assert (whole["short_upload_bps"], whole["short_download_bps"]) == (0, 0)
    dead = health_of(narrow, fiber=UplinkState.DOWN)
    short = status_document(narrow, status_inputs(narrow, health=dead))["vlans"]["stream"]
    assert 4_000_000 < short["short_upload_bps"] < 5_500_000
    assert short["short_download_bps"] == 0


def test_capacities_are_those_of_the_file() -> None:
    found = status_document(CONFIG, status_inputs(CONFIG))["uplinks"]
    assert (found["fiber"]["upload_capacity_bps"], found["lte"]["download_capacity_bps"]) == (
        50_000_000,
        40_000_000,
    )
    bare = config_of(TWO_LINES.replace('upload = "50mbit"\ndownload = "100mbit"', ""))
    assert (
        status_document(bare, status_inputs(bare))["uplinks"]["fiber"]["upload_capacity_bps"]
        is None
    )


def test_policies_say_who_carries_new_flows() -> None:
    dead = health_of(CONFIG, fiber=UplinkState.DOWN)
    found = status_document(CONFIG, status_inputs(CONFIG, health=dead))["policies"]
    assert found["show"] == {
        "mode": "failover",
        "uplinks": ["fiber", "lte"],
        "active": ["lte"],
        "shares": {"lte": 100},
        "weights": {"lte": 100},
        "pinned": None,
    }


@pytest.mark.parametrize(
    "flows, shares",
    [
        ({}, {"fiber": 70, "lte": 30}),
        ({1: 18, 2: 1}, {"fiber": 70, "lte": 30}),
        ({1: 0, 2: 20}, {"fiber": 0, "lte": 100}),
        ({1: 30, 2: 10, 3: 99}, {"fiber": 75, "lte": 25}),
    ],
)
def test_shares_are_what_new_flows_do_once_there_are_enough(
    flows: dict[int, int], shares: dict[str, int]
) -> None:
    config = config_of(TWO_LINES.replace("metered = true", ""))
    inputs = status_inputs(config, new_flows={"spread": flows})
    spread = status_document(config, inputs)["policies"]["spread"]
    assert spread["shares"] == shares
    assert spread["weights"] == {"fiber": 70, "lte": 30}


def test_a_line_with_ipv6_alone_does_not_carry_vlans_without_it() -> None:
    six = (
        TWO_LINES.replace('address = "203.0.113.2/30"\ngateway = "203.0.113.1"\n', "")
        .replace('\n[[forwards]]\nuplink = "any"', '\n[[forwards]]\nuplink = "lte"')
        .replace("metered = true", "")
    )
    config = config_of(six)
    policies = status_document(config, status_inputs(config))["policies"]
    assert policies["spread"]["active"] == ["lte"]
    dead = health_of(config, lte=UplinkState.DOWN)
    policies = status_document(config, status_inputs(config, health=dead))["policies"]
    assert policies["spread"]["active"] == [], "its VLAN speaks IPv4 alone"
    assert policies["show"]["active"] == ["fiber"], "by IPv6, which the stream speaks too"


def test_a_pin_is_shown() -> None:
    pinned = replace(health_of(CONFIG), pins={"show": "lte"})
    assert (
        status_document(CONFIG, status_inputs(CONFIG, health=pinned))["policies"]["show"]["pinned"]
        == "lte"
    )


def test_without_any_uplink_nobody_is_active() -> None:
    dead = health_of(CONFIG, fiber=UplinkState.DOWN, lte=UplinkState.DOWN)
    show = status_document(CONFIG, status_inputs(CONFIG, health=dead))["policies"]["show"]
    assert (show["active"], show["shares"]) == ([], {})


def test_it_says_whether_anything_is_applied() -> None:
    assert status_document(CONFIG, status_inputs(CONFIG))["applied"] is False
    held = KernelState(nft=NftTable(structure="a", elements={}))
    assert status_document(CONFIG, status_inputs(CONFIG, observed=held))["applied"] is True
    guard = KernelState(nft=guard_table(CONFIG, allocate(CONFIG, Allocation())))
    assert status_document(CONFIG, status_inputs(CONFIG, observed=guard))["applied"] is False


@pytest.mark.parametrize(
    "weights, shares",
    [
        ({}, {}),
        ({"a": 1}, {"a": 100}),
        ({"a": 1, "b": 1, "c": 1}, {"a": 34, "b": 33, "c": 33}),
        ({"a": 70, "b": 30}, {"a": 70, "b": 30}),
    ],
)
def test_percentages_add_up(weights: dict[str, int], shares: dict[str, int]) -> None:
    assert percentages(weights) == shares


PARTLY_SUPPORTED_CONFIG = """
[gateway]
name = "future"
dns = ["9.9.9.9"]
[uplinks.lte]
interface = "wan1"
address = "dhcp"
address6 = "auto"
[uplinks.dsl]
interface = "wan2"
address = "pppoe"
username = "me"
password_file = "/etc/secret"
[uplinks.other]
interface = "wan3"
address = "external"
[vlans.guests]
port = "lan1"
address = "10.0.0.1/24"
address6 = "fd10::1/64"
policy = "show"
dhcp = { range = "10.0.0.10-10.0.0.20" }
[vlans.desk]
port = "lan2"
address = "10.0.1.1/24"
policy = "show"
[policies.show]
mode = "failover"
uplinks = ["lte", "dsl", "other"]
"""


def test_what_works_in_full_has_no_caveat() -> None:
    assert partially_supported(CONFIG) == ()


def test_an_external_line_shows_the_address_that_the_system_gave_it() -> None:
    from ipaddress import ip_address, ip_interface

    config = config_of(PARTLY_SUPPORTED_CONFIG)
    wan3 = InterfaceFacts(
        name="wan3",
        index=9,
        up=True,
        carrier=True,
        mtu=1500,
        addresses=(ip_interface("fe80::1/64"), ip_interface("192.0.2.7/24")),
        gateways=(ip_address("192.0.2.1"),),
    )
    found = status_document(config, status_inputs(config, facts=Facts(interfaces={"wan3": wan3})))[
        "uplinks"
    ]
    assert (found["other"]["address"], found["other"]["gateway"]) == ("192.0.2.7/24", "192.0.2.1")
    assert (found["lte"]["address"], found["lte"]["gateway"]) == (None, None)
