"""Alerts to a program that fails, hangs, is missing, or leaves child processes."""

from contextlib import suppress
from pathlib import Path

import pytest

from tests.contract.alerts.alert_harness import run_async, running_dispatcher
from tests.kit.wait import becomes_true


@pytest.mark.parametrize(
    "script, reason",
    [
        ("exit 3", "it ended with 3"),
        ("sleep 60 & sleep 60", "not done within 0.5 s: killed"),
        (None, "No such file or directory"),
        ("not a script", "it ended with 127"),
    ],
    ids=["fails", "hangs", "missing", "nonsense"],
)
def test_a_failing_program_is_reported(tmp_path: Path, script: str | None, reason: str) -> None:
    program = tmp_path / "program"
    if script is not None:
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    async def work() -> None:
        async with running_dispatcher(tmp_path, f'command = ["{program}", "a b"]') as harness:
            harness.emit_uplink_down()
            await becomes_true(lambda: any(reason in text for text in harness.alert_log()))

    run_async(work())
    assert not processes_with_argv("sleep", "60")


def processes_with_argv(*words: str) -> list[Path]:
    """Processes with exactly this command line."""
    wanted = "\0".join([*words, ""])
    found = []
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if each.read_text(errors="replace") == wanted:
                found.append(each)
    return found


def test_a_program_that_does_not_listen_and_leaves_a_child_is_done_at_once(tmp_path: Path) -> None:
    program, output_path = tmp_path / "program", tmp_path / "told"
    program.write_text(
        f"#!/bin/sh\nsleep 61 &\nenv > {output_path}.new; mv {output_path}.new {output_path}\n"
    )
    program.chmod(0o755)

    async def work() -> None:
        async with running_dispatcher(tmp_path, f'command = ["{program}"]') as harness:
            harness.emit_uplink_down("fiber is down; rm -rf $(reboot)")
            await becomes_true(output_path.exists)
            await becomes_true(
                lambda: not harness.dispatcher._outboxes["command"].not_empty.is_set()
            )
            assert harness.alert_log() == []

    run_async(work())
    words = dict(line.split("=", 1) for line in output_path.read_text().splitlines() if "=" in line)
    assert words["LBROUTER_KINDS"] == "down"
    assert words["LBROUTER_INCIDENTS"] == "1"
    assert words.keys() <= {
        *("PATH", "LANG", "TZ", "PWD", "SHLVL", "_", "OLDPWD"),
        *("LBROUTER_ALERT", "LBROUTER_GATEWAY", "LBROUTER_KINDS"),
        *("LBROUTER_INCIDENTS", "LBROUTER_TEXT"),
    }
    assert not processes_with_argv("sleep", "61")
