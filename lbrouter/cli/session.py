"""What the verbs share before they differ: the file, the store, and a look at the machine."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypedDict

from lbrouter.cli import services
from lbrouter.cli.render import notes
from lbrouter.cli.settings import Settings
from lbrouter.compile.allocate import allocate
from lbrouter.compile.desired import remember, scope_of
from lbrouter.compile.explain import Known
from lbrouter.compile.failover import first_look
from lbrouter.compile.parse import MAX_BYTES, Parsed, parse
from lbrouter.compile.shaping import shape
from lbrouter.compile.unsupported import limits, unsupported
from lbrouter.kernel import nft
from lbrouter.kernel.features import known
from lbrouter.kernel.linux import LinuxKernel
from lbrouter.kernel.store import Store
from lbrouter.model.config import Config
from lbrouter.model.errors import (
    ConfigError,
    LbrouterError,
    NotPermittedError,
    UnavailableError,
)
from lbrouter.model.health import Health
from lbrouter.model.machine import Allocation, Facts, Scope
from lbrouter.model.plan import Operation
from lbrouter.model.state import KernelState
from lbrouter.model.units import Rate
from lbrouter.services import dnsmasq

NO_DAEMON = "no daemon runs: uplinks are judged by their carrier alone, [health] waits for it"


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """The configuration file: its bytes, and what they mean."""

    text: bytes
    config: Config
    warnings: tuple[str, ...]

    @property
    def digest(self) -> str:
        """How `status` names the file: "sha256:" and the digest of its bytes."""
        return f"sha256:{hashlib.sha256(self.text).hexdigest()}"


class Inputs(TypedDict):
    """Arguments of `desired_state`, by their names."""

    allocation: Allocation
    health: Health
    facts: Facts
    baseline: KernelState


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The machine and what is remembered of it, for one configuration."""

    scope: Scope
    facts: Facts
    observed: KernelState
    baseline: KernelState
    allocation: Allocation
    health: Health

    def inputs(self) -> Inputs:
        """What `desired_state` takes, beside the configuration."""
        return {
            "allocation": self.allocation,
            "health": self.health,
            "facts": self.facts,
            "baseline": self.baseline,
        }


def read(path: Path) -> bytes:
    """The bytes of the configuration file."""
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1)
    except PermissionError as error:
        raise NotPermittedError(f"{path} may not be read.", remedy="Run it as root.") from error
    except OSError as error:
        raise ConfigError(
            f"{path}: {error.strerror}",
            remedy="Write it, or name another one: lbrouter --config FILE ...",
        ) from error
    if len(text) > MAX_BYTES:
        raise ConfigError(f"{path}: the file is larger than {MAX_BYTES >> 20} MiB")
    return text


def load(settings: Settings) -> File:
    """The configuration, typed and checked. Raises ConfigError with all that is wrong."""
    text = read(settings.config)
    found: Parsed = parse(text, source=str(settings.config))
    return File(text=text, config=found.config, warnings=found.warnings)


def config_or_none(settings: Settings) -> Config | None:
    """The configuration, or None where it is absent or broken: `down` must work all the same."""
    try:
        return load(settings).config
    except LbrouterError:
        return None


async def look(kernel: LinuxKernel, store: Store, settings: Settings, config: Config) -> Found:
    """Everything that `desired_state` wants to know, read once."""
    remembered = store.baseline()
    scope = scope_of(config, remembered)
    facts = replace(await kernel.facts(scope), features=known(settings.runtime_dir))
    observed = await kernel.observe(scope)
    return Found(
        scope=scope,
        facts=facts,
        observed=observed,
        # Nothing of ours is there, after a boot say: what is found now is what was found first.
        baseline=remembered if holds_ours(observed) else KernelState(),
        allocation=allocate(config, store.allocation()),
        health=first_look(config, facts),
    )


async def survey(kernel: LinuxKernel, store: Store, config: Config) -> Known:
    """The part of `look` that anybody may read: nothing of it needs root."""
    facts = await kernel.facts(scope_of(config, KernelState()))
    return Known(
        allocation=allocate(config, store.allocation()),
        health=first_look(config, facts),
        facts=facts,
    )


def holds_ours(observed: KernelState) -> bool:
    """Whether the kernel holds anything of ours, settings aside."""
    others = replace(observed, sysctls=frozenset(), links=frozenset())
    return any(True for _ in others.nouns())


def prepare(store: Store, file: File, found: Found, desired: KernelState) -> None:
    """All that can be refused before the first change, then all that a crash must not lose.

    The baseline only grows here: what it may forget is known when the apply has come true.
    """
    table = desired.nft
    assert table is not None
    store.writable()
    nft.check(table)
    after = remember(found.baseline, found.observed, file.config)
    store.save_allocation(found.allocation)
    store.save_baseline(
        replace(
            found.baseline,
            sysctls=found.baseline.sysctls | after.sysctls,
            links=found.baseline.links | after.links,
        )
    )
    store.save_script(table.structure, table.script)


def conclude(store: Store, file: File, found: Found) -> None:
    """Remember what an apply that came true leaves behind."""
    store.save_baseline(remember(found.baseline, found.observed, file.config))
    store.save_config(file.text)


def refuse_unsupported(config: Config) -> None:
    """Raise UnavailableError naming all that the file asks for and this version cannot do."""
    refusals = unsupported(config)
    if refusals:
        raise UnavailableError("\n".join(f"not in this version: {each}" for each in refusals))
    dnsmasq.require(config)


def warn(file: File, found: Found, store: Store) -> None:
    """All that a person should know, and that stops nothing."""
    notes("warning", (*file.warnings, *store.warnings, *found.facts.conflicts))
    notes("warning", (*_shaping(file.config, found), *services.doubts(file.config)))
    notes("note", limits(file.config))


def _shaping(config: Config, found: Found) -> Iterator[str]:
    shaped = shape(config, allocation=found.allocation, health=found.health, facts=found.facts)
    yield from shaped.warnings
    for short in shaped.shortfalls:
        yield (
            f"VLAN {short.vlan} is guaranteed {Rate(short.wanted)} {short.direction},"
            f" the uplinks that work can give it {Rate(short.got)}"
        )


class Narrated:
    """A kernel that says each operation before it carries it out."""

    def __init__(self, kernel: LinuxKernel, tell: Callable[[Operation], None]) -> None:
        self._kernel = kernel
        self._tell = tell

    async def observe(self, scope: Scope) -> KernelState:
        """As the kernel's own."""
        return await self._kernel.observe(scope)

    async def facts(self, scope: Scope) -> Facts:
        """As the kernel's own."""
        return await self._kernel.facts(scope)

    async def execute(self, operation: Operation) -> None:
        """Say it, then do it."""
        self._tell(operation)
        await self._kernel.execute(operation)
