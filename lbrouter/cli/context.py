"""What the verbs share before they differ: the file, the machine, and what to say of them."""

from contextlib import suppress
from dataclasses import replace

from lbrouter.cli import effects
from lbrouter.cli.output.render import print_damage, print_diagnostics
from lbrouter.cli.settings import CommandSettings
from lbrouter.compile.config.machine_fit import missing_uplink_interfaces
from lbrouter.compile.config.partial_support import partially_supported
from lbrouter.compile.explain.explanation import ExplainContext
from lbrouter.compile.health.carrier_only import health_without_daemon, missing_lease_warnings
from lbrouter.compile.routing.lan_links import missing_ports, missing_vlan_support
from lbrouter.compile.shaping.build import ShapingPlan
from lbrouter.compile.state.allocate import allocate
from lbrouter.compile.state.desired import observation_scope
from lbrouter.daemon.applier import Applier, HealthSource, OperationReporter, silent_reporter
from lbrouter.daemon.config_file import ConfigFile, require_distinct_interfaces
from lbrouter.daemon.config_file import load_config as read
from lbrouter.daemon.control_socket import client
from lbrouter.daemon.health import snapshot
from lbrouter.daemon.lanes.lane_facts import facts_with_lanes
from lbrouter.daemon.machine_snapshot import MachineSnapshot
from lbrouter.daemon.reconcile.guarantee_changes import shortfall_message
from lbrouter.kernel.backend import LinuxKernel
from lbrouter.kernel.read.features import cached_features
from lbrouter.kernel.storage.store import StateStore
from lbrouter.model.config import Config
from lbrouter.model.errors import LbrouterError
from lbrouter.model.facts import Facts
from lbrouter.model.health import GatewayHealth
from lbrouter.model.kernel_state import KernelState


def load_config_file(settings: CommandSettings) -> ConfigFile:
    """The configuration, typed and checked. Raises ConfigError with all that is wrong."""
    file = read(settings.config)
    require_distinct_interfaces(file)
    return file


def build_applier(
    settings: CommandSettings, kernel: LinuxKernel, *, tell: OperationReporter = silent_reporter
) -> Applier:
    """The machine with the directories of the command line."""
    return Applier(
        kernel,
        state_dir=settings.state_dir,
        runtime_dir=settings.runtime_dir,
        reporter=tell,
        report_damage=print_damage,
    )


def config_or_none(settings: CommandSettings) -> Config | None:
    """The configuration, or None where it is absent or broken: `down` must work all the same."""
    try:
        return load_config_file(settings).config
    except LbrouterError:
        return None


async def health_source(settings: CommandSettings) -> HealthSource:
    """What a running daemon knows of the uplinks; without one, their carriers."""
    known = None
    with suppress(LbrouterError):
        if await client.ask(settings.runtime_dir, {"verb": "ping"}, timeout_s=1) is not None:
            known = snapshot.load_health(settings.runtime_dir, print_damage)

    def judged(config: Config, facts: Facts) -> GatewayHealth:
        if known is None:
            return snapshot.last_known_health(
                settings.runtime_dir, config, facts, report=print_damage
            )
        present = health_without_daemon(config, facts)
        said = {name: uplink for name, uplink in known.uplinks.items() if name in present.uplinks}
        return GatewayHealth(uplinks={**present.uplinks, **said}, pins=known.pins)

    return judged


async def explain_context(
    here: Applier, config: Config, health_source: HealthSource
) -> ExplainContext:
    """The part of `look` that anybody may read: nothing of it needs root."""
    facts = await here.kernel.facts(observation_scope(config, KernelState()))
    facts = here.learned_facts(config, facts)
    if config.lanes():
        facts = replace(facts, features=cached_features(here.runtime_dir, print_damage))
        facts = await facts_with_lanes(config, facts, here.kernel, here.store.directory)
    return ExplainContext(
        allocation=allocate(config, here.store.load_allocation()),
        health=health_source(config, facts),
        facts=facts,
    )


def print_warnings(file: ConfigFile, snapshot: MachineSnapshot, store: StateStore) -> None:
    """All that a person should know, and that stops nothing."""
    print_diagnostics("warning", (*file.warnings, *snapshot.facts.conflicts))
    print_diagnostics("warning", filter(None, [missing_vlan_support(file.config, snapshot.facts)]))
    missing = missing_uplink_interfaces(file.config, snapshot.facts.interfaces)
    print_diagnostics("warning", map(str, missing))
    print_diagnostics("warning", missing_ports(file.config, snapshot.facts).values())
    print_diagnostics("warning", effects.lane_warnings(file.config, store.directory))
    print_diagnostics("warning", effects.warnings(file.config))
    print_diagnostics(
        "note",
        (*partially_supported(file.config), *missing_lease_warnings(file.config, snapshot.facts)),
    )


def print_shaping_warnings(shaping: ShapingPlan) -> None:
    """What cannot be shaped as the file wants it, and the guarantees that are short."""
    print_diagnostics("warning", (*shaping.warnings, *map(shortfall_message, shaping.shortfalls)))
