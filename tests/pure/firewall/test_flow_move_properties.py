"""All that speaks of a line agrees, for random health: `select_uplinks`, elements, `explain`."""

from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from lbrouter.compile.explain.explanation import ExplainContext, explain
from lbrouter.compile.explain.flow_words import parse_flow
from lbrouter.compile.firewall.elements import elements
from lbrouter.compile.routing.balance import apportion, select_uplinks, slot_table
from lbrouter.compile.routing.usability import LineGrade, is_dead, line_grade
from lbrouter.model.config import PolicyMode
from lbrouter.model.facts import Facts
from lbrouter.model.health import FamilyHealth, GatewayHealth, UplinkHealth, UplinkState
from lbrouter.model.kernel_state import AddressFamily
from lbrouter.model.messages.message import parse_reason, told
from tests.pure.firewall.three_lines import (
    ALLOCATION,
    BARE_FACTS,
    CONFIG,
    DEGRADED,
    DOWN,
    HEARD,
    POLICY_VLANS,
    UP,
    V4,
    V6,
    found,
    health,
    moved,
)

POLICIES = st.sets(st.sampled_from(list(CONFIG.policies)), max_size=3).map(frozenset)


@st.composite
def family_states(draw: st.DrawFn) -> FamilyHealth:
    return FamilyHealth(
        state=draw(st.sampled_from([UP, UP, DEGRADED, DOWN, UplinkState.WAITING])),
        excluded_policies=draw(POLICIES),
        why=parse_reason("", draw(st.sampled_from(["loss", "suspect"]))),
        alive=draw(st.booleans()),
        badness=draw(st.sampled_from([0.0, 3.0, 40.0])),
    )


@st.composite
def line_states(draw: st.DrawFn) -> UplinkHealth:
    four, six = draw(family_states()), draw(family_states())
    drained = draw(st.sampled_from([False, False, True]))
    return UplinkHealth(
        state=UplinkState.DRAINED if drained else four.state,
        why=told(""),
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
