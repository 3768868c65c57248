"""A line on the LAN's own port: uploads find no class in the trees of downloads."""

from dataclasses import replace

import pytest

from lbrouter.compile.shaping.build import ShapingPlan, build_shaping
from lbrouter.compile.shaping.htb import HTB_MAJOR, LAN_MAJOR
from lbrouter.compile.state.allocate import allocate
from lbrouter.compile.state.diff import diff
from lbrouter.compile.state.simulate import apply_operation
from lbrouter.model.config import Config
from lbrouter.model.facts import Allocation, Facts
from lbrouter.model.kernel_state import KernelState
from tests.kit.builders import TWO_LINES, config_of, facts_of, health_of

STICK = config_of(TWO_LINES.replace('"wan1"', '"lan1"\nvlan = 35'))
TRUNK = config_of(
    TWO_LINES.replace('"wan1"', '"lan0"\nvlan = 35')
    .replace('port = "lan1"', "id = 10")
    .replace('port = "lan2"', "id = 40")
    .replace('port = "lan3"', "id = 99")
    + '[lan]\ntrunk = "lan0"\n'
)


def shaping_of(config: Config, facts: Facts | None = None) -> ShapingPlan:
    return build_shaping(
        config,
        allocation=allocate(config, Allocation()),
        health=health_of(config),
        facts=facts or facts_of(config),
    )


def majors(plan: ShapingPlan, interface: str) -> set[int]:
    roots = {q.handle for q in plan.qdiscs if q.interface == interface and q.parent == "root"}
    classes = [c for c in plan.classes if c.interface == interface]
    numbers = {number[0] for c in classes for number in (c.classid, c.parent)}
    leaves = {q.parent[0] for q in plan.qdiscs if q.interface == interface and q.parent != "root"}
    return roots | numbers | {major for major in leaves if isinstance(major, int)}


@pytest.mark.parametrize("config, lan", [(STICK, "lbr-down"), (TRUNK, "lan0")])
def test_uploads_and_downloads_have_trees_of_different_numbers(config: Config, lan: str) -> None:
    plan = shaping_of(config)
    assert majors(plan, config.uplinks["fiber"].device) == {HTB_MAJOR}
    assert majors(plan, "wan2") == {HTB_MAJOR}
    assert majors(plan, lan) == {LAN_MAJOR}
    uplinks = {line.device for line in config.uplinks.values()}
    for places, number in plan.elements:
        outgoing = places.split(" . ")[1]
        assert number.startswith("4c01:" if outgoing in uplinks else "4c02:"), places


def test_a_line_on_a_port_of_its_own_changes_nothing() -> None:
    plan = shaping_of(config_of(TWO_LINES))
    assert {number.partition(":")[0] for _, number in plan.elements} == {"4c01"}


def test_a_device_that_another_program_put_on_the_port_counts_too() -> None:
    facts = facts_of(config_of(TWO_LINES))
    theirs = replace(facts.interfaces["wan1"], kind="macvlan", parent="lan2")
    here = replace(facts, interfaces={**facts.interfaces, "wan1": theirs})
    assert majors(shaping_of(config_of(TWO_LINES), here), "lbr-down") == {LAN_MAJOR}


def test_from_one_number_to_the_other_the_trees_are_made_again() -> None:
    """A tag on the LAN's port is added to a running gateway, and taken away again."""
    states = [
        KernelState(devices=p.devices, links=p.links, qdiscs=p.qdiscs, classes=p.classes)
        for p in map(shaping_of, (config_of(TWO_LINES), STICK, config_of(TWO_LINES)))
    ]
    state = states[0]
    for wanted in states[1:]:
        for step in diff(state, wanted).operations:
            state = apply_operation(state, step)
        assert not diff(state, wanted)
