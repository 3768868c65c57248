"""Numbers stay with the line and the place, whatever their names."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbrouter.compile.state.allocate import allocate
from lbrouter.model.config import Config
from lbrouter.model.facts import Allocation
from lbrouter.model.reserved_ids import MAX_UPLINKS

NAMES = st.lists(
    st.sampled_from([f"u{i}" for i in range(30)]), min_size=1, max_size=MAX_UPLINKS, unique=True
)


def _config(names: list[str]) -> Config:
    return _lines({name: (f"eth{name}", "dhcp") for name in names})


def _lines(lines: dict[str, tuple[str, str]], places: dict[str, object] | None = None) -> Config:
    """Uplinks by name as (interface, address), and VLANs by name as a tag or a port."""
    uplinks = {name: {"interface": port, "address": word} for name, (port, word) in lines.items()}
    vlans = {
        name: {
            "id" if isinstance(place, int) else "port": place,
            "address": "10.0.0.1/24",
            "policy": "p",
        }
        for name, place in (places or {}).items()
    }
    return Config.model_validate({"gateway": {"name": "g"}, "uplinks": uplinks, "vlans": vlans})


@given(st.lists(NAMES, min_size=1, max_size=8))
def test_numbers_are_unique_and_stay_while_their_uplink_is_in_the_file(
    files: list[list[str]],
) -> None:
    allocation = Allocation()
    before: dict[str, int] = {}
    for names in files:
        allocation = allocate(_config(names), allocation)
        now = {name: allocation.uplinks[name] for name in names}
        assert len(set(now.values())) == len(names)
        assert all(1 <= number <= MAX_UPLINKS for number in now.values())
        assert all(now[name] == number for name, number in before.items() if name in now)
        before = now


@given(NAMES, st.randoms(use_true_random=False))
def test_reordering_changes_nothing(names: list[str], random: Random) -> None:
    first = allocate(_config(names), Allocation())
    shuffled = random.sample(names, len(names))
    assert allocate(_config(shuffled), first) == first


@given(NAMES, st.randoms(use_true_random=False))
def test_new_names_change_no_number(names: list[str], random: Random) -> None:
    """Names that others had among them: the numbers belong to the lines."""
    first = allocate(_config(names), Allocation())
    others = random.sample([*names, "v0", "v1"], len(names))
    renamed = {new: (f"eth{old}", "dhcp") for old, new in zip(names, others, strict=True)}
    after = allocate(_lines(renamed), first)
    for old, new in zip(names, others, strict=True):
        assert after.uplinks[new] == first.uplinks[old]
    assert after.retired == ()


def test_an_uplink_that_comes_back_gets_its_number_back() -> None:
    first = allocate(_config(["u1", "u2"]), Allocation())
    gone = allocate(_config(["u2", "u3"]), first)
    assert gone.uplinks["u3"] == 3
    back = allocate(_config(["u1", "u2", "u3"]), gone)
    assert back.uplinks["u1"] == 1
    assert back.retired == ()


def test_the_number_gone_longest_is_given_out_again_when_none_is_fresh() -> None:
    full = [f"u{i}" for i in range(MAX_UPLINKS)]
    first = allocate(_config(full), Allocation())
    allocation = allocate(_config(full[1:]), first)
    allocation = allocate(_config(full[2:]), allocation)
    after = allocate(_config([*full[2:], "u20"]), allocation)
    assert after.uplinks["u20"] == first.uplinks["u0"]
    assert after.retired == ("ethu1 dhcp",)


def test_exchanged_interfaces_take_their_numbers_along() -> None:
    a, b = ("wan1", "203.0.113.2/30"), ("wan2", "198.51.100.2/30")
    first = allocate(_lines({"a": a, "b": b}), Allocation())
    after = allocate(_lines({"a": b, "b": a}), first)
    assert after.uplinks == {"a": first.uplinks["b"], "b": first.uplinks["a"]}


def test_an_uplink_that_takes_the_line_of_another_gets_its_number() -> None:
    a, b = ("wan1", "203.0.113.2/30"), ("wan2", "198.51.100.2/30")
    first = allocate(_lines({"a": a, "b": b}), Allocation())
    after = allocate(_lines({"a": b}), first)
    assert after.uplinks == {"a": first.uplinks["b"]}
    assert after.retired == ("wan1 203.0.113.2/30",)


@pytest.mark.parametrize("word", ["external", "dhcp", "203.0.113.9/24"])
def test_another_address_on_the_same_interface_keeps_the_number(word: str) -> None:
    first = allocate(_lines({"a": ("wan1", "203.0.113.2/30")}), Allocation())
    after = allocate(_lines({"b": ("wan1", word), "a": ("wan2", "dhcp")}), first)
    assert after.uplinks["b"] == first.uplinks["a"]
    assert after.uplinks["a"] != first.uplinks["a"]
    assert after.retired == ()


def test_of_several_former_lines_of_an_interface_the_present_one_is_followed() -> None:
    one, two = ("wan1", "203.0.113.2/30"), ("wan1", "198.51.100.2/30")
    apart = allocate(_lines({"a": one, "b": ("wan2", "dhcp")}), Allocation())
    both = allocate(_lines({"b": ("wan2", "dhcp"), "c": two}), apart)
    assert both.uplinks["c"] == apart.uplinks["a"]


def test_two_sessions_on_one_port_are_two_lines() -> None:
    lines = {name: {"interface": "wan1", "address": "pppoe", "username": name} for name in "ab"}
    wanted = Config.model_validate({"gateway": {"name": "g"}, "uplinks": lines})
    first = allocate(wanted, Allocation())
    assert sorted(first.uplinks.values()) == [1, 2]
    assert allocate(wanted, first) == first


def test_a_line_with_ipv6_alone_is_known_by_that_address() -> None:
    line = {"interface": "wan1", "address6": "2001:db8::2/64", "gateway6": "2001:db8::1"}
    wanted = Config.model_validate({"gateway": {"name": "g"}, "uplinks": {"a": line}})
    assert list(allocate(wanted, Allocation()).uplink_identities) == ["wan1 2001:db8::2/64"]


def test_a_vlan_keeps_its_number_through_a_new_name_and_a_new_place() -> None:
    line = {"a": ("wan1", "dhcp")}
    first = allocate(_lines(line, {"crew": 10, "guests": 40, "desk": "lan3"}), Allocation())
    renamed = allocate(_lines(line, {"crew": 10, "public": 40, "office": "lan3"}), first)
    assert renamed.vlans["public"] == first.vlans["guests"]
    assert renamed.vlans["office"] == first.vlans["desk"]
    moved = allocate(_lines(line, {"crew": 10, "public": "lan4", "office": 99}), renamed)
    assert moved.vlans == renamed.vlans
    swapped = allocate(_lines(line, {"crew": "lan4", "public": 10, "new": 99}), moved)
    assert swapped.vlans == {
        "crew": moved.vlans["public"],
        "public": moved.vlans["crew"],
        "new": moved.vlans["office"],
    }


def test_what_an_earlier_release_saved_is_believed_once() -> None:
    old = Allocation(
        uplinks={"dsl": 1, "fiber": 2, "lte": 3}, vlans={"crew": 2, "old": 1}, retired=("dsl",)
    )
    lines = {"fiber": ("wan1", "dhcp"), "lte": ("wan2", "dhcp"), "new": ("wan3", "dhcp")}
    first = allocate(_lines(lines, {"crew": 10}), old)
    assert first.uplinks == {"fiber": 2, "lte": 3, "new": 4}
    assert first.vlans == {"crew": 2}
    assert first.retired == ("dsl",)
    renamed = {"glass": ("wan1", "dhcp"), "fiber": ("wan2", "dhcp")}
    assert allocate(_lines(renamed), first).uplinks == {"glass": 2, "fiber": 3}
