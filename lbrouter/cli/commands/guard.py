"""`lbrouter guard`: a closed firewall, before the network comes up (lbrouter-guard.service)."""

from collections.abc import Iterator
from contextlib import suppress

import typer

from lbrouter.cli.beside_daemon import refuse_beside_daemon
from lbrouter.cli.output.render import print_damage, print_diagnostics, print_success
from lbrouter.cli.settings import CommandSettings, JsonOption, settings_of
from lbrouter.compile.firewall.boot_guard import guard_table
from lbrouter.compile.firewall.elements import interfaces_of
from lbrouter.compile.state.allocate import allocate
from lbrouter.daemon.config_file import ConfigFile, load_config, parse_config
from lbrouter.daemon.confirm.pending_commit import PendingCommitStore
from lbrouter.kernel.objects import nft
from lbrouter.kernel.read.connection_table import (
    read_connection_table_size,
    read_neighbour_table_size,
)
from lbrouter.kernel.storage.lock import exclusive_lock
from lbrouter.kernel.storage.store import StateStore
from lbrouter.model.errors import ConfigError, LbrouterError
from lbrouter.model.kernel_state import KernelState
from lbrouter.model.messages.phrase import phrase
from lbrouter.model.plan import Action, Operation, Phase

FIREWALL_PRESENT_MESSAGE = "the firewall is loaded already; nothing was changed"
FIREWALL_CLOSED_MESSAGE = "closed: nothing is forwarded until `lbrouter apply`"


def guard(context: typer.Context, *, json: JsonOption = False) -> int:
    """Block all forwarding until the first apply; for the boot, before the network."""
    settings = settings_of(context, json=json)
    refuse_beside_daemon(settings, "guard")
    said = FIREWALL_CLOSED_MESSAGE if _close_firewall(settings) else FIREWALL_PRESENT_MESSAGE
    return print_success(settings, said, {"said": said})


def _close_firewall(settings: CommandSettings) -> bool:
    """Load the closed table; False where one of ours stands. Raises ConfigError without any file.

    What is forwarded is closed first; what should be remembered of it comes after, and may fail.
    """
    with exclusive_lock(settings.runtime_dir):
        if nft.is_loaded():
            return False
        store = StateStore(settings.state_dir, print_damage)
        # By the file that the daemon will take; the interfaces of the last good one are closed too.
        files = list(_candidate_files(settings, store))
        first, *others = files
        also = {name for file in others for name in interfaces_of(file.config)}
        table = guard_table(
            first.config,
            allocate(first.config, store.load_allocation()),
            connection_table_size=read_connection_table_size(),
            neighbour_table_size=read_neighbour_table_size(),
            extra_interfaces=also,
        )
        nft.execute(
            Operation(phase=Phase.GUARD, action=Action.ADD, new=table, old=None, reason=table.why)
        )
        # The text of the table, for an undo; and that no setting of before the boot counts any
        # more. Settings are found again by the first apply: nothing else of ours is in the kernel.
        try:
            store.save_script(table.structure, table.script)
            store.save_baseline(KernelState())
        except LbrouterError as error:
            print_diagnostics("warning", (str(error),))
    return True


def _candidate_files(settings: CommandSettings, store: StateStore) -> Iterator[ConfigFile]:
    """The file, unless it is wrong or was rolled back; then what served last."""
    text = store.load_config()
    good = None
    if text is not None:
        with suppress(LbrouterError):
            good = parse_config(text, source=phrase("the last good configuration"))
    waiting = PendingCommitStore(
        state_dir=settings.state_dir, runtime_dir=settings.runtime_dir, report=print_damage
    )
    try:
        file = load_config(settings.config)
    except ConfigError:
        if good is None:
            raise
        yield good
        return
    known = [file] if good is None else [file, good]
    yield from reversed(known) if file.digest == waiting.rejected_digest() else known
