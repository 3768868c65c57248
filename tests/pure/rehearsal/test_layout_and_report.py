"""The parts of a rehearsal without a venue: the layout, what the file asks for, the report."""

from dataclasses import replace
from ipaddress import ip_address
from itertools import combinations
from pathlib import Path

import pytest

from lbrouter.compile.config.parse import parse
from lbrouter.compile.config.toml_writer import render_toml
from lbrouter.model.config import Config, Protocol
from lbrouter.rehearsal.adapt_config import adapt_config, configured_networks, networks_overlap
from lbrouter.rehearsal.analysis.expected import expected_shares, policy_for, traffic_paths
from lbrouter.rehearsal.lab.layout import ECHO_SERVER_PORT, VenueOptions
from lbrouter.rehearsal.report.tables import CheckVerdict, RehearsalReport, check_row, info_row
from tests.kit.builders import TWO_LINES, config_of
from tests.kit.layouts import layout_of

EXAMPLES = sorted((Path(__file__).parents[3] / "examples").glob("*.toml"))

EVERY_KIND = """
[gateway]
name = "every-kind"
[uplinks.left]
interface = "wan1"
address = "192.0.2.2/24"
gateway = "192.0.2.1"
[uplinks.right]
interface = "wan2"
address = "192.0.2.2/24"
gateway = "192.0.2.1"
[uplinks.leased]
interface = "wan3"
address = "dhcp"
address6 = "auto"
metered = true
[uplinks.dialled]
interface = "wan4"
address = "pppoe"
username = "event@isp"
password_file = "/etc/lbrouter/secret"
[uplinks.foreign]
interface = "wan5"
address = "external"
[lan]
trunk = "lan0"
[vlans.a]
id = 10
address = "198.18.0.1/24"
address6 = "fd00:1::1/64"
policy = "all"
dhcp = { range = "198.18.0.50-198.18.0.60" }
[vlans.b]
port = "vlan10"
address = "10.0.2.1/24"
policy = "first"
[policies.all]
mode = "balance"
uplinks = ["left", "right", "leased", "dialled", "foreign"]
[policies.first]
mode = "failover"
uplinks = ["dialled", "left"]
[policies.ruled]
mode = "failover"
uplinks = ["foreign"]
[[rules]]
from = "b"
protocol = "tcp"
ports = [1935, 1936]
to = "100.64.0.0/10"
policy = "ruled"
"""


@pytest.mark.parametrize("tags", [True, False])
@pytest.mark.parametrize("text", [EVERY_KIND, TWO_LINES, *(p.read_text() for p in EXAMPLES)])
def test_the_rehearsed_copy_is_a_file_that_apply_takes(text: str, *, tags: bool) -> None:
    adapted = adapt_config(config_of(text), tags=tags)
    again = parse(render_toml(adapted.config).encode(), source="copy").config
    assert again == adapted.config
    assert list(again.uplinks) == list(config_of(text).uplinks)
    assert tags or all(vlan.port for vlan in again.vlans.values())


def test_each_replacement_is_reported() -> None:
    notes = "\n".join(adapt_config(config_of(EVERY_KIND), tags=False).notes)
    for word in ("leased: dhcp", "dialled: pppoe", "leased: IPv6", "802.1Q: a", "a: the lab's"):
        assert word in notes
    assert adapt_config(config_of(TWO_LINES), tags=False).notes == ()


def test_what_the_lab_brings_overlaps_nothing() -> None:
    site = layout_of(EVERY_KIND)
    brought = [leg.address.network for line in site.lines[2:] for leg in line.families]
    brought += [leg.public.network for line in site.lines for leg in line.families]
    for one, other in combinations([*brought, *configured_networks(config_of(EVERY_KIND))], 2):
        assert one == other or not networks_overlap(one, other)
    assert not any(server in network for server in site.servers for network in brought)


def test_lines_that_share_a_subnet_are_translated_by_their_providers() -> None:
    nat = {line.name: [leg.nat for leg in line.families] for line in layout_of(EVERY_KIND).lines}
    alone = {"dialled": [False], "foreign": [False]}
    leased = [
        True,
        False,
    ]  # its address changes, and the internet must recognise the line in any case
    assert nat == {"left": [True], "right": [True], "leased": leased, **alone}
    outsides = [
        leg.internet_address for line in layout_of(EVERY_KIND).lines for leg in line.families
    ]
    assert len(set(outsides)) == len(outsides)


