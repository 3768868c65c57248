"""Numbers stay with their names."""

from random import Random

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
    uplinks = {name: {"interface": f"eth{name}", "address": "dhcp"} for name in names}
    return Config.model_validate({"gateway": {"name": "g"}, "uplinks": uplinks})


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


def test_an_uplink_that_comes_back_gets_its_number_back() -> None:
    first = allocate(_config(["u1", "u2"]), Allocation())
    gone = allocate(_config(["u2", "u3"]), first)
    assert gone.uplinks["u3"] == 3
    back = allocate(_config(["u1", "u2", "u3"]), gone)
    assert back.uplinks["u1"] == 1
    assert back.retired == ()


def test_the_number_gone_longest_is_given_out_again_when_none_is_fresh() -> None:
    full = [f"u{i}" for i in range(MAX_UPLINKS)]
    allocation = allocate(_config(full), Allocation())
    allocation = allocate(_config(full[1:]), allocation)
    allocation = allocate(_config(full[2:]), allocation)
    after = allocate(_config([*full[2:], "u20"]), allocation)
    assert after.uplinks["u20"] == allocation.uplinks["u0"]
    assert after.retired == ("u1",)
