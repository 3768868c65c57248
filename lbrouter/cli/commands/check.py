"""`lbrouter check`: everything that can be said of a file without touching the machine.

Exit code 0, or 1 where the ruleset is refused; a broken file raises ConfigError. With JSON: {"ok",
"errors", "warnings", "dry_run"}; `dry_run` is false where the kernel could not be asked.
"""

from collections.abc import Iterator
from contextlib import suppress
from typing import Final

import typer

from lbrouter.cli import effects
from lbrouter.cli.context import load_config_file
from lbrouter.cli.output.render import print_diagnostics, print_json, print_line
from lbrouter.cli.settings import CommandSettings, JsonOption, settings_of
from lbrouter.compile.config.partial_support import partially_supported
from lbrouter.compile.firewall.elements import interfaces_of
from lbrouter.compile.health.carrier_only import health_without_daemon, missing_lease_warnings
from lbrouter.compile.routing.lan_links import missing_vlan_support
from lbrouter.compile.state.allocate import allocate
from lbrouter.compile.state.desired import desired_state
from lbrouter.daemon.config_file import ConfigFile
from lbrouter.kernel.dry_run import dry_run
from lbrouter.kernel.read.features import features
from lbrouter.model.config import Config
from lbrouter.model.errors import ExitCode, LbrouterError, NotAppliedError
from lbrouter.model.facts import Allocation, Facts, InterfaceFacts
from lbrouter.model.kernel_state import KernelState

ASSUMED_FEATURES: Final = frozenset({"fq_codel"})
"""Of the imagined machine: a file is not wrong for what this one lacks."""


def check(context: typer.Context, *, json: JsonOption = False) -> int:
    """Parse, validate, compile and dry-run the ruleset. Touches nothing."""
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
    print_diagnostics("warning", file.warnings)
    print_diagnostics(
        "note", (*partially_supported(file.config), *missing_lease_warnings(file.config, Facts()))
    )
    print_diagnostics("warning", (*_machine_warnings(file.config), *effects.warnings(file.config)))
    print_diagnostics("warning", effects.lane_warnings(file.config, settings.state_dir))
    print_diagnostics("error", errors)
    if skipped:
        print_diagnostics("note", (f"the dry run of the ruleset was skipped: {skipped}",))
    _print_result(settings, file, errors, skipped=bool(skipped))
    return ExitCode.CHECK_FAILED if errors else ExitCode.DONE


def _machine_warnings(config: Config) -> Iterator[str]:
    """What this very machine lacks: a warning, since a file may be checked on another one."""
    if any(vlan.id is not None for vlan in config.vlans.values()):
        with suppress(LbrouterError, OSError):
            lack = missing_vlan_support(config, Facts(features=features()))
            yield from [lack] if lack else []


def assumed_state(config: Config) -> KernelState:
    """The state for a machine on which every interface of the file is there, with a carrier."""
    names = dict.fromkeys(interfaces_of(config))
    found = {
        name: InterfaceFacts(name=name, index=index, up=True, carrier=True, mtu=1500)
        for index, name in enumerate(names, start=2)
    }
    facts = Facts(interfaces=found, features=ASSUMED_FEATURES)
    return desired_state(
        config,
        allocation=allocate(config, Allocation()),
        health=health_without_daemon(config, facts),
        facts=facts,
        baseline=KernelState(),
    )


def _print_result(
    settings: CommandSettings, file: ConfigFile, errors: list[str], *, skipped: bool
) -> None:
    config = file.config
    if settings.json:
        print_json(
            {
                "ok": not errors,
                "errors": errors,
                "warnings": list(file.warnings),
                "dry_run": not skipped,
            }
        )
    elif not errors:
        print_line(
            f"{settings.config}: good ({len(config.uplinks)} uplinks, {len(config.vlans)} VLANs,"
            f" {len(config.policies)} policies, {len(config.rules)} rules)"
        )
