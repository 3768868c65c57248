"""What the commands load while a daemon answers: no event loop, no model, nothing of the kernel."""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from lbrouter.compile.report.status import status_document
from lbrouter.daemon.control_socket.protocol import control_socket_path
from lbrouter.daemon.control_socket.server import ControlSocket
from tests.kit.builders import TWO_LINES, config_of
from tests.kit.status_documents import status_inputs
from tests.kit.wait import becomes_true

CONFIG = config_of(TWO_LINES)

EVENT = {
    "at": "2026-11-24T10:00:00Z",
    "kind": "uplink",
    "subject": "fiber",
    "text": "fiber is up",
    "incident": "",
    "more": {},
}

ANSWERS: dict[str, Any] = {
    "ping": {"gateway": "two-lines", "timezone": "Asia/Jakarta"},
    "status": {**status_document(CONFIG, status_inputs(CONFIG)), "daemon": True},
    "events": {"events": [EVENT]},
    "limit": {"said": "limited"},
    "drain": {"said": "drained"},
    "confirm": {"kept": "a file"},
    "rollback": {"undone": "a file", "changes": []},
    "apply": {"changes": [], "warnings": [], "warnings_data": [], "pending_confirm_s": None},
}
"""What a daemon would answer to each verb."""

HEAVY_LIBRARIES = re.compile(
    r"asyncio|pydantic|pyroute2|nftables|sqlite3|ssl|lbrouter\.(kernel|services|rehearsal)"
)
TABLE_LIBRARY = re.compile("rich")
IMPORT_LINE = re.compile(r"^import time:.*\| +([a-zA-Z_0-9.]+)$", re.MULTILINE)


class CannedDaemon:
    """A control socket that answers from `ANSWERS`, and the verbs that it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def answer(self, request: dict[str, Any]) -> Any:
        self.asked.append(request["verb"])
        return ANSWERS[request["verb"]]

    async def stream(self, _request: dict[str, Any]) -> AsyncGenerator[Any, None]:
        yield EVENT


def run_beside_daemon(
    folder: Path, *words: str
) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """The command beside a daemon that answers, and what the daemon was asked."""
    config = folder / "lbrouter.toml"
    config.write_text(TWO_LINES, encoding="utf-8")
    argv = [sys.executable, "-X", "importtime", "-m", "lbrouter", "--config", str(config)]
    argv += ["--runtime-dir", str(folder), "--state-dir", str(folder), *words]

    async def main() -> tuple[subprocess.CompletedProcess[str], list[str]]:
        daemon = CannedDaemon()
        server = ControlSocket(folder, answer=daemon.answer, stream=daemon.stream)
        serving = asyncio.create_task(server.serve())
        try:
            await becomes_true(lambda: control_socket_path(folder).exists())
            done = await asyncio.to_thread(
                subprocess.run, argv, capture_output=True, text=True, timeout=60, check=False
            )
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
        return done, daemon.asked

    return asyncio.run(main())


def loaded_modules(done: subprocess.CompletedProcess[str]) -> set[str]:
    return set(IMPORT_LINE.findall(done.stderr))


def heavy_modules(modules: set[str], *libraries: re.Pattern[str]) -> set[str]:
    return {
        name
        for name in modules
        for each in libraries
        if re.fullmatch(rf"({each.pattern})(\..*)?", name)
    }


@pytest.mark.parametrize(
    "words",
    [
        ["status", "--json"],
        ["events"],
        ["events", "--since", "10:00", "--brief"],
        ["limit", "guests", "5mbit", "--for", "10m"],
        ["uplink", "drain", "fiber"],
        ["confirm"],
        ["rollback"],
        ["apply"],
    ],
    ids=" ".join,
)
def test_a_verb_that_the_daemon_answers_loads_nothing_else(
    tmp_path: Path, words: list[str]
) -> None:
    done, asked = run_beside_daemon(tmp_path, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {"uplink": "drain"}.get(words[0], words[0]) in asked
    modules = loaded_modules(done)
    assert "lbrouter.cli.main" in modules  # the list is one of modules
    libraries = [HEAVY_LIBRARIES] if words[0] == "status" else [HEAVY_LIBRARIES, TABLE_LIBRARY]
    assert heavy_modules(modules, *libraries) == set()


def test_the_status_for_people_loads_the_tables_and_no_more(tmp_path: Path) -> None:
    done, _ = run_beside_daemon(tmp_path, "status")
    assert done.returncode == 0, done.stderr
    assert "fiber" in done.stdout
    assert heavy_modules(loaded_modules(done), HEAVY_LIBRARIES) == set()


def test_times_are_in_the_zone_that_the_daemon_names(tmp_path: Path) -> None:
    done, _ = run_beside_daemon(tmp_path, "events")
    assert "24 Nov 17:00:00" in done.stdout  # 10:00 UTC in Jakarta


def test_the_status_prints_the_document_of_the_daemon_and_nothing_of_its_own(
    tmp_path: Path,
) -> None:
    done, _ = run_beside_daemon(tmp_path, "status", "--json")
    assert json.loads(done.stdout) == ANSWERS["status"]


def test_the_daemon_s_process_holds_no_command_line_library(tmp_path: Path) -> None:
    """It ends at once, for its file is missing, and has loaded all that a daemon needs."""
    argv = [sys.executable, "-X", "importtime", "-m", "lbrouter.cli.daemon_process"]
    argv += [str(tmp_path / "none.toml"), str(tmp_path), str(tmp_path), "en", "text"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    modules = loaded_modules(done)
    assert "lbrouter.daemon.app" in modules
    assert heavy_modules(modules, re.compile("typer|rich|click")) == set()
