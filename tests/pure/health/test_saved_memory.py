"""What is known of a line survives: edits of the file, a rename, a restart, an old file."""

import json
from dataclasses import replace

import pytest

from lbrouter.compile.health import (
    current_health,
    initial_state,
    reconfigure,
    renamed_uplinks,
    resumed,
    step,
    succeed,
)
from lbrouter.compile.health.carrier_only import health_without_daemon, with_last_known
from lbrouter.compile.health.saved_memory import restored_state, saved_memory
from lbrouter.compile.health.uplink_memory import PolicyTolerance, QualityMetric
from lbrouter.model.config import Config
from lbrouter.model.events import CarrierChanged, Drain, Pin, Tick
from lbrouter.model.health import GatewayHealth, UplinkState
from lbrouter.model.messages.codes import ReasonCode
from tests.kit.builders import config_of, facts_of
from tests.kit.dual_stack import DUAL_LINES, V4, V6, DualStack, dual_config
from tests.kit.health_simulation import TWO_POLICIES

WAITING, UP, DEGRADED, DOWN, DRAINED, CHECKING = UplinkState


def config_with(*changes: tuple[str, str], health: str = "") -> Config:
    text = DUAL_LINES
    for old, new in changes:
        text = text.replace(old, new)
    return dual_config(lines=text, health=health)


def fiber_is_dead() -> DualStack:
    lab = DualStack(dual_config(health=""))
    lab.run(4)
    lab.dead = {("fiber", V4), ("fiber", V6)}
    lab.run(3)
    assert lab.family("fiber", V4).state is DOWN
    return lab


@pytest.mark.parametrize(
    "key, value",
    [("interval", "300ms"), ("interval", "400ms"), ("down_after", "3s"), ("up_after", "20s")],
)
def test_another_number_in_the_health_section_changes_no_state(key: str, value: str) -> None:
    lab = fiber_is_dead()
    after = reconfigure(lab.state, dual_config(health=f'{key} = "{value}"'), lab.state.at)
    states = {key: line.state for key, line in after.lines.items()}
    assert states == {key: line.state for key, line in lab.state.lines.items()}
    old, new = lab.state.lines["fiber", V4], after.lines["fiber", V4]
    assert (new.flap_penalty, new.last_fault_at) == (old.flap_penalty, old.last_fault_at)
    assert {t: x.srtt_s for t, x in new.targets.items()} == {
        t: x.srtt_s for t, x in old.targets.items()
    }
    for event in (
        Tick(at=lab.state.at + 0.1),
        CarrierChanged(at=lab.state.at, uplink="lte", up=True),
    ):
        after = step(after, event, after.config)


def test_a_rename_keeps_memory_and_pins() -> None:
    lab = fiber_is_dead()
    lab.put(Drain(at=lab.state.at, uplink="fiber"))
    lab.put(Pin(at=lab.state.at, policy="show", uplink="fiber"))
    text = (DUAL_LINES + TWO_POLICIES).replace("uplinks.fiber", "uplinks.glass")
    renamed = config_of(text.replace('"fiber"', '"glass"'))
    after = reconfigure(lab.state, renamed, lab.state.at)
    assert renamed_uplinks(lab.state, renamed, lab.state.at) == {"fiber": "glass", "lte": "lte"}
    line = after.lines["glass", V4]
    assert (line.state, line.drained) == (DOWN, True)
    assert after.pins == {"show": "glass"}


def test_another_address_is_another_line() -> None:
    lab = fiber_is_dead()
    moved = config_with(("203.0.113.2/30", "203.0.113.10/30"), ('203.0.113.1"', '203.0.113.9"'))
    after = reconfigure(lab.state, moved, lab.state.at)
    assert after.lines["fiber", V4].state is CHECKING
    assert after.lines["fiber", V6].state is DOWN, "its IPv6 is the same as before"


def test_a_restart_keeps_hold_down_degradation_and_penalties() -> None:
    lab = fiber_is_dead()
    lab.dead = set()
    lab.run(4)
    lab.loss = 0.3
    lab.run(6)
    saved = json.loads(json.dumps(saved_memory(lab.state)))
    after = restored_state(lab.config, lab.state.at + 5, saved, GatewayHealth())
    for key, line in lab.state.lines.items():
        kept = after.lines[key]
        assert (kept.state, kept.flap_penalty, kept.suspect_penalty) == (
            line.state, line.flap_penalty, line.suspect_penalty,
        )  # fmt: skip
        assert kept.evidence == line.evidence
        assert [x.exceeded for x in kept.policy_tolerance] == [
            x.exceeded for x in line.policy_tolerance
        ]
        assert [x.penalty for x in kept.policy_tolerance] == [
            x.penalty for x in line.policy_tolerance
        ]
        assert kept.last_fault_at == pytest.approx(line.last_fault_at + 5), "unwatched is not clean"
        assert kept.follows_other_family == line.follows_other_family
    assert after.answered_targets == lab.state.answered_targets


