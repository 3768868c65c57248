"""What the commands say of files, plans and flows, in Indonesian: no English sentence is left."""

from random import Random

import pytest

from lbrouter.compile.config.parse import parse
from lbrouter.compile.explain.explanation import ExplainContext, explain
from lbrouter.compile.explain.flow_words import parse_flow
from lbrouter.compile.state.allocate import allocate
from lbrouter.compile.state.desired import desired_state
from lbrouter.compile.state.diff import diff
from lbrouter.model.config import Config
from lbrouter.model.errors import ConfigError
from lbrouter.model.facts import Allocation
from lbrouter.model.health import GatewayHealth, UplinkState
from lbrouter.model.kernel_state import KernelState
from tests.kit.builders import TWO_LINES, config_of, desired_of, facts_of, health_of
from tests.kit.lane_config import LANE_TEXT
from tests.kit.random_files import machine_facts, random_config, random_health
from tests.kit.sample_config import VALID_CONFIG
from tests.kit.translation_gaps import require_translation

FEATURES = frozenset({"cake", "fq_codel", "vlan", "ifb", "wireguard", "dummy"})

DAMAGES = (
    "", "[", "]", '"', "=", "{", "true", "5", "-1", '"x y"', '"10.0.0.1"', '"::/0"', '"5 Mbps"',
    '"12MB"', '"1,000mbit"', '"300%"', "[]", '["show", "show"]', "yes", "name: x", "# so", "-> x",
)  # fmt: skip
"""What a file gets for a value, or instead of a line."""

DESTINATIONS = ("8.8.8.8", "10.10.10.9", "10.10.99.1", "203.0.113.1", "224.0.0.5", "2001:db8::5")


def damaged_file(random: Random) -> str:
    """The good file with a line lost, doubled or with another value; several times."""
    lines = VALID_CONFIG.splitlines()
    for _ in range(random.randint(1, 4)):
        place = random.randrange(len(lines))
        key, equals, _ = lines[place].partition("=")
        match random.randrange(4):
            case 0:
                del lines[place]
            case 1:
                lines.insert(random.randrange(len(lines)), lines[place])
            case 2:
                lines[place] = random.choice(DAMAGES)
            case _:
                lines[place] = f"{key}{equals} {random.choice(DAMAGES)}"
    return "\n".join(lines)


@pytest.mark.parametrize("seed", range(300))
def test_errors_and_warnings_of_any_file(seed: int) -> None:
    try:
        parsed = parse(damaged_file(Random(seed)).encode(), source="hall.toml")
    except ConfigError as error:
        require_translation(str(error))
    else:
        for warning in parsed.warnings:
            require_translation(warning)


@pytest.mark.parametrize("seed", range(40))
def test_reasons_of_any_plan(seed: int) -> None:
    random = Random(seed)
    states = [planned_state(random, random_config(random)) for _ in range(2)]
    for before, after in ((KernelState(), states[0]), (states[0], states[1])):
        for operation in diff(before, after).operations:
            require_translation(operation.reason)
            require_translation(operation.inverse().reason)


@pytest.mark.parametrize("text", [TWO_LINES, VALID_CONFIG, LANE_TEXT])
def test_reasons_of_a_first_apply(text: str) -> None:
    wanted = desired_of(config_of(text))
    reasons = {operation.reason for operation in diff(KernelState(), wanted).operations}
    assert len(reasons) > 20
    for reason in reasons:
        require_translation(reason)


def planned_state(random: Random, config: Config) -> KernelState:
    return desired_state(
        config,
        allocation=allocate(config, Allocation()),
        health=random_health(random, config),
        facts=machine_facts(FEATURES),
        baseline=KernelState(),
    )


@pytest.mark.parametrize("destination", DESTINATIONS)
@pytest.mark.parametrize("source", ["stream", "guests", "desk", "gateway", "192.0.2.77"])
def test_what_explain_says(source: str, destination: str) -> None:
    config = config_of(TWO_LINES)
    facts = facts_of(config)
    if ":" in destination and source not in ("stream", "gateway"):
        return
    down = health_of(config, fiber=UplinkState.DOWN, lte=UplinkState.DOWN)
    pinned = GatewayHealth(uplinks=down.uplinks, pins={"show": "lte", "spread": "fiber"})
    for protocol, port in (("tcp", 443), ("udp", 53), ("icmp", None)):
        for health in (health_of(config), down, pinned):
            flow = parse_flow(
                config, facts, source=source, destination=destination, protocol=protocol, port=port
            )
            known = ExplainContext(
                allocation=allocate(config, Allocation()), health=health, facts=facts
            )
            require_translation(explain(config, flow, known)["because"])
