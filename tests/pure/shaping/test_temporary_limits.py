"""A limit for a while: what it makes of the file, and of the kernel's classes."""

from dataclasses import replace
from pathlib import Path

import pytest

from lbrouter.cli.main import main
from lbrouter.compile.shaping.build import IFB_UP, shape
from lbrouter.compile.shaping.overrides import limited, lowered
from lbrouter.compile.state.diff import diff
from lbrouter.model.errors import Exit
from lbrouter.model.facts import Facts
from lbrouter.model.health import Limit
from lbrouter.model.kernel_state import KernelState
from lbrouter.model.plan import Phase, Verb
from lbrouter.model.units import Rate
from tests.kit.builders import TWO_LINES, config_of, health_of
from tests.kit.shaping_config import ALLOCATION, FACTS, STREAM, USUAL, config, vlan

MBIT = 1_000_000
FILE = config(
    USUAL,
    vlan("stream", 1, port="ls", more=STREAM),
    vlan("guests", 2, port="lg", more='upload = { guaranteed = "2mbit", ceiling = "9mbit" }'),
    vlan("desk", 3, port="ld"),
)
ABLE = Facts(interfaces=FACTS.interfaces, features=FACTS.features | {"ifb", "u32"})


def kernel(*, facts: Facts = ABLE, **limits: Limit) -> KernelState:
    health = replace(health_of(FILE), limits=limits)
    found = shape(FILE, allocation=ALLOCATION, health=health, facts=facts)
    return KernelState(
        devices=found.devices, links=found.links, qdiscs=found.qdiscs,
        classes=found.classes, redirects=found.redirects,
    )  # fmt: skip


def both(rate: int) -> Limit:
    return Limit(upload=Rate(rate), download=Rate(rate))


def test_a_limit_lowers_ceiling_and_guarantee_and_never_raises_them() -> None:
    found = limited(FILE, {"stream": both(5 * MBIT), "guests": both(99 * MBIT), "gone": both(1)})
    stream, guests = found.vlans["stream"], found.vlans["guests"]
    assert stream.upload is not None
    assert (stream.upload.guaranteed, stream.upload.ceiling) == (5 * MBIT, 5 * MBIT)
    assert guests.upload == FILE.vlans["guests"].upload
    assert guests.download is not None
    assert (guests.download.guaranteed, guests.download.ceiling) == (0, 99 * MBIT)
    assert found.vlans["desk"] is FILE.vlans["desk"]
    assert (stream.name, found.vlans["stream"].policy) == ("stream", "show")
    assert limited(FILE, {}) is FILE


def test_one_direction_leaves_the_other_alone() -> None:
    found = limited(FILE, {"guests": Limit(upload=Rate(MBIT))}).vlans["guests"]
    assert found.download is None
    assert lowered(FILE.vlans["guests"], Limit(upload=Rate(MBIT))) == {"upload": 2 * MBIT}
    assert lowered(FILE.vlans["desk"], both(MBIT)) == {}


def test_where_the_file_has_a_ceiling_only_classes_and_queues_change() -> None:
    file = config_of(TWO_LINES)
    able = Facts(interfaces=FACTS.interfaces, features=ABLE.features)
    health = health_of(file)
    allocation = replace(ALLOCATION, uplinks={"fiber": 1, "lte": 2})
    before, after = (
        shape(file, allocation=allocation, health=replace(health, limits=limits), facts=able)
        for limits in ({}, {"stream": Limit(upload=Rate(5 * MBIT))})
    )
    assert before.redirects == after.redirects
    assert before.devices == after.devices


def test_the_hook_on_the_uplinks_stands_before_it_is_needed() -> None:
    nothing = config(USUAL, vlan("stream", 1, port="ls"), vlan("guests", 2, port="lg"))
    health = health_of(nothing)
    free = shape(nothing, allocation=ALLOCATION, health=health, facts=ABLE)
    limits = {"guests": both(5 * MBIT)}
    held = shape(nothing, allocation=ALLOCATION, health=replace(health, limits=limits), facts=ABLE)
    waiting = {each for each in free.redirects if each.interface in ("ua", "ub")}
    assert {each.to for each in waiting} == {""}
    assert IFB_UP not in {device.name for device in free.devices}
    steps = diff(KernelState(redirects=free.redirects), KernelState(redirects=held.redirects))
    assert {(each.phase, each.verb) for each in steps.operations} == {
        (Phase.REDIRECT, Verb.CHANGE),
    }
    bare = shape(nothing, allocation=ALLOCATION, health=health, facts=FACTS)
    assert {each.interface for each in bare.redirects} == {"ls", "lg"}


def test_what_is_limited_and_let_go_again_is_as_before() -> None:
    before, during = kernel(), kernel(desk=both(3 * MBIT))
    assert diff(before, during)
    assert not diff(before, kernel())
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
    assert main(["--runtime-dir", str(tmp_path), "limit", "guests", *arguments]) == Exit.USAGE
    assert capsys.readouterr().err
