"""Which living flows move: by their own policy and family, and only to something better.

The property compares all that speaks of a line: `select_uplinks`, the elements, `explain`.
"""

from collections import Counter
from dataclasses import replace
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbrouter.compile.explain.explanation import ExplainContext, explain
from lbrouter.compile.explain.flow import parse_flow
from lbrouter.compile.firewall.elements import elements
from lbrouter.compile.routing.balance import apportion, select_uplinks, slot_table
from lbrouter.compile.routing.usability import LineGrade, is_dead, line_grade
from lbrouter.compile.state.allocate import allocate
from lbrouter.model.config import PolicyMode
from lbrouter.model.facts import Allocation, Facts
from lbrouter.model.health import FamilyHealth, GatewayHealth, UplinkHealth, UplinkState
from lbrouter.model.kernel_state import AddressFamily, NftElements
from lbrouter.model.reserved_ids import uplink_mark
from tests.kit.builders import config_of, facts_of

THREE_LINES = """
[gateway]
name = "three"

[uplinks.fiber]
interface = "wan1"
address = "203.0.113.2/30"
gateway = "203.0.113.1"
address6 = "2001:db8:1::2/64"
gateway6 = "2001:db8:1::1"

[uplinks.lte]
interface = "wan2"
address = "198.51.100.2/30"
gateway = "198.51.100.1"
metered = true

[uplinks.dsl]
interface = "wan3"
address = "192.0.2.2/30"
gateway = "192.0.2.1"
address6 = "2001:db8:3::2/64"
gateway6 = "2001:db8:3::1"

[vlans.stream]
port = "lan1"
address = "10.10.10.1/24"
address6 = "fd10:10::1/64"
policy = "show"

[vlans.guests]
port = "lan2"
address = "10.10.40.1/22"
address6 = "fd10:40::1/64"
policy = "spread"

[vlans.desk]
port = "lan3"
address = "10.10.99.1/24"
address6 = "fd10:99::1/64"
policy = "alone"

[policies.show]
mode = "failover"
uplinks = ["fiber", "lte", "dsl"]
tolerate = { loss = "2%" }
living = "move"

[policies.spread]
mode = "balance"
weights = { fiber = 70, lte = 30, dsl = 10 }

[policies.alone]
mode = "failover"
uplinks = ["fiber"]
"""

CONFIG = config_of(THREE_LINES)
ALLOCATION = allocate(CONFIG, Allocation())
BARE_FACTS = facts_of(CONFIG)
V4, V6 = AddressFamily.V4, AddressFamily.V6
UP, DEGRADED, DOWN = UplinkState.UP, UplinkState.DEGRADED, UplinkState.DOWN
HEARD = [
    ("wan1", ip_address("203.0.113.1")),
    ("wan2", ip_address("198.51.100.1")),
    ("wan3", ip_address("192.0.2.1")),
    ("wan1", ip_address("2001:db8:1::1")),
]
POLICY_VLANS = {"show": "stream", "spread": "guests", "alone": "desk"}


def line(state: UplinkState = UP, **more: object) -> UplinkHealth:
    return replace(UplinkHealth(state=state, reason=""), **more)


def dead_line() -> UplinkHealth:
    return line(DOWN, alive=False)


def health(**lines: UplinkHealth) -> GatewayHealth:
    return GatewayHealth(uplinks={name: lines.get(name, line()) for name in CONFIG.uplinks})


def found(known: GatewayHealth) -> dict[str, NftElements]:
    return elements(CONFIG, allocation=ALLOCATION, health=known, facts=BARE_FACTS)


def key(family: AddressFamily, uplink: str) -> str:
    return f"ipv{family.version} . {uplink_mark(ALLOCATION.uplinks[uplink])}"


def moved(elements: dict[str, NftElements], policy: str, family: AddressFamily = V4) -> set[str]:
    """Uplinks whose living flows of `policy` move, as a packet would see it."""
    verdicts = dict(elements["vlan_mark_verdict"])
    kept = {each for each, _ in elements[f"kept_{policy}"]}
    return {
        name
        for name in CONFIG.uplinks
        if verdicts[key(family, name)].startswith("jump move_flows_")
        and key(family, name) not in kept
    }


