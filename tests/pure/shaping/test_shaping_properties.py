"""Invariants of shaping, for any configuration and any uplinks that are left."""

from collections import defaultdict
from collections.abc import Iterable

from hypothesis import given, settings
from hypothesis import strategies as st

from lbrouter.compile.shaping.build import IFB_DOWN, ShapingPlan, order_classes
from lbrouter.compile.shaping.htb import MIN_CLASS_RATE_BPS
from lbrouter.model.config import Config
from lbrouter.model.health import UplinkHealth, UplinkState
from lbrouter.model.kernel_state import HtbClass
from lbrouter.model.messages.message import told
from tests.kit.shaping_config import (
    BASE_CONFIG,
    RATES_B,
    STREAM_BANDWIDTH,
    TRUNK_SECTION,
    TWO_RATED_UPLINKS,
    UPLINK_B,
    UPLINK_DOWN,
    UPLINK_UP,
    class_operations,
    config_from,
    shaping_of,
    vlan_section,
)

KBIT = st.integers(min_value=8, max_value=200_000).map(lambda rate: f"{rate}kbit")


@st.composite
def configs(draw: st.DrawFn) -> Config:
    """Two uplinks, shaped or not, and up to three VLANs that may want more than there is."""
    parts = [BASE_CONFIG, _rate_keys(draw), UPLINK_B, _rate_keys(draw), TRUNK_SECTION]
    for number, name in enumerate(("stream", "guests", "desk"), start=1):
        if draw(st.booleans()):
            port = draw(st.sampled_from(("", f"l{name[0]}")))
            more = "\n".join(
                f'{direction} = {{ guaranteed = "{draw(KBIT)}" }}'
                for direction in ("upload", "download")
                if draw(st.booleans())
            )
            policy = draw(st.sampled_from(("show", "spread", "one")))
            priority = draw(st.integers(1, 7))
            parts.append(
                vlan_section(name, number, policy=policy, port=port, more=more, priority=priority)
            )
    return config_from(*parts)


def _rate_keys(draw: st.DrawFn) -> str:
    directions = [direction for direction in ("upload", "download") if draw(st.booleans())]
    return "".join(f'{direction} = "{draw(KBIT)}"\n' for direction in directions)


HEALTH = st.sampled_from(
    [UPLINK_UP, UPLINK_DOWN, UplinkHealth(state=UplinkState.DRAINED, why=told(""))]
)


@settings(deadline=None)
@given(configs(), HEALTH, HEALTH)
def test_children_never_exceed_their_parent(
    wanted: Config, a: UplinkHealth, b: UplinkHealth
) -> None:
    found = shaping_of(wanted, a=a, b=b)
    by_id = {(c.interface, c.classid): c for c in found.classes}
    assert len(by_id) == len(found.classes)
    sums: dict[tuple[str, tuple[int, int]], int] = defaultdict(int)
    for each in found.classes:
        assert each.rate >= MIN_CLASS_RATE_BPS
        assert each.ceil >= each.rate
        if each.parent[1]:
            sums[each.interface, each.parent] += each.rate
    for key, total in sums.items():
        assert total <= by_id[key].rate
        assert all(
            c.ceil <= by_id[key].rate for c in found.classes if (c.interface, c.parent) == key
        )


@settings(deadline=None)
@given(configs())
def test_every_class_without_children_has_a_queue_and_no_other(wanted: Config) -> None:
    found = shaping_of(wanted)
    parents = {(c.interface, c.parent) for c in found.classes}
    leaves = {(c.interface, c.classid) for c in found.classes} - parents
    assert leaves == {(q.interface, q.parent) for q in found.qdiscs if q.parent != "root"}
    roots = {q.interface for q in found.qdiscs if q.parent == "root"}
    assert roots == {c.interface for c in found.classes}


@settings(deadline=None)
@given(configs())
def test_every_classified_packet_finds_its_class_where_it_is_shaped(wanted: Config) -> None:
    """Otherwise it would be in the gateway's own class."""
    found = shaping_of(wanted)
    classes = {(c.interface, f"4c01:{c.classid[1]:x}") for c in found.classes}
    for key, number in found.elements:
        outgoing = key.split(" . ")[1]
        meeting = {r.to for r in found.redirects if r.interface == outgoing and r.to == IFB_DOWN}
        for place in {outgoing, *meeting} & {"ua", "ub", IFB_DOWN}:
            if any(interface == place for interface, _ in classes):
                assert (place, number) in classes


@settings(deadline=None)
@given(configs(), HEALTH, HEALTH, HEALTH, HEALTH)
def test_after_every_step_of_a_failover_children_fit_their_parent(
    wanted: Config, a: UplinkHealth, b: UplinkHealth, c: UplinkHealth, d: UplinkHealth
) -> None:
    before, after = shaping_of(wanted, a=a, b=b), shaping_of(wanted, a=c, b=d)
    held = {each.key: each for each in before.classes}
    for step in order_classes(class_operations(before, after)):
        assert isinstance(step.new, HtbClass)
        held[step.new.key] = step.new
        assert children_fit_parents(held.values())
    assert set(held.values()) == after.classes


@settings(deadline=None)
@given(KBIT, KBIT, HEALTH, HEALTH)
def test_after_every_step_of_a_changed_line_children_fit_their_parent(
    old: str, new: str, a: UplinkHealth, b: UplinkHealth
) -> None:
    def line(rate: str) -> Config:
        rates = f'upload = "{rate}"\ndownload = "{rate}"\n'
        return config_from(
            BASE_CONFIG,
            rates,
            UPLINK_B,
            RATES_B,
            TRUNK_SECTION,
            vlan_section("stream", 1, more=STREAM_BANDWIDTH),
            vlan_section("guests", 2),
        )

    before, after = shaping_of(line(old), a=a), shaping_of(line(new), a=b)
    held = {each.key: each for each in before.classes}
    for step in order_classes(class_operations(before, after)):
        assert isinstance(step.new, HtbClass)
        held[step.new.key] = step.new
        assert children_fit_parents(held.values())
    assert set(held.values()) == after.classes


def test_classes_come_parents_first_and_go_children_first() -> None:
    found = shaping_of(config_from(TWO_RATED_UPLINKS, TRUNK_SECTION, vlan_section("stream", 1)))
    made = order_classes(class_operations(ShapingPlan(), found))
    there: set[tuple[str, tuple[int, int]]] = set()
    for step in made:
        each = step.managed_object
        assert isinstance(each, HtbClass)
        assert not each.parent[1] or (each.interface, each.parent) in there
        there.add((each.interface, each.classid))
    for step in order_classes(class_operations(found, ShapingPlan())):
        each = step.managed_object
        assert isinstance(each, HtbClass)
        there.remove((each.interface, each.classid))
        assert not each.parent[1] or (each.interface, each.parent) in there


def children_fit_parents(classes: Iterable[HtbClass]) -> bool:
    by_id = {(c.interface, c.classid): c for c in classes}
    sums: dict[tuple[str, tuple[int, int]], int] = defaultdict(int)
    for (interface, _), each in by_id.items():
        if each.parent[1]:
            sums[interface, each.parent] += each.rate
    return all(total <= by_id[key].rate for key, total in sums.items())
