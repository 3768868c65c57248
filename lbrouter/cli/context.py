"""What the verbs share before they differ: the file, the machine, and what to say of them."""

from collections.abc import Iterator
from contextlib import suppress

from lbrouter.cli import effects
from lbrouter.cli.output.render import notes
from lbrouter.cli.settings import Settings
from lbrouter.compile.config.partial_support import caveats
from lbrouter.compile.explain.explanation import Known
from lbrouter.compile.health.carrier_only import first_look, leaseless
from lbrouter.compile.routing.lan_links import absent, untaggable
from lbrouter.compile.shaping.build import shape
from lbrouter.compile.state.allocate import allocate
from lbrouter.compile.state.desired import scope_of
from lbrouter.daemon.applier import Found, Judge, Machine, Teller, silent
from lbrouter.daemon.config_file import File
from lbrouter.daemon.config_file import load as read
from lbrouter.daemon.control import client
from lbrouter.daemon.health import snapshot
from lbrouter.daemon.reconcile.guarantee_changes import sentence
from lbrouter.kernel.backend import LinuxKernel
from lbrouter.kernel.storage.store import Store
from lbrouter.model.config import Config
from lbrouter.model.errors import LbrouterError
from lbrouter.model.facts import Facts
from lbrouter.model.health import Health
from lbrouter.model.kernel_state import KernelState

NO_DAEMON = "no daemon runs: uplinks are judged by their carrier alone, [health] waits for it"


def load(settings: Settings) -> File:
    """The configuration, typed and checked. Raises ConfigError with all that is wrong."""
    return read(settings.config)


def machine(settings: Settings, kernel: LinuxKernel, *, tell: Teller = silent) -> Machine:
    """The machine with the directories of the command line."""
    return Machine(
        kernel, state_dir=settings.state_dir, runtime_dir=settings.runtime_dir, tell=tell
    )


def config_or_none(settings: Settings) -> Config | None:
    """The configuration, or None where it is absent or broken: `down` must work all the same."""
    try:
        return load(settings).config
    except LbrouterError:
        return None


async def judge(settings: Settings) -> Judge:
    """What a running daemon knows of the uplinks; without one, their carriers."""
    known = None
    with suppress(LbrouterError):
        if await client.ask(settings.runtime_dir, {"verb": "ping"}, patience_s=1) is not None:
            known = snapshot.load(settings.runtime_dir)

    def judged(config: Config, facts: Facts) -> Health:
        found = first_look(config, facts)
        if known is None:
            return found
        said = {name: each for name, each in known.uplinks.items() if name in found.uplinks}
        return Health(uplinks={**found.uplinks, **said}, pins=known.pins, limits=known.limits)

    return judged


async def survey(here: Machine, config: Config, judge: Judge) -> Known:
    """The part of `look` that anybody may read: nothing of it needs root."""
    found = await here.kernel.facts(scope_of(config, KernelState()))
    facts = here.leases.known(config, found)
    return Known(
        allocation=allocate(config, here.store.allocation()),
        health=judge(config, facts),
        facts=facts,
    )


def warn(file: File, found: Found, store: Store) -> None:
    """All that a person should know, and that stops nothing."""
    notes("warning", (*file.warnings, *store.warnings, *found.facts.conflicts))
    notes("warning", filter(None, [untaggable(file.config, found.facts)]))
    notes("warning", absent(file.config, found.facts).values())
    notes("warning", (*_shaping(file.config, found), *effects.doubts(file.config)))
    notes("note", (*caveats(file.config), *leaseless(file.config, found.facts)))


def _shaping(config: Config, found: Found) -> Iterator[str]:
    shaped = shape(config, allocation=found.allocation, health=found.health, facts=found.facts)
    yield from shaped.warnings
    yield from map(sentence, shaped.shortfalls)
