"""A lane's copies among the classes of each of its lines."""

from dataclasses import replace

from lbrouter.compile.shaping.build import build_shaping
from lbrouter.compile.state.allocate import allocate
from lbrouter.model.config import Config
from lbrouter.model.facts import Allocation
from lbrouter.model.health import GatewayHealth, UplinkHealth, UplinkState
from lbrouter.model.kernel_state import HtbClass
from lbrouter.model.messages.message import told
from tests.kit.builders import health_of
from tests.kit.lane_config import lane_config, lane_machine, lane_state

CONFIG = lane_config()
COPIES = 4000 + 3
STREAM, GUESTS = 1, 2


def classes(
    config: Config = CONFIG, *, health: GatewayHealth | None = None
) -> dict[tuple[str, int], HtbClass]:
    """By interface and minor."""
    shaped = build_shaping(
        config,
        allocation=allocate(config, Allocation()),
        health=health or health_of(config),
        facts=lane_machine(config),
    )
    return {(each.interface, each.classid[1]): each for each in shaped.classes}


def lane_down() -> GatewayHealth:
    known = health_of(CONFIG)
    dead = UplinkHealth(state=UplinkState.DOWN, why=told(""), alive=False)
    return replace(known, uplinks={**known.uplinks, "lane": dead})


def test_the_copies_have_the_guarantee_on_every_line_and_go_first() -> None:
    found = classes()
    for number, device in ((1, "wan1"), (2, "wan2")):
        copies = found[device, number << 12 | COPIES]
        assert copies.rate == 11_000_000, "10 Mbit/s, and WireGuard's cost"
        assert copies.prio == found[device, number << 12 | STREAM].prio == 1
        assert copies.ceil == found[device, number << 12].rate
        assert copies.why.startswith("copies of lane lane over")


def test_no_line_promises_more_than_it_carries() -> None:
    for health in (health_of(CONFIG), lane_down()):
        found = classes(health=health)
        for number, device in ((1, "wan1"), (2, "wan2")):
            own = [
                c for (i, m), c in found.items() if i == device and m & 0xFFF and m != number << 12
            ]
            assert sum(each.rate for each in own) <= found[device, number << 12].rate


def test_a_vlan_in_a_lane_has_no_second_reserve_on_the_same_lines() -> None:
    with_lane, without = classes(), classes(health=lane_down())
    assert with_lane["wan2", 2 << 12 | STREAM].rate == 8_000
    assert without["wan1", 1 << 12 | STREAM].rate == 10_000_000
    assert without["wan1", 1 << 12 | COPIES].rate == 8_000


def test_a_line_that_is_too_small_leaves_each_its_least() -> None:
    small = lane_config(('upload = "20mbit"', 'upload = "1mbit"'))
    found = classes(small)
    own = [c for (i, m), c in found.items() if i == "wan2" and m != 2 << 12]
    assert all(each.rate >= 8_000 for each in own)
    assert sum(each.rate for each in own) <= found["wan2", 2 << 12].rate


def test_downloads_of_each_line_leave_room_for_the_answers() -> None:
    with_lane, without = classes(), classes(health=lane_down())
    lans = {
        interface for interface, _ in with_lane if interface not in ("wan1", "wan2", "lbr-lane")
    }
    [lan] = lans
    for number in (1, 2):
        room = without[lan, number << 12].rate - with_lane[lan, number << 12].rate
        assert room == 4_400_000
    unshaped = lane_config(('download = "40mbit"\n', ""))
    assert classes(unshaped)[lan, 2 << 12].rate == classes(unshaped, health=None)[lan, 2 << 12].rate


def test_the_map_names_the_copies_class_on_shaped_lines_alone() -> None:
    table = lane_state(CONFIG).nft
    assert table is not None
    assert table.elements["lane_class_3"] == {("wan1", "4c01:1fa3"), ("wan2", "4c01:2fa3")}
    unshaped = lane_state(lane_config(('upload = "20mbit"\n', ""))).nft
    assert unshaped is not None
    assert unshaped.elements["lane_class_3"] == {("wan1", "4c01:1fa3")}


def test_a_lane_that_no_vlan_uses_goes_last_and_keeps_nothing() -> None:
    unused = lane_config(('uplinks = ["lane", "fiber", "lte"]', 'uplinks = ["fiber", "lte"]'))
    copies = classes(unused)["wan1", 1 << 12 | COPIES]
    assert (copies.rate, copies.prio) == (8_000, 7)


def test_the_guarantee_is_met_by_the_lane() -> None:
    assert not build_shaping(
        CONFIG,
        allocation=allocate(CONFIG, Allocation()),
        health=health_of(CONFIG),
        facts=lane_machine(CONFIG),
    ).shortfalls
