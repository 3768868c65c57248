"""Edits of an evening's file, and the ways in which an edit comes into force, or does not."""

import random
from collections.abc import Callable

from lbrouter.daemon.config_file import digest
from tests.kit.evening_config import (
    DUAL_LINES,
    LINES,
    POLICY_ORDERS,
    RATES_MBIT,
    SHORT_STICKY,
    VLANS,
)
from tests.kit.evening_world import EveningWorld
from tests.kit.fault_steps import restart_daemon
from tests.kit.wait import eventually

Edit = Callable[[EveningWorld, random.Random], str]

TRIAL_S = 3
TAKEN_WITHIN_S = 30


def edited(world: EveningWorld, rng: random.Random) -> str:
    """One edit of the file, applied in one of the ways that keep it."""
    said = world.doing = rng.choice(EDITS)(world, rng)
    ways = LIVING_WAYS if world.one_life else LIVING_WAYS + ENDING_WAYS
    return f"{said}, {rng.choice(ways)(world)}"


def undone_edit(world: EveningWorld, rng: random.Random) -> str:
    """An edit on trial that is rolled back, or not confirmed: flows and file are as before."""
    world.ensure_daemon()
    before = world.config.copy()
    said = world.doing = rng.choice(EDITS)(world, rng)
    world.note_bad_lines()  # a line that the file does not have while it is on trial
    within = rng.choice((60, 60, TRIAL_S))
    world.apply("--confirm-within", f"{within}s")
    if world.pending_s() is None and _in_force(world):
        return f"{said}, on trial: nothing to undo"
    if within == TRIAL_S:
        assert eventually(lambda: world.pending_s() is None, within_s=TAKEN_WITHIN_S), "on trial"
    else:
        world.lbrouter("rollback")
    world.note_bad_lines()
    world.config = before
    world.write_file()
    assert eventually(lambda: _in_force(world), within_s=TAKEN_WITHIN_S), "rolled back"
    return f"{said}, on trial and {'not confirmed' if within == TRIAL_S else 'rolled back'}"


def _by_daemon(world: EveningWorld) -> str:
    world.ensure_daemon()
    world.write_file()
    world.ask("apply", config=world.config.text(), source="the file")
    return "applied"


def _by_command(world: EveningWorld) -> str:
    world.ensure_daemon()
    world.apply()
    return "applied by the command"


def _on_trial(world: EveningWorld) -> str:
    world.ensure_daemon()
    world.apply("--confirm-within", "60s")
    if world.pending_s() is not None:  # one that changes nothing is not on trial
        world.lbrouter("confirm")
    return "on trial and confirmed"


def _by_reload(world: EveningWorld) -> str:
    world.ensure_daemon()
    world.write_file()
    world.daemon.reload()
    assert eventually(lambda: _in_force(world), within_s=TAKEN_WITHIN_S), "not taken over"
    return "by SIGHUP"


def _alone(world: EveningWorld) -> str:
    world.stop_daemon()
    world.apply()
    return "applied without the daemon"


def _after_down(world: EveningWorld) -> str:
    world.take_down()
    return "applied after `down`"


def _by_restart(world: EveningWorld) -> str:
    """A file that was rolled back is not read again at a start: an operator applies it."""
    world.write_file()
    restart_daemon(world)
    if world.daemon.status()["rejected_file"]:
        return f"by a restart that refuses what was rolled back, then {_by_daemon(world)}"
    return "by a restart"


def _in_force(world: EveningWorld) -> bool:
    return bool(world.daemon.status()["config_digest"] == digest(world.config.text().encode()))


Way = Callable[[EveningWorld], str]
LIVING_WAYS: tuple[Way, ...] = (_by_daemon, _by_daemon, _by_command, _on_trial, _by_reload)
ENDING_WAYS: tuple[Way, ...] = (_alone, _after_down, _by_restart)
"""They end the daemon, or need it to be ended."""


def _rename(world: EveningWorld, rng: random.Random) -> str:
    line = rng.choice(LINES)
    names = world.config.names
    old, new = names[line], line if names[line] != line else f"line-{line}"
    for other in LINES:  # another line may have that name since an exchange
        if names[other] == new:
            names[other] = old
    names[line] = new
    return f"edit: {old} is called {new}"


def _swap_names(world: EveningWorld, rng: random.Random) -> str:
    one, other = rng.sample(LINES, 2)
    names = world.config.names
    names[one], names[other] = names[other], names[one]
    return f"edit: {names[one]} and {names[other]} exchange their names"


def _reorder(world: EveningWorld, rng: random.Random) -> str:
    policy = rng.choice(sorted(POLICY_ORDERS))
    order = list(world.config.order[policy])
    rng.shuffle(order)
    world.config.order[policy] = tuple(order)
    return f"edit: {policy} = {order}"


def _change_rate(world: EveningWorld, rng: random.Random) -> str:
    line = rng.choice(LINES)
    world.config.rates[line] = rng.choice((None, 10, 100, RATES_MBIT[line]))
    return f"edit: {line} carries {world.config.rates[line]} Mbit/s"


def _change_interval(world: EveningWorld, rng: random.Random) -> str:
    world.config.interval_ms = rng.choice((80, 100, 150))
    return f"edit: interval {world.config.interval_ms} ms"


def _change_sticky(world: EveningWorld, _: random.Random) -> str:
    world.config.sticky = SHORT_STICKY if world.config.sticky == "0s" else "0s"
    return f"edit: sticky {world.config.sticky}"


def _change_ceiling(world: EveningWorld, rng: random.Random) -> str:
    world.config.ceiling_mbit = rng.choice((None, 5, 20))
    return f"edit: ceiling of stream {world.config.ceiling_mbit}"


def _swap_policies(world: EveningWorld, _: random.Random) -> str:
    desk, stream = (world.config.policy_of[vlan] for vlan in VLANS)
    world.config.policy_of = {"desk": stream, "stream": desk}
    return f"edit: policies {world.config.policy_of}"


def _take_line_out(world: EveningWorld, _: random.Random) -> str:
    """c alone: each policy keeps another line. Its drain and its pins are given back before."""
    if "c" not in world.config.without:
        world.restore("c")
    world.config.without = world.config.without ^ {"c"}
    return f"edit: without {sorted(world.config.without)}"


def _take_family_out(world: EveningWorld, rng: random.Random) -> str:
    line = rng.choice(sorted(DUAL_LINES))
    world.config.four_only = world.config.four_only ^ {line}
    return f"edit: IPv4 alone: {sorted(world.config.four_only)}"


EDITS: tuple[Edit, ...] = (
    _rename,
    _swap_names,
    _reorder,
    _change_rate,
    _change_interval,
    _change_sticky,
    _change_ceiling,
    _swap_policies,
    _take_line_out,
    _take_family_out,
)
