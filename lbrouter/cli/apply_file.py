"""How a file comes into force: through the daemon where one runs, else here, under the lock."""

from lbrouter.cli.context import (
    NO_DAEMON_NOTE,
    print_shaping_warnings,
    print_warnings,
)
from lbrouter.cli.operator_session import own_operator, refuse_to_cut_session
from lbrouter.cli.output.render import ChangeReport, print_diagnostics
from lbrouter.cli.settings import CommandSettings
from lbrouter.cli.without_daemon import open_commit_confirm
from lbrouter.compile.shaping.foreign_qdiscs import ForeignQdiscPolicy
from lbrouter.daemon.config_file import ConfigFile, require_tools
from lbrouter.daemon.confirm.commit_confirm import ApplyOrder
from lbrouter.daemon.control_socket import client
from lbrouter.daemon.control_socket.protocol import Document
from lbrouter.model.messages.message import parse_phrase
from lbrouter.model.messages.phrase import phrase
from lbrouter.model.units import Duration
from lbrouter.services import secrets


async def apply_file(
    settings: CommandSettings,
    file: ConfigFile,
    within: Duration | None,
    *,
    take_over: bool = False,
    undoes: str = "",
) -> int:
    """Apply `file`, and print what is done; the exit code. `undoes` as in `ApplyOrder`."""
    report = ChangeReport(phrase("applied"), settings)
    require_tools(file.config)
    secrets.require(file.config)
    if within is None:
        await refuse_to_cut_session(settings, file)

    asked: Document = {"verb": "apply", "config": file.text.decode(), "source": file.source}
    if within is not None:
        asked["confirm_within_ms"] = int(within)
    if take_over:
        asked["take_over"] = True
    if undoes:
        asked["undoes"] = undoes
    handed = await client.ask(settings.runtime_dir, asked)
    if handed is not None:
        texts = handed.get("warnings_data", handed["warnings"])
        print_diagnostics("warning", map(parse_phrase, texts))
        report.print_changes(handed["changes"])
        return report.finish(confirm_s=handed["pending_confirm_s"])
    order = ApplyOrder(by=own_operator(), undoes=undoes)
    async with open_commit_confirm(settings) as here:
        snapshot = await here.applier.observe(file.config)
        print_warnings(file, snapshot, here.store)
        snapshot = snapshot.with_foreign_qdisc_policy(
            file.config, ForeignQdiscPolicy.REPLACE if take_over else ForeignQdiscPolicy.REFUSE
        )
        planned = snapshot.planned(file)
        print_shaping_warnings(planned.shaping)
        with here.applier.reporting_to(report.operation_printer):
            await here.apply(planned, within=within, order=order)
        left = here.pending.remaining_s()
    print_diagnostics("note", (NO_DAEMON_NOTE,))
    return report.finish(confirm_s=left)
