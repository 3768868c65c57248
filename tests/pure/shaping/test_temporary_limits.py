"""Temporary limits: what they change in the configuration, and in the kernel's classes."""

from dataclasses import replace
from pathlib import Path

import pytest

from lbrouter.cli.main import main
from lbrouter.compile.shaping.build import IFB_UP, build_shaping
from lbrouter.compile.shaping.overrides import VlanLimit, lowered_guarantees, with_limits
from lbrouter.compile.state.diff import diff
from lbrouter.model.errors import ExitCode
from lbrouter.model.facts import Facts
from lbrouter.model.kernel_state import KernelState
from lbrouter.model.plan import Action, Phase
from lbrouter.model.units import Rate
from tests.kit.builders import TWO_LINES, config_of, health_of
from tests.kit.shaping_config import (
    ALLOCATION,
    FACTS,
    STREAM_BANDWIDTH,
    TWO_RATED_UPLINKS,
    config_from,
    vlan_section,
)

MBIT = 1_000_000
LIMITED_CONFIG = config_from(
    TWO_RATED_UPLINKS,
    vlan_section("stream", 1, port="ls", more=STREAM_BANDWIDTH),
    vlan_section(
        "guests", 2, port="lg", more='upload = { guaranteed = "2mbit", ceiling = "9mbit" }'
    ),
    vlan_section("desk", 3, port="ld"),
)
FACTS_WITH_FEATURES = Facts(interfaces=FACTS.interfaces, features=FACTS.features | {"ifb", "u32"})


def shaped_state(*, facts: Facts = FACTS_WITH_FEATURES, **limits: VlanLimit) -> KernelState:
    health = health_of(LIMITED_CONFIG)
    found = build_shaping(
        LIMITED_CONFIG, allocation=ALLOCATION, health=health, facts=facts, limits=limits
    )
    return KernelState(
        devices=found.devices, links=found.links, qdiscs=found.qdiscs,
        classes=found.classes, redirects=found.redirects,
    )  # fmt: skip


def limit_both_ways(rate: int) -> VlanLimit:
    return VlanLimit(upload=Rate(rate), download=Rate(rate))


def test_a_limit_lowers_ceiling_and_guarantee_and_never_raises_them() -> None:
    found = with_limits(
        LIMITED_CONFIG,
        {
            "stream": limit_both_ways(5 * MBIT),
            "guests": limit_both_ways(99 * MBIT),
            "gone": limit_both_ways(1),
        },
    )
    stream, guests = found.vlans["stream"], found.vlans["guests"]
    assert stream.upload is not None
    assert (stream.upload.guaranteed, stream.upload.ceiling) == (5 * MBIT, 5 * MBIT)
    assert guests.upload == LIMITED_CONFIG.vlans["guests"].upload
    assert guests.download is not None
    assert (guests.download.guaranteed, guests.download.ceiling) == (0, 99 * MBIT)
    assert found.vlans["desk"] is LIMITED_CONFIG.vlans["desk"]
    assert (stream.name, found.vlans["stream"].policy) == ("stream", "show")
    assert with_limits(LIMITED_CONFIG, {}) is LIMITED_CONFIG


def test_one_direction_leaves_the_other_alone() -> None:
    found = with_limits(LIMITED_CONFIG, {"guests": VlanLimit(upload=Rate(MBIT))}).vlans["guests"]
    assert found.download is None
    assert lowered_guarantees(LIMITED_CONFIG.vlans["guests"], VlanLimit(upload=Rate(MBIT))) == {
        "upload": 2 * MBIT
    }
    assert lowered_guarantees(LIMITED_CONFIG.vlans["desk"], limit_both_ways(MBIT)) == {}


def test_where_the_file_has_a_ceiling_only_classes_and_queues_change() -> None:
    file = config_of(TWO_LINES)
    able = Facts(interfaces=FACTS.interfaces, features=FACTS_WITH_FEATURES.features)
    health = health_of(file)
    allocation = replace(ALLOCATION, uplinks={"fiber": 1, "lte": 2})
    before, after = (
        build_shaping(file, allocation=allocation, health=health, facts=able, limits=limits)
        for limits in ({}, {"stream": VlanLimit(upload=Rate(5 * MBIT))})
    )
    assert before.redirects == after.redirects
    assert before.devices == after.devices


def test_the_hook_on_the_uplinks_stands_before_it_is_needed() -> None:
    nothing = config_from(
        TWO_RATED_UPLINKS,
        vlan_section("stream", 1, port="ls"),
        vlan_section("guests", 2, port="lg"),
    )
    health = health_of(nothing)
    free = build_shaping(nothing, allocation=ALLOCATION, health=health, facts=FACTS_WITH_FEATURES)
    limits = {"guests": limit_both_ways(5 * MBIT)}
    held = build_shaping(
        nothing,
        allocation=ALLOCATION,
        health=health,
        facts=FACTS_WITH_FEATURES,
        limits=limits,
    )
    waiting = {each for each in free.redirects if each.interface in ("ua", "ub")}
    assert {each.to for each in waiting} == {""}
    assert IFB_UP not in {device.name for device in free.devices}
    steps = diff(KernelState(redirects=free.redirects), KernelState(redirects=held.redirects))
    assert {(each.phase, each.action) for each in steps.operations} == {
        (Phase.REDIRECT, Action.CHANGE),
    }
    bare = build_shaping(nothing, allocation=ALLOCATION, health=health, facts=FACTS)
    assert {each.interface for each in bare.redirects} == {"ls", "lg"}


def test_what_is_limited_and_let_go_again_is_as_before() -> None:
    before, during = shaped_state(), shaped_state(desk=limit_both_ways(3 * MBIT))
    assert diff(before, during)
    assert not diff(before, shaped_state())
    desk = {c.ceil for c in during.classes if c.classid[1] & 0xFFF == 3}
    assert max(desk) == 3 * MBIT


@pytest.mark.parametrize(
    "arguments",
    [("0",), ("0mbit",), ("1kbit",), ("400gbit",), ("fast",), ("5mbit", "--for", "0s"),
     ("off", "--for", "5m"), ("5MB/s",), ("-5mbit",)],
    ids=" ".join,
)  # fmt: skip
def test_a_limit_that_makes_no_sense_is_64(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["--runtime-dir", str(tmp_path), "limit", "guests", *arguments]) == ExitCode.USAGE
    assert capsys.readouterr().err
