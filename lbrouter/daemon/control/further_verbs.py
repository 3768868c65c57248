"""Verbs about one client, about earlier files, and for the hour before the show."""

from lbrouter.daemon.confirm.commit_confirm import CommitConfirm
from lbrouter.daemon.control.alert_commands import AlertCommands
from lbrouter.daemon.control.block_commands import BlockCommands
from lbrouter.daemon.control.client_queries import ClientQueries
from lbrouter.daemon.control.commands import VerbHandlers
from lbrouter.daemon.control.config_queries import ConfigQueries
from lbrouter.daemon.control.precheck_queries import PrecheckQueries
from lbrouter.daemon.control.queries import QueryHandlers
from lbrouter.daemon.reconcile.loop import ReconcileLoop


def further_verbs(
    loop: ReconcileLoop,
    queries: QueryHandlers,
    commit_confirm: CommitConfirm,
    blocks: BlockCommands,
) -> VerbHandlers:
    """The handlers of those verbs, by verb."""
    table = loop.overrides.blocks
    precheck = PrecheckQueries(
        loop.applier, lambda: loop.config_file, queries.verbs["status"], table.in_force
    )
    return {
        **ClientQueries(loop.state, loop.applier.dnsmasq, table.of).verbs,
        **blocks.verbs,
        **AlertCommands(loop.journal, lambda: loop.config_file.config).verbs,
        **precheck.verbs,
        "config": ConfigQueries(commit_confirm.configs).handle,
    }
