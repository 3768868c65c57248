"""How a file comes into force: through the daemon where one runs, else here, under the lock."""

import os
from contextlib import suppress

from lbrouter.cli.output.change_report import ChangeReport
from lbrouter.cli.output.daemon_note import NO_DAEMON_NOTE
from lbrouter.cli.output.render import print_diagnostics
from lbrouter.cli.settings import CommandSettings
from lbrouter.daemon.control_socket import blocking_client
from lbrouter.daemon.control_socket.protocol import Document
from lbrouter.model.messages.message import parse_phrase
from lbrouter.model.messages.phrase import phrase
from lbrouter.model.units import Duration
from lbrouter.system.ssh_session import ssh_connection


def apply_file(
    settings: CommandSettings,
    text: bytes,
    source: str,
    within: Duration | None,
    *,
    take_over: bool = False,
    undoes: str = "",
) -> int:
    """Apply a file's `text`, and print what is done; the exit code. `undoes` as in `ApplyOrder`.

    Who applies it parses and checks it: the daemon, which has all loaded that this takes.
    """
    report = ChangeReport(phrase("applied"), settings)
    session = "" if within is not None else ssh_connection(os.getpid())
    handed = None
    with suppress(UnicodeDecodeError):  # what is no text goes to no daemon: parsed here, it is told
        asked: Document = {"verb": "apply", "config": text.decode(), "source": source}
        asked |= {"session": session, "take_over": take_over, "undoes": undoes}
        if within is not None:
            asked["confirm_within_ms"] = int(within)
        handed = blocking_client.ask(settings.runtime_dir, asked)
    if handed is not None:
        texts = handed.get("warnings_data", handed["warnings"])
        print_diagnostics("warning", map(parse_phrase, texts))
        report.print_changes(handed["changes"])
        return report.finish(confirm_s=handed["pending_confirm_s"])
    from lbrouter.cli.without_daemon import FileToApply, apply_here  # noqa: PLC0415  -- 400 ms

    file = FileToApply(text=text, source=source, session=session, undoes=undoes)
    left = apply_here(settings, file, report, within, take_over=take_over)
    print_diagnostics("note", (NO_DAEMON_NOTE,))
    return report.finish(confirm_s=left)
