"""What one flow gets: the result of `explain`, compared with the order of the ruleset."""

from dataclasses import replace

import pytest

from lbrouter.compile.explain.explanation import ExplainContext, Explanation, explain
from lbrouter.compile.explain.flow_words import parse_flow
from lbrouter.compile.state.allocate import allocate
from lbrouter.model.errors import UsageError
from lbrouter.model.facts import Allocation
from lbrouter.model.health import GatewayHealth, UplinkState
from tests.kit.builders import TWO_LINES, config_of, facts_of, health_of

CONFIG = config_of(TWO_LINES)
FACTS = facts_of(CONFIG)


def explain_flow(
    source: str,
    destination: str,
    protocol: str = "tcp",
    port: int | None = 443,
    health: GatewayHealth | None = None,
) -> Explanation:
    flow = parse_flow(
        CONFIG, FACTS, source=source, destination=destination, protocol=protocol, port=port
    )
    known = ExplainContext(
        allocation=allocate(CONFIG, Allocation()),
        health=health_of(CONFIG) if health is None else health,
        facts=FACTS,
    )
    return explain(CONFIG, flow, known)


def uplink_shares(found: Explanation) -> dict[str, int]:
    return {way["uplink"]: way["share_percent"] for way in found["ways"]}


VERDICTS = [
    # to the internet, by the VLAN's policy or by a rule
    (("stream", "192.0.2.200", "tcp", 443), "forwarded", "show"),
    (("stream", "8.8.8.8", "tcp", 443), "forwarded", "show"),
    (("guests", "8.8.8.8", "tcp", 443), "forwarded", "spread"),
    (("guests", "8.8.8.8", "tcp", 1935), "forwarded", "show"),
    (("desk", "8.8.8.8", "tcp", 1935), "forwarded", "each"),
    (("guests", "192.0.2.9", "udp", 53), "forwarded", "show"),
    (("guests", "8.8.8.8", "udp", 3478), "forwarded", "show"),
    (("guests", "8.8.8.8", "icmp", None), "forwarded", "each"),
    (("10.10.40.77", "8.8.8.8", "tcp", 443), "forwarded", "spread"),
    # inside
    (("guests", "10.10.41.9", "tcp", 443), "direct", None),
    (("guests", "10.10.10.20", "tcp", 443), "refused", None),
    (("desk", "10.10.10.20", "tcp", 443), "forwarded", None),
    (("stream", "fd10:10::99", "tcp", 443), "direct", None),
    (("guests", "224.0.0.251", "udp", 5353), "dropped", None),
    # the gateway's own services
    (("guests", "10.10.40.1", "tcp", 22), "refused", None),
    (("guests", "10.10.40.1", "udp", 53), "delivered", None),
    (("guests", "10.10.40.1", "icmp", None), "delivered", None),
    (("guests", "10.10.10.1", "icmp", None), "refused", None),
    # modems, and private addresses beyond a line
    (("guests", "203.0.113.1", "tcp", 80), "refused", None),
    (("guests", "192.168.100.1", "tcp", 80), "refused", None),
    (("desk", "192.168.100.1", "tcp", 80), "forwarded", "each"),
    (("desk", "10.10.99.1", "tcp", 22), "delivered", None),
    # the gateway itself
    (("gateway", "9.9.9.9", "udp", 53), "own", None),
    (("10.10.40.1", "9.9.9.9", "udp", 53), "own", None),
    (("gateway", "10.10.40.1", "tcp", 22), "delivered", None),
    # from outside
    (("9.9.9.9", "203.0.113.2", "tcp", 8443), "forwarded", None),
    (("9.9.9.9", "198.51.100.2", "tcp", 8443), "forwarded", None),
    (("2001:db8:9::1", "2001:db8:1::2", "tcp", 8443), "forwarded", None),
    (("9.9.9.9", "203.0.113.2", "udp", 8443), "dropped", None),
    (("9.9.9.9", "203.0.113.2", "tcp", 22), "dropped", None),
    (("9.9.9.9", "203.0.113.2", "icmp", None), "delivered", None),
    (("192.168.7.7", "8.8.8.8", "tcp", 443), "dropped", None),
]


@pytest.mark.parametrize("question, verdict, policy", VERDICTS)
def test_verdict_and_policy(
    question: tuple[str, str, str, int | None], verdict: str, policy: str | None
) -> None:
    found = explain_flow(*question)
    assert (found["verdict"], found["policy"]) == (verdict, policy)
    assert found["because"]


def test_a_balanced_flow_has_a_way_for_each_share_with_all_its_numbers() -> None:
    found = explain_flow("guests", "8.8.8.8")
    assert (found["mode"], found["sticky_s"], found["rule"]) == ("balance", 600.0, None)
    # lte is metered, so that fiber carries all while it lives
    assert uplink_shares(found) == {"fiber": 100}
    assert found["if_down"] == {"fiber": {"lte": 100}}
    assert found["ways"][0] == {
        "uplink": "fiber",
        "share_percent": 100,
        "interface": "wan1",
        "gateway": "203.0.113.1",
        "mark": "0x01000000",
        "table": 7001,
        "source_address": "203.0.113.2",
        "upload_class": "4c01:1002",
        "download_class": "4c01:1002",
    }


