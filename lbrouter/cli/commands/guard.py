"""`lbrouter guard`: a closed firewall, before the network comes up (lbrouter-guard.service)."""

from collections.abc import Iterator
from contextlib import suppress

from lbrouter.cli.output.render import document, notes, say
from lbrouter.cli.settings import Settings
from lbrouter.compile.firewall.boot_guard import closed
from lbrouter.compile.firewall.elements import interfaces_of
from lbrouter.compile.state.allocate import allocate
from lbrouter.daemon.config_file import File, load, understood
from lbrouter.daemon.confirm.pending_commit import Waiting
from lbrouter.kernel.objects import nft
from lbrouter.kernel.storage.lock import hold
from lbrouter.kernel.storage.store import Store
from lbrouter.model.errors import ConfigError, Exit, LbrouterError
from lbrouter.model.kernel_state import KernelState, NftTable
from lbrouter.model.plan import Operation, Phase, Verb

STANDS = "the firewall stands already"
CLOSED = "closed: nothing is forwarded until the gateway is applied"


def guard(settings: Settings) -> int:
    """Load it, unless a table of ours stands. Raises ConfigError where no file can be read.

    What is forwarded is closed first; what should be remembered of it comes after, and may fail.
    """
    with hold(settings.runtime_dir):
        stands = nft.observe_table() is not None
        if not stands:
            store = Store(settings.state_dir)
            table = _table(settings, store)
            nft.execute(
                Operation(phase=Phase.GUARD, verb=Verb.ADD, new=table, old=None, reason=table.why)
            )
            _remember(store, table)
    said = STANDS if stands else CLOSED
    if settings.json:
        document({"ok": True, "said": said})
    else:
        say(said)
    return Exit.DONE


def _table(settings: Settings, store: Store) -> NftTable:
    """By the file that the daemon will take; the interfaces of the last good one are closed too."""
    files = list(_files(settings, store))
    first, *others = files
    also = {name for file in others for name in interfaces_of(file.config)}
    return closed(first.config, allocate(first.config, store.allocation()), also=also)


def _files(settings: Settings, store: Store) -> Iterator[File]:
    """The file, unless it is wrong or was rolled back; then what served last."""
    text = store.config()
    good = None
    if text is not None:
        with suppress(LbrouterError):
            good = understood(text, source="the last good configuration")
    waiting = Waiting(state_dir=settings.state_dir, runtime_dir=settings.runtime_dir)
    try:
        file = load(settings.config)
    except ConfigError:
        if good is None:
            raise
        yield good
        return
    known = [file] if good is None else [file, good]
    yield from reversed(known) if file.digest == waiting.rejected() else known


def _remember(store: Store, table: NftTable) -> None:
    """The text of the table, for an undo; and that no setting of before the boot counts any more.

    Settings are found anew by the first apply: nothing else of ours is in the kernel.
    """
    try:
        store.save_script(table.structure, table.script)
        store.save_baseline(KernelState())
    except LbrouterError as error:
        notes("warning", (str(error),))