@pytest.mark.parametrize(
    "known, show, spread, alone",
    [
        (health(), set(), set(), set()),
        (health(fiber=dead_line()), {"fiber"}, {"fiber"}, set()),
        (health(fiber=line(DOWN)), {"fiber"}, {"fiber"}, set()),
        (health(fiber=dead_line(), lte=dead_line()), {"fiber", "lte"}, {"fiber", "lte"}, set()),
        (health(fiber=dead_line(), lte=dead_line(), dsl=dead_line()), set(), set(), set()),
        (health(fiber=line(UplinkState.DRAINED)), set(), set(), set()),
        (
            health(fiber=line(UplinkState.DRAINED, alive=False)),
            *({"fiber"}, {"fiber"}, set()),
        ),
        (health(fiber=line(drained=True, move_flows=True)), {"fiber"}, {"fiber"}, set()),
        (
            health(
                fiber=line(
                    DEGRADED,
                    excluded_policies=frozenset({"show", "spread"}),
                    exceeded_policies=frozenset({"show", "spread"}),
                )
            ),
            *({"fiber"}, set(), set()),
        ),
        (  # suspected alone: too early to cut what lives
            health(fiber=line(DEGRADED, excluded_policies=frozenset({"show"}))),
            *(set(), set(), set()),
        ),
    ],
)
def test_a_flow_moves_when_its_own_policy_has_a_better_line(
    known: GatewayHealth, show: set[str], spread: set[str], alone: set[str]
) -> None:
    seen = found(known)
    assert moved(seen, "show") == show
    assert moved(seen, "spread") == spread
    assert moved(seen, "alone") == alone


def test_nothing_moves_from_a_living_line_to_a_bad_one() -> None:
    out = frozenset({"show", "spread"})
    bad = line(DEGRADED, excluded_policies=out, exceeded_policies=out, badness=20.0)
    known = health(fiber=line(drained=True, move_flows=True), lte=bad, dsl=dead_line())
    assert moved(found(known), "show") == {"dsl"}


def test_one_family_moves_without_the_other() -> None:
    families = {
        V4: FamilyHealth(state=UP, reason=""),
        V6: FamilyHealth(state=DOWN, reason="", alive=False),
    }
    seen = found(health(fiber=line(families=families)))
    assert moved(seen, "show", V4) == set()
    # lte has no IPv6 at all: whatever carries its mark would be lost too.
    assert moved(seen, "show", V6) == {"fiber", "lte"}
    assert dict(seen["active_show"])["ipv6"] == f"goto assign_mark_{ALLOCATION.uplinks['dsl']}"


def test_own_flows_leave_a_dead_line_and_a_living_one_only_by_command() -> None:
    def left(known: GatewayHealth) -> set[str]:
        verdicts = dict(found(known)["own_mark_verdict"])
        return {n for n in CONFIG.uplinks if verdicts[key(V4, n)].startswith("jump forget_mark_")}

    assert left(health()) == set()
    assert left(health(fiber=dead_line())) == {"fiber"}
    assert left(health(fiber=line(drained=True))) == set()
    assert left(health(fiber=line(drained=True, move_flows=True))) == {"fiber"}
    assert left(health(fiber=dead_line(), lte=dead_line(), dsl=dead_line())) == set()


def test_clients_drawn_while_a_line_is_missing_are_displaced() -> None:
    usual = {value for _, value in found(health())["slots_spread_ip"]}
    assert {value.split("_")[0] for value in usual} == {"goto remember"}
    for missing in (dead_line(), line(UplinkState.DRAINED)):
        fewer = {value for _, value in found(health(dsl=missing))["slots_spread_ip"]}
        assert {value.split("_")[0] for value in fewer} == {"goto displace"}
    # A metered line that is gone is not missed: it carries nothing while others are fit.
    metered = {value for _, value in found(health(lte=dead_line()))["slots_spread_ip"]}
    assert metered == usual


POLICIES = st.sets(st.sampled_from(list(CONFIG.policies)), max_size=3).map(frozenset)


@st.composite
def family_states(draw: st.DrawFn) -> FamilyHealth:
    excluded = draw(POLICIES)
    return FamilyHealth(
        state=draw(st.sampled_from([UP, UP, DEGRADED, DOWN, UplinkState.WAITING])),
        reason="",
        excluded_policies=excluded,
        exceeded_policies=excluded & draw(POLICIES),
        alive=draw(st.booleans()),
        badness=draw(st.sampled_from([0.0, 3.0, 40.0])),
    )


