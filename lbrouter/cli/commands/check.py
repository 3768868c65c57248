"""`lbrouter check`: everything that can be said of a file without touching the machine."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from lbrouter.cli import context, effects
from lbrouter.cli.output.render import document, notes, say
from lbrouter.cli.settings import Settings
from lbrouter.compile.config.partial_support import caveats
from lbrouter.compile.firewall.elements import interfaces_of
from lbrouter.compile.health.carrier_only import first_look, leaseless
from lbrouter.compile.routing.lan_links import untaggable
from lbrouter.compile.state.allocate import allocate
from lbrouter.compile.state.desired import desired_state
from lbrouter.daemon.config_file import File
from lbrouter.kernel.dry_run import dry_run
from lbrouter.kernel.read.features import features
from lbrouter.model.config import Config
from lbrouter.model.errors import Exit, LbrouterError, NotAppliedError
from lbrouter.model.facts import Allocation, Facts, InterfaceFacts
from lbrouter.model.kernel_state import KernelState

FEATURES: Final = frozenset({"fq_codel"})
"""Of the imagined machine: a file is not wrong for what this one lacks."""


def check(settings: Settings) -> int:
    """Exit code 0, or 1 where the ruleset is refused; a broken file raises ConfigError.

    With JSON: {"ok", "errors", "warnings", "dry_run"}; `dry_run` is false where the kernel could
    not be asked.
    """
    file = context.load(settings)
    desired = imagined(file.config)
    assert desired.nft is not None
    errors: list[str] = []
    skipped = ""
    try:
        skipped = dry_run(desired.nft)
    except NotAppliedError as error:
        errors.append(str(error))
    notes("warning", file.warnings)
    notes("note", (*caveats(file.config), *leaseless(file.config, Facts())))
    notes("warning", (*_here(file.config), *effects.doubts(file.config)))
    notes("error", errors)
    if skipped:
        notes("note", (f"the dry run of the ruleset was skipped: {skipped}",))
    _conclude(settings, file, errors, skipped=bool(skipped))
    return Exit.CHECK_FAILED if errors else Exit.DONE


def _here(config: Config) -> Iterator[str]:
    """What this very machine lacks: a warning, since a file may be checked on another one."""
    if any(vlan.id is not None for vlan in config.vlans.values()):
        with suppress(LbrouterError, OSError):
            lack = untaggable(config, Facts(features=features()))
            yield from [lack] if lack else []


def imagined(config: Config) -> KernelState:
    """The state for a machine on which every interface of the file is there, with a carrier."""
    names = dict.fromkeys(interfaces_of(config))
    found = {
        name: InterfaceFacts(name=name, index=index, up=True, carrier=True, mtu=1500)
        for index, name in enumerate(names, start=2)
    }
    facts = Facts(interfaces=found, features=FEATURES)
    return desired_state(
        config,
        allocation=allocate(config, Allocation()),
        health=first_look(config, facts),
        facts=facts,
        baseline=KernelState(),
    )


def _conclude(settings: Settings, file: File, errors: list[str], *, skipped: bool) -> None:
    config = file.config
    if settings.json:
        document(
            {
                "ok": not errors,
                "errors": errors,
                "warnings": list(file.warnings),
                "dry_run": not skipped,
            }
        )
    elif not errors:
        say(
            f"{settings.config}: good ({len(config.uplinks)} uplinks, {len(config.vlans)} VLANs,"
            f" {len(config.policies)} policies, {len(config.rules)} rules)"
        )
