"""Inputs of the `status` document, and samples of the `watch` document."""

from dataclasses import replace

from lbrouter.compile.health.carrier_only import health_without_daemon
from lbrouter.compile.report.status import StatusInputs
from lbrouter.compile.report.status_types import TrafficMeasurements
from lbrouter.compile.shaping.build import build_shaping
from lbrouter.compile.state.allocate import allocate
from lbrouter.daemon.metrics.last_minute import UplinkSecond
from lbrouter.model.config import Config
from lbrouter.model.facts import Allocation, Facts
from lbrouter.model.health import GatewayHealth
from lbrouter.model.kernel_state import KernelState
from tests.kit.builders import facts_of

TIMESTAMP = "2026-11-24T10:00:00Z"


def status_inputs(
    config: Config,
    *,
    facts: Facts | None = None,
    health: GatewayHealth | None = None,
    **more: object,
) -> StatusInputs:
    facts = facts_of(config) if facts is None else facts
    inputs = StatusInputs(
        allocation=allocate(config, Allocation()),
        facts=facts,
        observed=KernelState(),
        health=health_without_daemon(config, facts) if health is None else health,
        shortfalls=(),
        measured=TrafficMeasurements(),
        config_digest="sha256:00",
        observed_at=TIMESTAMP,
    )
    inputs = replace(inputs, **more)
    if "shortfalls" in more:
        return inputs
    shaped = build_shaping(
        config, allocation=inputs.allocation, health=inputs.health, facts=inputs.facts
    )
    return replace(inputs, shortfalls=shaped.shortfalls)


def second_sample(
    loss: float | None, *, state: str = "up", rtt: float | None = 12.0
) -> UplinkSecond:
    return {"state": state, "loss_percent": loss, "rtt_ms": rtt}
