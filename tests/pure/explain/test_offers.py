"""`explain` of forwards, of hosts with an address of their own, of rules for hosts and names."""

from dataclasses import replace

import pytest

from lbrouter.compile.explain.explanation import ExplainContext, Explanation, explain
from lbrouter.compile.explain.flow_words import parse_flow
from lbrouter.compile.state.allocate import allocate
from lbrouter.model.facts import Allocation
from tests.kit.builders import TWO_LINES, config_of, facts_of, health_of

TEXT = (
    TWO_LINES.replace("203.0.113.2/30", "203.0.113.2/29").replace(
        '"10.10.40.1/22"', '"10.10.40.1/22"\nroutes = ["10.50.0.0/16 via 10.10.40.9"]'
    )
    + """
[[forwards]]
uplink = "fiber"
protocol = "tcp"
port = "2000-2009"
to = "10.10.10.20"
sources = ["192.0.2.0/24", "10.10.40.7"]

[[forwards]]
uplink = "fiber"
protocol = "udp"
port = 51820
to = "10.10.99.1:51820"

[[maps]]
uplink = "fiber"
public = "203.0.113.3"
to = "10.10.10.30"

[[rules]]
from = "desk"
source = "10.10.99.7"
policy = "show"

[[rules]]
from = "desk"
to = "youtube.com"
policy = "show"
"""
)  # fmt: skip
CONFIG = config_of(TEXT)


def explained(
    source: str, to: str, protocol: str = "tcp", port: int = 443, names: tuple[str, ...] = ()
) -> Explanation:
    facts = facts_of(CONFIG)
    flow = parse_flow(CONFIG, facts, source=source, destination=to, protocol=protocol, port=port)
    known = ExplainContext(
        allocation=allocate(CONFIG, Allocation()), health=health_of(CONFIG), facts=facts
    )
    return explain(CONFIG, replace(flow, known_names=frozenset(names)), known)


OFFERS = [
    # from outside, and by the public address from inside
    (("192.0.2.80", "203.0.113.2", "tcp", 8443), "forwarded", "forwards.0 sends it to", 0),
    (("guests", "203.0.113.2", "tcp", 8443), "forwarded", "forwards.0 sends it to", 0),
    (("guests", "198.51.100.2", "tcp", 8443), "forwarded", "forwards.0 sends it to", 0),
    (("stream", "2001:db8:1::2", "tcp", 8443), "forwarded", "forwards.1", 1),
    (("stream", "203.0.113.2", "tcp", 8443), "forwarded", "forwards.0 sends it to", 0),
    (("192.0.2.80", "203.0.113.2", "tcp", 2009), "forwarded", "forwards.2", 2),
    (("10.10.40.7", "203.0.113.2", "tcp", 2000), "forwarded", "forwards.2", 2),
    (("192.0.3.80", "203.0.113.2", "tcp", 2009), "dropped", "no forward matches", None),
    (("192.0.2.80", "203.0.113.2", "tcp", 2010), "dropped", "no forward matches", None),
    (("guests", "203.0.113.2", "tcp", 2000), "refused", "10.10.40.1 only", None),
    (("192.0.2.80", "198.51.100.2", "tcp", 2009), "dropped", "no forward matches", None),
    # the gateway itself
    (("192.0.2.80", "203.0.113.2", "udp", 51820), "delivered", "forwards.3", 3),
    (("guests", "203.0.113.2", "udp", 51820), "delivered", "forwards.3", 3),
    # a host with an address of its own
    (("192.0.2.80", "203.0.113.3", "tcp", 9), "forwarded", "maps.0 gives this address", None),
    (("guests", "203.0.113.3", "tcp", 9), "forwarded", "maps.0 gives this address", None),
    # rules
    (("10.10.99.7", "8.8.8.8", "tcp", 443), "forwarded", "rules.4", None),
    (("10.10.99.8", "8.8.8.8", "tcp", 443), "forwarded", "no rule matches", None),
    (("10.50.3.9", "8.8.8.8", "tcp", 1935), "forwarded", "rules.0", None),
]


@pytest.mark.parametrize("asked, verdict, because, forward", OFFERS)
def test_a_flow_gets(
    asked: tuple[str, str, str, int], verdict: str, because: str, forward: int | None
) -> None:
    found = explained(*asked)
    assert (found["verdict"], found["forward"]) == (verdict, forward)
    assert because in found["because"]


def test_replies_of_a_forward_leave_by_its_line() -> None:
    found = explained("192.0.2.80", "203.0.113.2", port=8443)
    assert found["because"].endswith("replies leave by fiber")
    assert [way["uplink"] for way in found["ways"]] == ["fiber"]
    assert explained("guests", "203.0.113.2", port=8443)["ways"] == []


def test_a_name_counts_where_a_client_was_told_the_address() -> None:
    assert explained("desk", "142.250.1.1")["rule"] is None
    assert explained("desk", "142.250.1.1", names=("youtube.com",))["rule"] == 5