def test_what_the_file_did_not_know_begins_as_usual() -> None:
    lab = fiber_is_dead()
    saved = json.loads(json.dumps(saved_memory(lab.state)))
    strange = config_with(("wan1", "wan9"), health='targets = ["icmp://192.0.2.1"]')
    after = restored_state(strange, lab.state.at + 1, saved, GatewayHealth())
    assert after.lines["fiber", V4].state is CHECKING
    assert after.lines["lte", V4].state is UP
    assert after.lines["lte", V4].targets["icmp://192.0.2.1"].srtt_s is None


@pytest.mark.parametrize("damage", [{}, {"at": 1}, {"at": "x", "lines": {}, "answered": []}])
def test_a_damaged_memory_is_refused(damage: dict[str, object]) -> None:
    with pytest.raises((KeyError, ValueError, TypeError)):
        restored_state(dual_config(), 1.0, damage, GatewayHealth())


def test_without_a_daemon_a_line_that_was_dead_stays_dead_for_a_while() -> None:
    lab = fiber_is_dead()
    seen = health_without_daemon(lab.config, facts_of(lab.config))
    assert seen.uplinks["fiber"].state is UP
    found = with_last_known(seen, lab.state, 12.0).uplinks["fiber"]
    assert (found.state, found.of(V4).state, found.reason_code) == (
        DOWN,
        DOWN,
        ReasonCode.NO_ANSWER,
    )
    assert found.reason.endswith("(12 s ago; no daemon runs)")
    dark = health_without_daemon(lab.config, facts_of(lab.config, carrier=False))
    assert with_last_known(dark, lab.state, 12.0).uplinks["fiber"].reason == "no carrier on wan1"
    fine = with_last_known(seen, lab.state, 12.0).uplinks["lte"]
    assert (fine.state, fine.reason_code) == (UP, ReasonCode.NOT_PROBED)


def test_health_that_an_earlier_release_saved_is_a_beginning() -> None:
    lab = fiber_is_dead()
    known = current_health(lab.state, lab.config)
    old = replace(known, uplinks={n: replace(x, families={}) for n, x in known.uplinks.items()})
    after = initial_state(lab.config, 0.0, old)
    assert after.lines["fiber", V4].state is DOWN
    assert after.lines["lte", V4].state is UP


def test_another_target_is_new_and_the_others_keep_what_is_known() -> None:
    lab = fiber_is_dead()
    other = dual_config(health='targets = ["icmp://1.1.1.1", "icmp://192.0.2.9"]')
    targets = reconfigure(lab.state, other, lab.state.at).lines["lte", V4].targets
    assert targets["icmp://1.1.1.1"].srtt_s is not None
    assert targets["icmp://192.0.2.9"].srtt_s is None


def test_a_policy_that_was_not_saved_has_left_nothing() -> None:
    lab = DualStack(dual_config(health=""))
    lab.loss = 0.4
    lab.run(8)
    line = lab.state.lines["fiber", V4]
    assert [each.exceeded for each in line.policy_tolerance] == [QualityMetric.LOSS]
    saved = json.loads(json.dumps(saved_memory(lab.state)).replace('"show"', '"gone"'))
    after = restored_state(lab.config, lab.state.at, saved, GatewayHealth())
    assert after.lines["fiber", V4].policy_tolerance == (PolicyTolerance(),)


def test_probes_of_a_prober_that_was_replaced_are_no_losses() -> None:
    lab = DualStack(dual_config(health=""))
    lab.run(5)
    lab.rtt_s = 0.04  # each probe is on its way when the file changes
    lab.run(0.05)
    after = reconfigure(lab.state, dual_config(health='interval = "300ms"'), lab.state.at)
    later = step(after, Tick(at=lab.state.at + 5), after.config)
    assert {line.consecutive_losses for line in later.lines.values()} == {0}


def test_the_time_of_an_apply_is_no_silence_of_a_line() -> None:
    lab = fiber_is_dead()
    after = resumed(lab.state, lab.state.at + 30)
    quiet = {key: line.silent_since for key, line in after.lines.items()}
    assert quiet["lte", V4] == lab.state.at + 30
    assert quiet["fiber", V4] == lab.state.lines["fiber", V4].silent_since, "it is dead as before"
    later = step(after, Tick(at=lab.state.at + 31), after.config)
    assert later.lines["lte", V4].state is UP


def test_a_file_that_takes_over_knows_what_happened_while_it_was_applied() -> None:
    lab = DualStack(dual_config(health=""))
    lab.run(4)
    other = config_with(("fiber", "other"), ("lte", "fiber"), ("other", "lte"))
    prepared = reconfigure(lab.state, other, lab.state.at)
    lab.dead = {("fiber", V4), ("fiber", V6)}
    lab.run(3)
    after = succeed(lab.state, prepared, lab.state.at)
    assert after.lines["lte", V4].state is DOWN
    assert after.lines["fiber", V4].state is UP
    assert after.lines["fiber", V4].silent_since == lab.state.lines["lte", V4].silent_since
    assert after.config is other
