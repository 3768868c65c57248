"""The command: one function for each verb.

From `apply` to a netlink message there are five files: this one, `compile/desired.py`,
`compile/diff.py`, `kernel/transaction.py` and `kernel/rtnl.py` (or `tc.py`, `nft.py`).
"""
# ruff: noqa: PLC0415  -- pyroute2 alone takes 150 ms: a verb imports what it needs, `--help` nothing

import asyncio
import gc
import sys
from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from lbrouter import __version__
from lbrouter.cli import absent, asking
from lbrouter.cli.exits import guarded
from lbrouter.cli.render import Report, notes, show
from lbrouter.cli.settings import (
    CONFIG,
    RUNTIME_DIR,
    STATE_DIR,
    ConfigOption,
    JsonOption,
    RuntimeOption,
    Settings,
    StateOption,
    settings_of,
)
from lbrouter.model.errors import Exit

EPILOG = (
    "Exit codes: 0 done or nothing to do, 1 check or rehearsal failed, 2 plan found changes,"
    " 64 bad usage, 69 something is lacking, 70 a defect, 75 not applied, 77 needs root,"
    " 78 the configuration is wrong."
)

app = typer.Typer(
    name="lbrouter",
    help="A load-balancing, failover and fair-share gateway for events.",
    epilog=EPILOG,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:  # noqa: FBT001  -- typer calls it so
    if wanted:
        print(f"lbrouter {__version__}")
        raise typer.Exit


VersionOption = Annotated[
    bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
]


@app.callback()
def options(
    context: typer.Context,
    *,
    config: ConfigOption = CONFIG,
    runtime_dir: RuntimeOption = RUNTIME_DIR,
    state_dir: StateOption = STATE_DIR,
    json: JsonOption = False,
    version: VersionOption = False,  # noqa: ARG001  -- its callback has done all
) -> None:
    """A load-balancing, failover and fair-share gateway for events."""
    context.obj = Settings(config=config, runtime_dir=runtime_dir, state_dir=state_dir, json=json)


def plan(context: typer.Context, *, json: JsonOption = False) -> int:
    """Show what `apply` would change, in the words of ip, nft and tc."""
    return asyncio.run(_plan(settings_of(context, json=json)))


def apply(
    context: typer.Context,
    *,
    confirm_within: Annotated[
        str, typer.Option(metavar="TIME", help="Undo unless confirmed (not in this version).")
    ] = "",
    json: JsonOption = False,
) -> int:
    """Make the kernel hold what the file says."""
    if confirm_within:
        absent.refuse("apply --confirm-within")
    return asyncio.run(_apply(settings_of(context, json=json)))


def down(context: typer.Context, *, json: JsonOption = False) -> int:
    """Remove all that lbrouter put into the kernel, and nothing else."""
    return asyncio.run(_down(settings_of(context, json=json)))


async def _plan(settings: Settings) -> int:
    from lbrouter.cli import services, session
    from lbrouter.compile.desired import desired_state
    from lbrouter.compile.diff import diff
    from lbrouter.compile.unsupported import unsupported
    from lbrouter.kernel.linux import LinuxKernel
    from lbrouter.kernel.store import Store

    file, store = session.load(settings), Store(settings.state_dir)
    async with LinuxKernel() as kernel:
        found = await session.look(kernel, store, settings, file.config)
    desired = desired_state(file.config, **found.inputs())
    session.warn(file, found, store)
    notes("note: `apply` will refuse", unsupported(file.config))
    programs = services.steps(settings, file.config)
    return show(services.whole(diff(found.observed, desired), programs), settings)


async def _apply(settings: Settings) -> int:
    from lbrouter.cli import services, session
    from lbrouter.compile.desired import desired_state
    from lbrouter.compile.diff import diff
    from lbrouter.kernel.linux import LinuxKernel
    from lbrouter.kernel.lock import hold
    from lbrouter.kernel.store import Store
    from lbrouter.kernel.transaction import transact

    report = Report("applied", settings)
    file, store = session.load(settings), Store(settings.state_dir)
    session.refuse_unsupported(file.config)
    with hold(settings.runtime_dir):
        async with LinuxKernel() as kernel:
            found = await session.look(kernel, store, settings, file.config)
            desired = desired_state(file.config, **found.inputs())
            steps = diff(found.observed, desired)
            programs = services.steps(settings, file.config)
            session.warn(file, found, store)
            tell = report.teller(services.whole(steps, programs))
            if steps:
                session.prepare(store, file, found, desired)
                told = session.Narrated(kernel, tell)
                await transact(told, steps, desired=desired, scope=found.scope, store=store)
            session.conclude(store, file, found)
            services.carry_out(settings, programs, tell)
    notes("note", (session.NO_DAEMON,))
    return report.close()


async def _down(settings: Settings) -> int:
    from lbrouter.cli import services, session
    from lbrouter.compile.desired import nothing, scope_of
    from lbrouter.compile.diff import diff
    from lbrouter.kernel.linux import LinuxKernel
    from lbrouter.kernel.lock import hold
    from lbrouter.kernel.store import Store
    from lbrouter.kernel.transaction import transact
    from lbrouter.model.state import KernelState

    report, store = Report("removed", settings), Store(settings.state_dir)
    with hold(settings.runtime_dir):
        baseline = store.baseline()
        scope = scope_of(session.config_or_none(settings), baseline)
        async with LinuxKernel() as kernel:
            desired = nothing(baseline, await kernel.facts(scope))
            steps = diff(await kernel.observe(scope), desired)
            notes("warning", store.warnings)
            programs = services.steps(settings, None)
            tell = report.teller(services.whole(programs, steps))
            services.carry_out(settings, programs, tell)
            told = session.Narrated(kernel, tell)
            await transact(told, steps, desired=desired, scope=scope, store=store)
        if baseline != KernelState():
            store.save_baseline(KernelState())
    return report.close()


VERBS: tuple[Callable[..., int], ...] = (
    asking.check,
    plan,
    apply,
    absent.confirm,
    absent.rollback,
    absent.run,
    asking.status,
    asking.explain,
    down,
    asking.doctor,
    asking.rehearse,
)
"""In the order of the help: from the first look at a file to the event."""

for _verb in VERBS:
    app.command()(_verb)
app.add_typer(absent.uplink, name="uplink")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code of the contract."""
    # A command is half a second of imports that stay: to look for garbage in them costs a tenth.
    gc.set_threshold(100_000)
    words = list(sys.argv[1:] if arguments is None else arguments)
    return guarded(lambda: _run(words), json="--json" in words)


def _run(words: list[str]) -> int:
    command = typer.main.get_command(app)
    code = command.main(args=words, prog_name="lbrouter", standalone_mode=False)
    return code if isinstance(code, int) else Exit.DONE
