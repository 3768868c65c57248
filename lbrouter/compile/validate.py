"""What the sections of a file say of each other: all cross-checks, errors and warnings."""

from collections.abc import Iterator

from lbrouter.compile.checks import (
    alerts,
    forwards,
    gateway,
    health,
    hosts,
    lan,
    policies,
    rates,
    rules,
    subnets,
    uplinks,
)
from lbrouter.compile.findings import Finding
from lbrouter.model.config import Config


def faults(config: Config) -> Iterator[Finding]:
    """Everything that keeps `config` from being applied."""
    modules = (gateway, health, uplinks, lan, hosts, subnets, policies, rules, forwards, rates)
    for module in (*modules, alerts):
        yield from module.faults(config)


def doubts(config: Config) -> Iterator[Finding]:
    """What is legal and probably not meant. Only for a configuration without faults."""
    for module in (health, lan, policies, rules, rates, alerts):
        yield from module.doubts(config)
