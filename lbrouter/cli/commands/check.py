"""`lbrouter check`: everything that can be said of a file without touching the machine.

Exit code 0, or 1 where the ruleset is refused; a broken file raises ConfigError. With JSON: {"ok",
"errors", "warnings", "dry_run"}; `dry_run` is false where the kernel could not be asked. What does
not fit this machine is a warning: the file may be for another one.
"""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Final

import typer

from lbrouter.cli import effects
from lbrouter.cli.context import load_config_file
from lbrouter.cli.output.render import print_damage, print_diagnostics, print_json, print_line
from lbrouter.cli.settings import JsonOption, settings_of
from lbrouter.compile.config.machine_fit import MachineView, machine_warnings
from lbrouter.compile.config.parse import located
from lbrouter.compile.config.partial_support import partially_supported
from lbrouter.compile.dhcp.lease_validation import lease_conflict
from lbrouter.compile.firewall.elements import interfaces_of
from lbrouter.compile.firewall.helpers import missing_helpers
from lbrouter.compile.health.carrier_only import health_without_daemon, missing_lease_warnings
from lbrouter.compile.report.wording import counted
from lbrouter.compile.routing.lan_links import missing_vlan_support
from lbrouter.compile.state.allocate import allocate
from lbrouter.compile.state.desired import desired_state
from lbrouter.daemon.config_file import ConfigFile
from lbrouter.daemon.dhcp.lease_store import LeaseStore
from lbrouter.kernel.backend import LinuxKernel
from lbrouter.kernel.dry_run import dry_run
from lbrouter.kernel.read.features import features
from lbrouter.kernel.read.nics import link_speed_mbit
from lbrouter.model.config import Config
from lbrouter.model.errors import ExitCode, LbrouterError, NotAppliedError
from lbrouter.model.facts import Allocation, Facts, InterfaceFacts, ObserveScope
from lbrouter.model.kernel_state import KernelState
from lbrouter.model.lease import UplinkLease
from lbrouter.model.messages.phrase import Phrase, as_phrase, joined_phrases, phrase

ASSUMED_FEATURES: Final = frozenset({"fq_codel"})
"""Of the imagined machine: a file is not wrong for what this one lacks."""


def check(context: typer.Context, *, json: JsonOption = False) -> int:
    """Check the file and the ruleset made from it. Changes nothing."""
    settings = settings_of(context, json=json)
    file = load_config_file(settings)
    desired = assumed_state(file.config)
    assert desired.nft is not None
    errors: list[str] = []
    skipped = ""
    try:
        skipped = dry_run(desired.nft)
    except NotAppliedError as error:
        errors.append(str(error))
    leases = LeaseStore(settings.runtime_dir, print_damage).held_leases(file.config)
    machine = asyncio.run(_machine_view(file.config, leases))
    warnings = (*file.warnings, *_machine_warnings(file, machine), *effects.warnings(file.config))
    print_diagnostics("warning", warnings)
    print_diagnostics(
        "note",
        (
            *partially_supported(file.config),
            *missing_lease_warnings(file.config, Facts(leases=leases)),
        ),
    )
    print_diagnostics("warning", effects.lane_warnings(file.config, settings.state_dir))
    print_diagnostics("error", errors)
    if skipped:
        print_diagnostics(
            "note",
            (
                phrase(
                    "the dry run of the ruleset was skipped: {reason}", reason=as_phrase(skipped)
                ),
            ),
        )
    if settings.json:
        print_json(
            {"ok": not errors, "errors": errors, "warnings": warnings, "dry_run": not skipped}
        )
    elif not errors:
        print_line(
            phrase(
                "{file}: good ({contents})", file=settings.config, contents=_contents(file.config)
            )
        )
    return ExitCode.CHECK_FAILED if errors else ExitCode.DONE


async def _machine_view(config: Config, leases: Mapping[str, UplinkLease]) -> MachineView | None:
    """What is on this machine; None where it cannot be asked."""
    try:
        async with LinuxKernel() as kernel:
            facts = await kernel.facts(ObserveScope(interfaces=frozenset(interfaces_of(config))))
    except (LbrouterError, OSError):
        return None
    speeds = {name: link_speed_mbit(name) for name in facts.interfaces}
    return MachineView(
        interfaces=facts.interfaces,
        speeds_mbit={name: speed for name, speed in speeds.items() if speed is not None},
        lease_conflicts={
            name: str(lease_conflict(config, lease) or "") for name, lease in leases.items()
        },
    )


def _machine_warnings(file: ConfigFile, machine: MachineView | None) -> Iterator[str]:
    """What this very machine lacks: a warning, since a file may be checked on another one."""
    if machine is not None:
        yield from located(machine_warnings(file.config, machine), file.text, source=file.source)
    if missing_vlan_support(file.config, Facts()) or file.config.gateway.helpers:
        with suppress(LbrouterError, OSError):
            known = features()
            lacks_tags = missing_vlan_support(file.config, Facts(features=known))
            yield from filter(None, (lacks_tags, missing_helpers(file.config, known)))


def assumed_state(config: Config) -> KernelState:
    """The state for a machine on which every interface of the file is there, with a carrier."""
    names = dict.fromkeys(interfaces_of(config))
    interfaces = {
        name: InterfaceFacts(name=name, index=index, up=True, carrier=True, mtu=1500)
        for index, name in enumerate(names, start=2)
    }
    facts = Facts(interfaces=interfaces, features=ASSUMED_FEATURES)
    return desired_state(
        config,
        allocation=allocate(config, Allocation()),
        health=health_without_daemon(config, facts),
        facts=facts,
        baseline=KernelState(),
    )


def _contents(config: Config) -> Phrase:
    """What the file has: "1 uplink, 3 VLANs, 2 policies, 0 rules"."""
    numbers = (
        (len(config.uplinks), phrase("uplink"), phrase("uplinks")),
        (len(config.vlans), phrase("VLAN"), phrase("VLANs")),
        (len(config.policies), phrase("policy"), phrase("policies")),
        (len(config.rules), phrase("rule"), phrase("rules")),
    )
    return joined_phrases(", ", (counted(*number) for number in numbers))
