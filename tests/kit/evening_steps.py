"""The single steps of an evening: faults, the operator's verbs, restarts, edits of the file."""

import random
from collections.abc import Callable

from tests.kit.evening_config import (
    DUAL_LINES,
    LINES,
    POLICY_ORDERS,
    RATES_MBIT,
    SHORT_STICKY,
    VERSIONS,
    VLANS,
)
from tests.kit.evening_world import EveningWorld
from tests.kit.fault_steps import (
    kill_daemon,
    restart_daemon,
    set_loss,
    toggle_black_hole,
    toggle_cable,
)

Step = Callable[[EveningWorld, random.Random], str]


def _cable(world: EveningWorld, rng: random.Random) -> str:
    return toggle_cable(world, rng.choice(LINES))


def _black_hole(world: EveningWorld, rng: random.Random) -> str:
    return toggle_black_hole(world, rng.choice(LINES))


def _family_hole(world: EveningWorld, rng: random.Random) -> str:
    return world.toggle_hole(rng.choice(sorted(DUAL_LINES)), rng.choice(VERSIONS))


def _loss(world: EveningWorld, rng: random.Random) -> str:
    line = rng.choice(LINES)
    return set_loss(world, line, 0 if world.injected[line].loss else rng.choice((5, 20)))


def _drain(world: EveningWorld, rng: random.Random) -> str:
    return world.toggle_line_drain(rng.choice(_present(world)))


def _pin(world: EveningWorld, rng: random.Random) -> str:
    if world.pins:
        return world.restore(rng.choice(sorted(world.pins.values())))
    policy = rng.choice(sorted(POLICY_ORDERS))
    lines = [line for line in world.config.order[policy] if line not in world.config.without]
    return world.pin(policy, rng.choice(lines))


def _limit(world: EveningWorld, rng: random.Random) -> str:
    world.ensure_daemon()
    words = [rng.choice(VLANS), rng.choice(("2mbit", "8mbit", "off"))]
    if words[1] != "off":
        words += rng.choice(([], ["--for", "3s"], ["--upload"]))
        world.limited = True
    world.lbrouter("limit", *words)
    return f"limit {' '.join(words)}"


def _kill(world: EveningWorld, _: random.Random) -> str:
    return kill_daemon(world)


def _restart(world: EveningWorld, _: random.Random) -> str:
    return restart_daemon(world)


def _edit(world: EveningWorld, rng: random.Random) -> str:
    """One edit of the file, applied: by the daemon, on trial, or without a daemon."""
    said = world.doing = rng.choice(EDITS)(world, rng)
    way = rng.choice(("daemon", "daemon", "trial", "alone", "restart"))
    if way == "alone":
        world.ensure_daemon()
        world.daemon.stop()
        world.daemon_dead = True
        world.apply()
        return f"{said}, applied without the daemon"
    if way == "restart":
        world.venue.gateway.config_path.write_text(world.config.text())
        return f"{said}, by a {restart_daemon(world)}"
    world.ensure_daemon()
    if way == "trial":
        world.apply("--confirm-within", "60s")
        world.end_trial("confirm")
        return f"{said}, on trial and confirmed"
    world.apply()
    return f"{said}, applied"


def _undone_edit(world: EveningWorld, rng: random.Random) -> str:
    """An edit on trial that is rolled back: flows and file are as before."""
    world.ensure_daemon()
    before = world.config.copy()
    said = world.doing = rng.choice(EDITS)(world, rng)
    world.note_bad_lines()  # a line that the file does not have while it is on trial
    world.apply("--confirm-within", "60s")
    world.config = before
    world.end_trial("rollback")
    world.venue.gateway.config_path.write_text(before.text())
    return f"{said}, on trial and rolled back"


def _rename(world: EveningWorld, rng: random.Random) -> str:
    line = rng.choice(LINES)
    new = line if world.config.names[line] != line else f"line-{line}"
    old, world.config.names[line] = world.config.names[line], new
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


EDITS: tuple[Step, ...] = (
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

STEPS: tuple[tuple[int, Step], ...] = (
    (5, _cable),
    (5, _black_hole),
    (4, _family_hole),
    (2, _loss),
    (4, _drain),
    (4, _pin),
    (2, _limit),
    (2, _kill),
    (2, _restart),
    (7, _edit),
    (2, _undone_edit),
)


def evening_step(world: EveningWorld, rng: random.Random) -> str:
    """One step at random; a text that names it."""
    [(_, step)] = rng.choices(STEPS, [weight for weight, _ in STEPS])
    return step(world, rng)


def _present(world: EveningWorld) -> list[str]:
    return [line for line in LINES if line not in world.config.without]
