"""What the sections of a file say of each other: all cross-checks, errors and warnings."""

from collections.abc import Iterator

from lbrouter.compile.config.checks import (
    alert_settings,
    forwards,
    gateway_settings,
    health_settings,
    hosts,
    policies,
    rates,
    rules,
    subnets,
    uplinks,
    vlans,
)
from lbrouter.compile.config.diagnostics import Finding
from lbrouter.model.config import Config


def faults(config: Config) -> Iterator[Finding]:
    """Everything that keeps `config` from being applied."""
    modules = (
        gateway_settings,
        health_settings,
        uplinks,
        vlans,
        hosts,
        subnets,
        policies,
        rules,
        forwards,
        rates,
    )
    for module in (*modules, alert_settings):
        yield from module.faults(config)


def doubts(config: Config) -> Iterator[Finding]:
    """What is legal and probably not meant. Only for a configuration without faults."""
    for module in (health_settings, vlans, policies, rules, rates, alert_settings):
        yield from module.doubts(config)
