"""The single steps of an evening: faults, the operator's verbs, damage, restarts, edits."""

import random
from collections.abc import Callable

from tests.kit.evening_config import DUAL_LINES, LINES, POLICY_ORDERS, VERSIONS, VLANS
from tests.kit.evening_edits import edited, undone_edit
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
    return world.toggle_line_drain(rng.choice(_present(world)), now=rng.random() < 0.3)


def _pin(world: EveningWorld, rng: random.Random) -> str:
    if world.pins:
        return world.restore(rng.choice(sorted(world.pins.values())))
    policy = rng.choice(sorted(POLICY_ORDERS))
    lines = [line for line in world.config.order[policy] if line not in world.config.without]
    return world.pin(policy, rng.choice(lines))


def _limit(world: EveningWorld, rng: random.Random) -> str:
    return world.limit(
        rng.choice(VLANS),
        rng.choice((2, 8, 0)),
        for_s=rng.choice((0, 3, 0)),
        directions=rng.choice((["upload", "download"], ["upload"])),
    )


def _interface(world: EveningWorld, rng: random.Random) -> str:
    return world.toggle_interface_name(rng.choice(LINES))


def _flush(world: EveningWorld, _: random.Random) -> str:
    return world.flush_ruleset()


def _kill(world: EveningWorld, _: random.Random) -> str:
    return kill_daemon(world)


def _restart(world: EveningWorld, _: random.Random) -> str:
    return restart_daemon(world)


STEPS: tuple[tuple[int, Step], ...] = (
    (5, _cable),
    (5, _black_hole),
    (4, _family_hole),
    (2, _loss),
    (2, _interface),
    (1, _flush),
    (4, _drain),
    (4, _pin),
    (2, _limit),
    (2, _kill),
    (2, _restart),
    (8, edited),
    (3, undone_edit),
)


ENDING_STEPS = (_kill, _restart)


def evening_step(world: EveningWorld, rng: random.Random) -> str:
    """One step at random; a text that names it."""
    steps = [each for each in STEPS if not (world.one_life and each[1] in ENDING_STEPS)]
    [(_, step)] = rng.choices(steps, [weight for weight, _ in steps])
    return step(world, rng)


def _present(world: EveningWorld) -> list[str]:
    return [line for line in LINES if line not in world.config.without]
