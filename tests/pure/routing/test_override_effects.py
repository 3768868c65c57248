"""What a drain or a pin would do, before it is done."""

import pytest

from lbrouter.compile.routing.client_families import policy_families, policy_vlans
from lbrouter.compile.routing.override_effects import (
    StrandedPolicy,
    stranded_policies,
    uplink_usability,
)
from lbrouter.compile.routing.usability import Usability
from lbrouter.model.health import UplinkState
from lbrouter.model.kernel_state import AddressFamily
from lbrouter.model.messages.message import told
from tests.kit.builders import TWO_LINES, config_of, facts_of, health_of

CONFIG = config_of(TWO_LINES)
FACTS = facts_of(CONFIG)
DOWN, DRAINED, DEGRADED = UplinkState.DOWN, UplinkState.DRAINED, UplinkState.DEGRADED


@pytest.mark.parametrize(
    "states, drained, policies",
    [
        ({}, "fiber", []),
        ({"lte": DOWN}, "fiber", ["show", "spread", "each"]),
        ({"lte": DRAINED}, "fiber", ["show", "spread", "each"]),
        ({"lte": DOWN}, "lte", []),
        ({"fiber": DRAINED, "lte": DOWN}, "fiber", []),
    ],
)
def test_the_last_usable_line_is_asked_about(
    states: dict[str, UplinkState], drained: str, policies: list[str]
) -> None:
    found = stranded_policies(CONFIG, drained, health_of(CONFIG, **states), FACTS)
    assert [each.policy for each in found] == policies
    assert all(each.fallback is None for each in found)


def test_what_would_carry_the_flows_is_named() -> None:
    config = config_of(
        TWO_LINES.replace("[policies.each]", "[policies.unused]").replace(
            'policy = "each"', 'policy = "show"'
        )
    )
    waits = health_of(config, lte=DEGRADED)
    lossy = {"show": frozenset({"show"})}
    line = waits.uplinks["lte"]
    known = type(waits)(
        uplinks={
            **waits.uplinks,
            "lte": type(line)(state=DEGRADED, why=told(""), excluded_policies=lossy["show"]),
        }
    )
    [found] = stranded_policies(config, "fiber", known, FACTS)
    assert found == StrandedPolicy(
        policy="show", vlans=("stream", "guests", "desk"), fallback="lte"
    )


def test_a_pin_is_judged_in_the_better_family() -> None:
    known = health_of(CONFIG)
    assert uplink_usability(CONFIG, "lte", "show", known, FACTS) is Usability.FIT
    dead = health_of(CONFIG, lte=DOWN)
    assert uplink_usability(CONFIG, "lte", "show", dead, FACTS) is Usability.UNUSABLE


def test_a_policy_speaks_what_the_clients_of_its_vlans_speak() -> None:
    four, six = AddressFamily.V4, AddressFamily.V6
    assert policy_vlans(CONFIG, "each") == ("stream", "guests", "desk")  # by the rule for ICMP
    assert policy_families(CONFIG, "show") == (four, six)
    assert policy_families(CONFIG, "spread") == (four,)
    unused = config_of(TWO_LINES + '\n[policies.spare]\nmode = "failover"\nuplinks = ["lte"]\n')
    assert policy_families(unused, "spare") == (four, six)
