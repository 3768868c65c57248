"""A foreign queueing discipline where ours belongs: named, left alone, replaced when asked for."""

from dataclasses import replace

from lbrouter.compile.shaping.build import ShapingPlan
from lbrouter.compile.shaping.foreign_qdiscs import conflicts, held_roots, permit_all
from lbrouter.compile.state.commands import command_line
from lbrouter.model.facts import Facts, ForeignRootQdisc
from lbrouter.model.kernel_state import KernelState, Qdisc
from lbrouter.model.plan import Action, Operation, Phase
from tests.kit.shaping_config import (
    FACTS,
    STREAM_BANDWIDTH,
    TRUNK_SECTION,
    TWO_RATED_UPLINKS,
    config_from,
    shaping_of,
    vlan_section,
)

TRUNK_CONFIG = config_from(
    TWO_RATED_UPLINKS, TRUNK_SECTION, vlan_section("stream", 1, more=STREAM_BANDWIDTH)
)
TBF = ForeignRootQdisc(kind="tbf", handle=0x8001)
FOREIGN_FACTS = replace(
    FACTS,
    interfaces={
        **FACTS.interfaces,
        "ua": replace(FACTS.interfaces["ua"], foreign_root_qdisc=TBF),
        "ld": replace(FACTS.interfaces["ld"], foreign_root_qdisc=TBF),
    },
)


def root_qdiscs(facts: Facts) -> dict[str, Qdisc]:
    return {
        q.interface: q for q in shaping_of(TRUNK_CONFIG, facts=facts).qdiscs if q.parent == "root"
    }


def kernel_state(found: ShapingPlan) -> KernelState:
    return KernelState(qdiscs=found.qdiscs, classes=found.classes)


def test_where_somebody_else_shapes_nothing_is_put() -> None:
    found = shaping_of(TRUNK_CONFIG, facts=FOREIGN_FACTS)
    assert set(root_qdiscs(FOREIGN_FACTS)) == {"ub", "lan"}
    assert "ua" not in {c.interface for c in found.classes}


def test_it_is_named_where_it_is_in_the_way_and_only_there() -> None:
    wanted = kernel_state(shaping_of(TRUNK_CONFIG, facts=permit_all(FOREIGN_FACTS)))
    [sentence] = conflicts(wanted.qdiscs, FOREIGN_FACTS)
    assert sentence.startswith("Interface ua has another program's tbf 8001: at its root")
    assert not list(conflicts(kernel_state(shaping_of(TRUNK_CONFIG)).qdiscs, FACTS))


def test_with_permission_ours_replaces_it_and_says_so() -> None:
    found = root_qdiscs(permit_all(FOREIGN_FACTS))
    assert (found["ua"].replaces, found["ub"].replaces) == (0x8001, 0)
    assert found["ua"].why.endswith("in place of another program's tbf 8001:, which is lost")
    step = Operation(phase=Phase.QDISC, action=Action.ADD, new=found["ua"], old=None, reason="")
    assert command_line(step) == "tc qdisc replace dev ua root handle 4c01: htb default 0xffe"


def test_what_displaced_a_root_of_ours_may_go() -> None:
    held = kernel_state(shaping_of(TRUNK_CONFIG))
    assert root_qdiscs(replace(FOREIGN_FACTS, take_over=held_roots(held)))["ua"].replaces == 0x8001
    assert "ua" not in root_qdiscs(replace(FOREIGN_FACTS, take_over=held_roots(KernelState())))


def test_an_interface_that_is_not_there_yet_is_in_nobodys_way() -> None:
    bare = replace(FOREIGN_FACTS, interfaces={"lan": FACTS.interfaces["lan"]})
    assert not list(conflicts(kernel_state(shaping_of(TRUNK_CONFIG, facts=FACTS)).qdiscs, bare))