def test_a_port_for_a_tag_takes_no_name_that_is_in_use() -> None:
    ports = [segment.port for segment in layout_of(EVERY_KIND, tags=False).segments]
    assert ports == ["vlan10x", "vlan10"]


def test_the_target_of_a_forward_is_a_client() -> None:
    site = layout_of(TWO_LINES, style=VenueOptions(clients_per_vlan=2, addresses_per_client=3))
    stream = next(each for each in site.segments if each.name == "stream")
    assert len(stream.clients) == 2
    addresses = [address for client in stream.clients for address in client.addresses]
    targets = {forward.to.address for forward in site.config.forwards}
    assert targets <= {address.ip for address in addresses}
    assert len(set(addresses)) == len(addresses) == 2 * 2 * 3
    assert not {gateway.ip for gateway in stream.gateways} & {each.ip for each in addresses}


def test_the_first_rule_that_matches_decides() -> None:
    config = config_of(EVERY_KIND)
    inside, outside = ip_address("100.64.0.1"), ip_address("1.1.1.1")
    assert policy_for(config, "b", Protocol.TCP, inside, 1935) == "ruled"
    assert policy_for(config, "b", Protocol.TCP, inside, 80) == "first"
    assert policy_for(config, "b", Protocol.UDP, inside, 1935) == "first"
    assert policy_for(config, "b", Protocol.TCP, outside, 1935) == "first"
    assert policy_for(config, "a", Protocol.TCP, inside, 1935) == "all"


def test_every_policy_is_reached_in_each_family_of_its_vlans() -> None:
    site = layout_of(EVERY_KIND)
    found = {(path.policy, path.vlan, path.version) for path in traffic_paths(site)}
    assert found == {("all", "a", 4), ("all", "a", 6), ("first", "b", 4), ("ruled", "b", 4)}
    ruled = next(path for path in traffic_paths(site) if path.policy == "ruled")
    assert (ruled.to, ruled.port) == (ip_address("100.64.0.1"), 1935)
    assert ruled.to in site.servers
    assert {1935, ECHO_SERVER_PORT} <= set(site.server_ports)


def test_shares_by_hand() -> None:
    config, lines = config_of(EVERY_KIND), {each.name: each for each in layout_of(EVERY_KIND).lines}
    every, first = config.policies["all"], config.policies["first"]
    free = dict.fromkeys(("left", "right", "dialled", "foreign"), 0.25)
    assert expected_shares(config, every, lines) == free
    assert expected_shares(config, every, {"leased": lines["leased"]}) == {"leased": 1.0}
    assert expected_shares(config, every, {}) == {}
    assert expected_shares(config, first, lines) == {"dialled": 1.0}
    assert expected_shares(config, first, {"left": lines["left"]}) == {"left": 1.0}
    weighted = replace_policy(config, weights={"left": 3, "right": 1, "foreign": 0})
    assert expected_shares(weighted, weighted.policies["all"], lines) == {
        "left": 0.75,
        "right": 0.25,
    }


def replace_policy(config: Config, *, weights: dict[str, int]) -> Config:
    policy = config.policies["all"]
    copy = policy.model_copy(update={"weights": weights, "uplinks": tuple(weights)})
    return config.model_copy(update={"policies": {**config.policies, "all": copy}})


def test_a_report_is_good_only_when_something_passed_and_nothing_failed() -> None:
    good = check_row("act", "one", expected="a", seen="a", ok=True)
    bad = check_row("act", "two", expected="a", seen="b", ok=False)
    report = RehearsalReport(
        gateway="g", checks=(good, info_row("act", "three", "c")), notes=("n",), seconds=1.0
    )
    assert report.ok
    assert report.as_json()["checks"][1] == {
        "act": "act",
        "subject": "three",
        "expected": "",
        "seen": "c",
        "verdict": CheckVerdict.INFO,
    }
    assert not replace(report, checks=(good, bad)).ok
    assert replace(report, checks=(good, bad)).failed_checks == (bad,)
    assert not replace(report, checks=()).ok
