"""What a rehearsal expects of a fault, and how it simulates the fault."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface

import pytest

from lbrouter.model.errors import UsageError
from lbrouter.rehearsal.checks import fault_config, fault_procedure
from lbrouter.rehearsal.lab.dhcp_server import changed_lease
from lbrouter.rehearsal.lab.faults import (
    ExpectedReaction,
    Fault,
    expectation_for,
    parse_faults,
)
from lbrouter.rehearsal.lab.impairment import Impairment, delay_line_ruleset, impairment_ruleset
from lbrouter.rehearsal.report.judgement import CheckVerdict
from lbrouter.rehearsal.report.rows import (
    FaultRow,
)
from tests.kit.builders import TWO_LINES, config_of
from tests.kit.layouts import layout_of


def test_the_fault_names_of_the_command() -> None:
    assert parse_faults("all") == tuple(Fault)
    assert parse_faults("none") == ()
    assert parse_faults("loss, cable,loss") == (Fault.LOSS, Fault.CABLE)
    with pytest.raises(UsageError, match="flood"):
        parse_faults("cable,flood")


SHOW = 'uplinks = ["fiber", "lte"]\n\n[policies.spread]'
TOLERANT = TWO_LINES.replace(SHOW, 'tolerate = { loss = "2%", latency = "150ms" }\n' + SHOW)


@pytest.mark.parametrize(
    "fault, policy, others, reaction",
    [
        (Fault.CABLE, "show", True, ExpectedReaction.LEAVE),
        (Fault.CABLE, "show", False, ExpectedReaction.REFUSE),
        (Fault.BLACKHOLE, "spread", True, ExpectedReaction.LEAVE),
        (Fault.FLAP, "spread", True, ExpectedReaction.LEAVE),
        (Fault.LOSS, "show", True, ExpectedReaction.LEAVE),
        (Fault.LOSS, "show", False, ExpectedReaction.ANY),
        (Fault.LOSS, "spread", True, ExpectedReaction.STAY),
        (Fault.LATENCY, "show", True, ExpectedReaction.LEAVE),
        (Fault.LATENCY, "spread", True, ExpectedReaction.STAY),
        (Fault.DNS, "show", True, ExpectedReaction.STAY),
        (Fault.PORTAL, "show", True, ExpectedReaction.ANY),
        (Fault.LEASE, "show", True, ExpectedReaction.RENEW),
        (Fault.LEASE, "spread", False, ExpectedReaction.RENEW),
    ],
)
def test_what_is_expected_of_a_policy(
    fault: Fault,
    policy: str,
    others: bool,  # noqa: FBT001
    reaction: ExpectedReaction,
) -> None:
    config = config_of(TOLERANT)
    found = expectation_for(
        fault, config, config.policies[policy], config.uplinks["fiber"], others=others
    )
    assert found.reaction is reaction
    assert (reaction is ExpectedReaction.ANY) == bool(found.reason)


def test_what_is_expected_of_a_policy_whose_targets_show_the_fault() -> None:
    for target, fault, reaction in (
        ("http://1.1.1.1/", Fault.PORTAL, ExpectedReaction.LEAVE),
        ("dns://9.9.9.9", Fault.DNS, ExpectedReaction.ANY),
    ):
        config = config_of(f'[health]\ntargets = ["{target}"]\n{TWO_LINES}')
        policy, uplink = config.policies["show"], config.uplinks["fiber"]
        assert expectation_for(fault, config, policy, uplink, others=True).reaction is reaction


def test_a_tolerance_near_what_happens_expects_nothing() -> None:
    config = config_of(TOLERANT.replace('"2%"', '"15%"').replace('"150ms"', '"400ms"'))
    for fault in (Fault.LOSS, Fault.LATENCY):
        policy, uplink = config.policies["show"], config.uplinks["fiber"]
        assert (
            expectation_for(fault, config, policy, uplink, others=True).reaction
            is ExpectedReaction.ANY
        )


def test_another_lease_is_in_the_same_subnet() -> None:
    address, gateway = changed_lease(IPv4Interface("198.18.1.2/24"))
    assert address == IPv4Interface("198.18.1.77/24")
    assert gateway == IPv4Address("198.18.1.254")


def test_who_sees_another_lease_is_told_when_it_is_noticed() -> None:
    row = FaultRow(uplink="lte", fault=Fault.LEASE, verdict=CheckVerdict.INFO, note="not rehearsed")
    assert list(fault_procedure.fault_notes([row])) == []
    assert list(fault_procedure.fault_notes([replace(row, fault=Fault.CABLE, policy="a")])) == [
        *fault_procedure.FAULT_NOTES
    ]
    assert list(fault_procedure.fault_notes([replace(row, policy="a")])) == [
        *fault_procedure.FAULT_NOTES,
        fault_procedure.LEASE_FAULT_NOTE,
    ]


def test_the_copy_for_a_lease_asks_for_an_address() -> None:
    copy = fault_config.with_dhcp_uplink(config_of(TWO_LINES), "fiber")
    assert copy.uplinks["fiber"].addressing == "dhcp"
    assert copy.uplinks["fiber"].gateway is None
    assert copy.uplinks["lte"] == config_of(TWO_LINES).uplinks["lte"]


def test_a_line_is_impaired_in_what_was_asked_for_alone() -> None:
    line = layout_of(TWO_LINES).lines[0]
    assert "drop" not in impairment_ruleset(line, Impairment())
    lossy = impairment_ruleset(line, Impairment(loss_up_percent=12.5))
    assert 'iifname "line" numgen random mod 10000 < 1250' in lossy
    assert 'iifname "wan"' not in lossy
    assert "dport 53 drop" in impairment_ruleset(line, Impairment(dns_dead=True))
    portal = impairment_ruleset(line, Impairment(portal=True))
    assert "tcp dport 443 dnat to" in portal
    assert "table ip6 portal {" in portal
    assert 'fwd to "slow-wan"' in delay_line_ruleset(("line", "wan"))


def test_the_rehearsed_copy_returns_soon() -> None:
    text = TWO_LINES.replace("metered = true", 'metered = true\nhealth = { up_after = "30s" }')
    copy = fault_config.with_short_up_after(config_of(text))
    assert {int(copy.health_settings_of(each).up_after) for each in copy.uplinks.values()} == {1000}
