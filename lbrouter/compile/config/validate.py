"""All cross-checks between the sections of a file: errors and warnings."""

from collections.abc import Iterator

from lbrouter.compile.config.checks import (
    alert_settings,
    forwards,
    gateway_settings,
    health_settings,
    hosts,
    lane_settings,
    line_settings,
    policies,
    priorities,
    rates,
    rules,
    subnets,
    uplink_dns,
    uplinks,
    vlans,
)
from lbrouter.compile.config.diagnostics import Diagnostic
from lbrouter.model.config import Config


def config_errors(config: Config) -> Iterator[Diagnostic]:
    """Everything that keeps `config` from being applied."""
    modules = (
        gateway_settings,
        health_settings,
        uplinks,
        line_settings,
        uplink_dns,
        lane_settings,
        vlans,
        hosts,
        subnets,
        policies,
        rules,
        forwards,
        rates,
    )
    for module in (*modules, alert_settings):
        yield from module.errors(config)


def config_warnings(config: Config) -> Iterator[Diagnostic]:
    """What is legal and probably not meant. Only for a configuration without errors."""
    modules = (
        health_settings,
        line_settings,
        vlans,
        policies,
        rules,
        rates,
        priorities,
        lane_settings,
    )
    for module in (*modules, alert_settings):
        yield from module.warnings(config)