def test_a_rule_is_named_by_its_place_in_the_file() -> None:
    assert explain_flow("guests", "8.8.8.8", port=1935)["rule"] == 0
    assert explain_flow("stream", "192.0.2.200")["rule"] == 1


def test_the_reason_of_a_refusal_names_the_key_that_would_allow_it() -> None:
    assert "vlans.guests.reach" in explain_flow("guests", "10.10.10.20")["because"]


def test_ipv6_goes_only_by_uplinks_that_have_it() -> None:
    found = explain_flow("stream", "2606:4700::1")
    assert uplink_shares(found) == {"fiber": 100}
    assert found["if_down"] == {"fiber": {}}
    assert found["flow"]["source"] == "fd10:10::2"


def test_with_every_uplink_dead_the_flow_is_unreachable_and_says_why() -> None:
    dead = health_of(CONFIG, fiber=UplinkState.DOWN, lte=UplinkState.DOWN)
    found = explain_flow("guests", "8.8.8.8", health=dead)
    assert (found["verdict"], found["ways"], found["if_down"]) == ("unreachable", [], {})
    assert "fiber: said so" in found["because"]


def test_the_gateways_own_flow_takes_its_own_table() -> None:
    found = explain_flow("gateway", "9.9.9.9", "udp", 53)
    assert found["flow"]["source"] == "gateway"
    assert (found["ways"][0]["table"], found["ways"][0]["upload_class"]) == (7000, None)
    assert found["if_down"] == {"fiber": {"lte": 100}}


def test_a_gateway_without_any_ipv6_way_out_says_unreachable() -> None:
    no_six = TWO_LINES.replace('address6 = "2001:db8:1::2/64"\ngateway6 = "2001:db8:1::1"\n', "")
    config = config_of(
        no_six.replace('to = "[fd10:10::20]:443"', 'to = "10.10.10.21:443"').replace(
            'uplink = "fiber"\nprotocol = "tcp"\nport = 8443',
            'uplink = "fiber"\nprotocol = "tcp"\nport = 8444',
        )
    )
    facts = facts_of(config)
    flow = parse_flow(
        config, facts, source="gateway", destination="2606:4700::1", protocol="tcp", port=443
    )
    known = ExplainContext(
        allocation=allocate(config, Allocation()), health=health_of(config), facts=facts
    )
    assert explain(config, flow, known)["verdict"] == "unreachable"


def test_a_forward_is_named_and_answers_by_the_uplink_it_came_in_on() -> None:
    found = explain_flow("9.9.9.9", "198.51.100.2", port=8443)
    assert (found["forward"], uplink_shares(found), found["if_down"]) == (0, {"lte": 100}, {})


def test_a_pin_is_heeded() -> None:
    pinned = replace(health_of(CONFIG), pins={"show": "lte"})
    assert uplink_shares(explain_flow("stream", "8.8.8.8", health=pinned)) == {"lte": 100}


def test_icmp_to_an_ipv6_address_is_icmpv6() -> None:
    assert explain_flow("stream", "2606:4700::1", "icmp", None)["flow"]["protocol"] == "icmpv6"


def test_a_port_is_forgotten_where_the_protocol_has_none() -> None:
    assert explain_flow("stream", "8.8.8.8", "gre", 443)["flow"]["port"] is None


def test_any_client_of_a_vlan_is_never_the_gateway_itself() -> None:
    second = config_of(TWO_LINES.replace("10.10.40.1/22", "10.10.40.2/22"))
    facts = facts_of(second)
    flow = parse_flow(
        second, facts, source="guests", destination="1.1.1.1", protocol="tcp", port=443
    )
    assert str(flow.source) == "10.10.40.1"


@pytest.mark.parametrize(
    "source, destination, protocol, complaint",
    [
        ("nobody", "8.8.8.8", "tcp", 'source "nobody"'),
        ("guests", "example.org", "tcp", 'destination "example.org"'),
        ("guests", "8.8.8.8", "smtp", 'Protocol "smtp"'),
        ("10.10.40.7", "2606:4700::1", "tcp", "different families"),
        ("guests", "2606:4700::1", "tcp", "no IPv6 address"),
    ],
)
def test_a_question_without_sense_is_bad_usage(
    source: str, destination: str, protocol: str, complaint: str
) -> None:
    with pytest.raises(UsageError, match=complaint):
        explain_flow(source, destination, protocol)


def test_a_service_that_the_file_opens_to_a_vlan() -> None:
    text = TWO_LINES.replace("[vlans.guests]", '[vlans.guests]\nservices = ["tcp/8080"]')
    config = config_of(text)
    flow = parse_flow(
        config, FACTS, source="guests", destination="10.10.40.1", protocol="tcp", port=8080
    )
    known = ExplainContext(
        allocation=allocate(config, Allocation()), health=health_of(config), facts=FACTS
    )
    found = explain(config, flow, known)
    assert found["verdict"] == "delivered"
    assert "vlans.guests.services has tcp/8080" in found["because"]
