"""All cross-checks between the sections of a file: errors and warnings."""

from collections.abc import Iterator

from lbrouter.compile.config.checks import (
    address_maps,
    alert_settings,
    forwards,
    gateway_settings,
    health_settings,
    hosts,
    inside_routes,
    lane_settings,
    line_settings,
    mdns_groups,
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
        mdns_groups,
        health_settings,
        uplinks,
        line_settings,
        uplink_dns,
        lane_settings,
        vlans,
        hosts,
        subnets,
        inside_routes,
        policies,
        rules,
        forwards,
        address_maps,
        rates,
    )
    for module in (*modules, alert_settings):
        yield from module.errors(config)


def config_warnings(config: Config) -> Iterator[Diagnostic]:
    """What is legal and probably not meant. Only for a configuration without errors."""
    modules = (
        mdns_groups,
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