@st.composite
def line_states(draw: st.DrawFn) -> UplinkHealth:
    four, six = draw(family_states()), draw(family_states())
    drained = draw(st.sampled_from([False, False, True]))
    return UplinkHealth(
        state=UplinkState.DRAINED if drained else four.state,
        reason="",
        carrier=draw(st.sampled_from([True, True, False])),
        drained=drained,
        move_flows=drained and draw(st.booleans()),
        families=draw(st.sampled_from([{V4: four, V6: six}, {}])),
        alive=four.alive,
        excluded_policies=four.excluded_policies,
    )


HEALTH = st.builds(
    GatewayHealth,
    uplinks=st.fixed_dictionaries({name: line_states() for name in CONFIG.uplinks}),
    pins=st.dictionaries(st.just("show"), st.sampled_from(["fiber", "lte", "dsl"]), max_size=1),
)
FACTS = st.sets(st.sampled_from(HEARD)).map(
    lambda heard: replace(BARE_FACTS, answering_nexthops=frozenset(heard))
)


@given(HEALTH, FACTS)
def test_select_explain_and_the_elements_say_the_same(known: GatewayHealth, facts: Facts) -> None:
    seen = elements(CONFIG, allocation=ALLOCATION, health=known, facts=facts)
    context = ExplainContext(allocation=ALLOCATION, health=known, facts=facts)
    for name, policy in CONFIG.policies.items():
        for family, far in ((V4, "8.8.8.8"), (V6, "2001:4860::8")):
            shares = select_uplinks(CONFIG, policy, known, family, facts)
            flow = parse_flow(
                CONFIG, facts, source=POLICY_VLANS[name], destination=far, protocol="tcp", port=443
            )
            ways = explain(CONFIG, flow, context)["ways"]
            percent = apportion([share.weight for share in shares], 100) if shares else []
            assert [(way["uplink"], way["share_percent"]) for way in ways] == [
                (share.uplink, part) for share, part in zip(shares, percent, strict=True)
            ]
            if policy.mode is PolicyMode.FAILOVER:
                numbers = [ALLOCATION.uplinks[share.uplink] for share in shares]
                active = dict(seen[f"active_{name}"]).get(f"ipv{family.version}")
                assert active == (f"goto assign_mark_{numbers[0]}" if numbers else None)
            else:
                slots = Counter(v.split("_")[2] for _, v in seen[f"slots_{name}_{family}"])
                wanted = Counter(str(ALLOCATION.uplinks[n]) for n in slot_table(shares))
                assert slots == wanted


@given(HEALTH, FACTS)
def test_no_flow_is_refused_or_cut_in_vain(known: GatewayHealth, facts: Facts) -> None:
    seen = elements(CONFIG, allocation=ALLOCATION, health=known, facts=facts)
    for name, policy in CONFIG.policies.items():
        for family in AddressFamily:
            grades = {
                each: line_grade(CONFIG, each, family, known, facts, policy=name)
                for each in CONFIG.uplinks
            }
            own = [grades[each] for each in policy.uplinks]
            chosen = [s.uplink for s in select_uplinks(CONFIG, policy, known, family, facts)]
            best = max(own)
            assert bool(chosen) == (best is not LineGrade.UNUSABLE)
            assert {grades[each] for each in chosen} <= {best}
            cut = moved(seen, name, family)
            assert not cut & set(chosen)
            assert all(grades[each] < best for each in cut)
            if best is LineGrade.FIT:
                dead = {n for n in grades if is_dead(CONFIG, n, family, known, facts)}
                assert dead <= cut


@given(HEALTH, FACTS)
def test_only_what_clients_send_can_be_cut(known: GatewayHealth, facts: Facts) -> None:
    seen = elements(CONFIG, allocation=ALLOCATION, health=known, facts=facts)
    assert seen["mark_verdict"] == found(health())["mark_verdict"]
    chains = {value.rsplit("_", 1)[0] for _, value in seen["own_mark_verdict"]}
    assert chains <= {"goto restore_mark", "jump forget_mark"}


@given(HEALTH, FACTS)
def test_a_pin_is_never_worse_than_none(known: GatewayHealth, facts: Facts) -> None:
    policy = CONFIG.policies["show"]
    for family in AddressFamily:

        def best(each: GatewayHealth, family: AddressFamily = family) -> int:
            shares = select_uplinks(CONFIG, policy, each, family, facts)
            grades = [
                line_grade(CONFIG, s.uplink, family, each, facts, policy="show") for s in shares
            ]
            return max(grades, default=LineGrade.UNUSABLE)

        assert best(known) == best(replace(known, pins={}))
