"""The saved health: read by the next daemon, by `apply` alone, and from an earlier release."""

import json
import time
from pathlib import Path

import pytest

from lbrouter.compile.health import current_health, initial_state
from lbrouter.daemon.health import snapshot
from lbrouter.model.health import GatewayHealth, UplinkHealth, UplinkState
from lbrouter.model.kernel_state import AddressFamily
from lbrouter.model.messages.message import parse_reason, told
from tests.kit.builders import TWO_LINES, config_of, facts_of

UP, DEGRADED, DOWN = UplinkState.UP, UplinkState.DEGRADED, UplinkState.DOWN
DEAD = UplinkHealth(state=DOWN, why=parse_reason("no answer", "no_answer"), alive=False)
CONFIG = config_of(TWO_LINES)


def known_alone(directory: Path) -> GatewayHealth:
    """The health that a command without a daemon begins with."""
    return snapshot.last_known_health(directory, CONFIG, facts_of(CONFIG), report=pytest.fail)


def save_dead_fiber(directory: Path, *, ago_s: float = 0.0) -> None:
    known = GatewayHealth(
        uplinks={"fiber": DEAD, "lte": UplinkHealth(state=UP, why=told("fine"))},
        pins={"show": "lte"},
    )
    state = initial_state(CONFIG, time.monotonic() - ago_s, known)
    snapshot.save_health(directory, current_health(state, CONFIG), state)


def test_the_next_daemon_knows_what_the_last_one_knew(tmp_path: Path) -> None:
    assert snapshot.load_state(tmp_path, CONFIG, pytest.fail) is None
    save_dead_fiber(tmp_path)
    found = snapshot.load_state(tmp_path, CONFIG, pytest.fail)
    assert found is not None
    states = {key: line.state for key, line in found.lines.items()}
    assert states["fiber", AddressFamily.V4] is DOWN
    assert states["lte", AddressFamily.V4] is UP
    health = snapshot.load_health(tmp_path, pytest.fail)
    assert health is not None
    assert health.uplinks["fiber"].of(AddressFamily.V4).state is DOWN


def test_a_file_of_an_earlier_release_is_read(tmp_path: Path) -> None:
    save_dead_fiber(tmp_path)
    path = tmp_path / "health.json"
    document = json.loads(path.read_text())
    del document["memory"]
    for each in document["uplinks"].values():
        for key in ("carrier", "drained", "move_flows", "families"):
            del each[key]
        each["reason"] = "no answer on 4 targets for 0.9 s"
    path.write_text(json.dumps(document))
    found = snapshot.load_state(tmp_path, CONFIG, pytest.fail)
    assert found is not None
    assert found.lines["fiber", AddressFamily.V4].state is DOWN
    seen = known_alone(tmp_path)
    assert seen.uplinks["fiber"].state is UP, "it says too little: the carrier counts"


@pytest.mark.parametrize("ago_s, state", [(0, DOWN), (500, DOWN), (700, UP)])
def test_without_a_daemon_what_was_known_counts_for_ten_minutes(
    tmp_path: Path, ago_s: float, state: UplinkState
) -> None:
    save_dead_fiber(tmp_path, ago_s=ago_s)
    found = known_alone(tmp_path)
    assert found.uplinks["fiber"].state is state
    assert found.uplinks["lte"].state is not DOWN


def test_another_boot_and_damage_are_nothing_known(tmp_path: Path) -> None:
    save_dead_fiber(tmp_path)
    path = tmp_path / "health.json"
    document = json.loads(path.read_text())
    for damage, is_told in (
        ({**document, "boot": "another"}, False),
        ({**document, "memory": {"at": "x"}}, True),
        ([], True),
    ):
        path.write_text(json.dumps(damage))
        told: list[str] = []
        found = snapshot.last_known_health(tmp_path, CONFIG, facts_of(CONFIG), report=told.append)
        assert found.uplinks["fiber"].state is UP
        assert bool(told) is is_told, damage


def test_a_memory_that_is_damaged_leaves_the_health(tmp_path: Path) -> None:
    save_dead_fiber(tmp_path)
    path = tmp_path / "health.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "memory": {"at": "x"}}))
    told: list[str] = []
    found = snapshot.load_state(tmp_path, CONFIG, told.append)
    assert found is not None
    assert found.lines["fiber", AddressFamily.V4].state is DOWN
    assert told == [f"{path} is damaged: what was known of the lines is not used."]
