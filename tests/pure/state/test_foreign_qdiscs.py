"""Somebody else's queueing discipline in the way: named, left alone, replaced when asked for."""

from dataclasses import replace

from lbrouter.compile.shaping.build import Shaping
from lbrouter.compile.state.commands import words
from lbrouter.compile.state.foreign_qdiscs import everything, in_the_way, what_we_lost
from lbrouter.model.facts import Facts, ForeignRoot
from lbrouter.model.kernel_state import KernelState, Qdisc
from lbrouter.model.plan import Operation, Phase, Verb
from tests.kit.shaping_config import FACTS, STREAM, TRUNK, USUAL, config, shaped, vlan

WANTED = config(USUAL, TRUNK, vlan("stream", 1, more=STREAM))
TBF = ForeignRoot(kind="tbf", handle=0x8001)
OTHERS = replace(
    FACTS,
    interfaces={
        **FACTS.interfaces,
        "ua": replace(FACTS.interfaces["ua"], foreign_root=TBF),
        "ld": replace(FACTS.interfaces["ld"], foreign_root=TBF),
    },
)


def roots(facts: Facts) -> dict[str, Qdisc]:
    return {q.interface: q for q in shaped(WANTED, facts=facts).qdiscs if q.parent == "root"}


def state(found: Shaping) -> KernelState:
    return KernelState(qdiscs=found.qdiscs, classes=found.classes)


def test_where_somebody_else_shapes_nothing_is_put() -> None:
    found = shaped(WANTED, facts=OTHERS)
    assert set(roots(OTHERS)) == {"ub", "lan"}
    assert "ua" not in {c.interface for c in found.classes}


def test_it_is_named_where_it_is_in_the_way_and_only_there() -> None:
    wanted = state(shaped(WANTED, facts=everything(OTHERS)))
    [sentence] = in_the_way(wanted, OTHERS)
    assert sentence.startswith("Interface ua has somebody else's tbf 8001: at its root")
    assert not list(in_the_way(state(shaped(WANTED)), FACTS))


def test_with_permission_ours_replaces_it_and_says_so() -> None:
    found = roots(everything(OTHERS))
    assert (found["ua"].replaces, found["ub"].replaces) == (0x8001, 0)
    assert found["ua"].why.endswith("in place of somebody else's tbf 8001:, which is lost")
    step = Operation(phase=Phase.QDISC, verb=Verb.ADD, new=found["ua"], old=None, reason="")
    assert words(step) == "tc qdisc replace dev ua root handle 4c01: htb default 0xffe"


def test_what_displaced_a_root_of_ours_may_go() -> None:
    held = state(shaped(WANTED))
    assert roots(what_we_lost(OTHERS, held))["ua"].replaces == 0x8001
    assert "ua" not in roots(what_we_lost(OTHERS, KernelState()))


def test_an_interface_that_is_not_there_yet_is_in_nobodys_way() -> None:
    bare = replace(OTHERS, interfaces={"lan": FACTS.interfaces["lan"]})
    assert not list(in_the_way(state(shaped(WANTED, facts=FACTS)), bare))
