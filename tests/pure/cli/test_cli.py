"""The command without a kernel: help, usage, exit codes, JSON of what went wrong."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lbrouter import __version__
from lbrouter.cli.errors import run_with_error_report
from lbrouter.cli.main import main
from lbrouter.cli.output.plan_text import PlanFormatter
from lbrouter.cli.verbs import VERBS
from lbrouter.compile.state.diff import diff
from lbrouter.model.errors import (
    ConfigError,
    ExitCode,
    LbrouterError,
    NotAppliedError,
    NotPermittedError,
    UnavailableError,
    UsageError,
)
from lbrouter.model.kernel_state import KernelState
from lbrouter.model.messages.figures import format_rate
from tests.kit.builders import TWO_LINES, config_of, desired_of

CapturedOutput = pytest.CaptureFixture[str]

DAEMON_ONLY_COMMANDS = (
    ("uplink", "drain", "fiber"),
    ("uplink", "pin", "show", "fiber"),
    ("uplink", "restore", "fiber"),
    ("limit", "guests", "5mbit", "--for", "10m"),
    ("limit", "guests", "off", "--upload"),
)


def run_lbrouter(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The real command in a separate process, with its output in pipes."""
    return subprocess.run(
        [sys.executable, "-m", "lbrouter", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, **environment},
    )


def test_version() -> None:
    found = run_lbrouter("--version")
    assert (found.returncode, found.stdout) == (ExitCode.DONE, f"lbrouter {__version__}\n")


def test_help_lists_every_verb(capsys: CapturedOutput) -> None:
    assert main(["--help"]) == ExitCode.DONE
    text = capsys.readouterr().out
    assert all(f" {verb} " in text for verb in VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(verb: str, capsys: CapturedOutput) -> None:
    assert main([verb, "--help"]) == ExitCode.DONE
    assert f"lbrouter {verb}" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", DAEMON_ONLY_COMMANDS, ids=" ".join)
def test_what_only_a_daemon_can_do_says_so(
    arguments: tuple[str, ...], capsys: CapturedOutput, tmp_path: Path
) -> None:
    assert main(["--runtime-dir", str(tmp_path), *arguments]) == ExitCode.UNAVAILABLE
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "needs the daemon" in captured.err


@pytest.mark.parametrize("time", ["0s", "soon", "60", "25h", "10ms"])
def test_a_time_to_confirm_that_makes_no_sense_is_64(time: str, capsys: CapturedOutput) -> None:
    assert main(["apply", "--confirm-within", time]) == ExitCode.USAGE
    assert time in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["--nonsense"],
        ["check", "--nonsense"],
        ["explain", "10.0.0.1"],
        ["explain", "a", "b", "--port", "0"],
        ["uplink"],
        ["uplink", "pin", "show"],
        [],
    ],
    ids=" ".join,
)
def test_bad_usage_is_64(arguments: list[str], capsys: CapturedOutput) -> None:
    assert main(arguments) == ExitCode.USAGE
    captured = capsys.readouterr()
    assert captured.out == "" or not arguments


def test_a_misspelt_verb_gets_a_suggestion(capsys: CapturedOutput) -> None:
    assert main(["statsu"]) == ExitCode.USAGE
    assert "Did you mean 'status'" in capsys.readouterr().err


BROKEN_CONFIG = """
[gateway]
name = "x"
nmae = "y"
[uplinks.a]
interface = "e"
address = "nonsense"
"""


@pytest.fixture
def broken_file(tmp_path: Path) -> Path:
    file = tmp_path / "broken.toml"
    file.write_text(BROKEN_CONFIG, encoding="utf-8")
    return file


@pytest.mark.parametrize("verb", [["check"], ["plan"], ["apply"], ["explain", "a", "1.1.1.1"]])
def test_a_broken_file_is_78_with_all_its_errors(
    verb: list[str], broken_file: Path, capsys: CapturedOutput
) -> None:
    assert main(["--config", str(broken_file), *verb]) == ExitCode.CONFIG
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "gateway.nmae" in captured.err
    assert "uplinks.a.address" in captured.err


@pytest.mark.parametrize("arguments", [["--json", "check"], ["check", "--json"]])
def test_with_json_the_errors_are_a_document_wherever_the_option_stands(
    arguments: list[str], broken_file: Path, capsys: CapturedOutput
) -> None:
    assert main(["--config", str(broken_file), *arguments]) == ExitCode.CONFIG
    found = json.loads(capsys.readouterr().out)
    assert found["ok"] is False
    assert len(found["errors"]) == 2


def test_no_file_is_78_and_says_how_to_name_one(tmp_path: Path, capsys: CapturedOutput) -> None:
    assert main(["--config", str(tmp_path / "none.toml"), "check"]) == ExitCode.CONFIG
    assert "No such file" in capsys.readouterr().err


def test_a_huge_file_is_refused(tmp_path: Path, capsys: CapturedOutput) -> None:
    file = tmp_path / "huge.toml"
    file.write_bytes(b"#" * 50_000_000)
    assert main(["--config", str(file), "check"]) == ExitCode.CONFIG
    assert "larger than" in capsys.readouterr().err


def test_the_environment_names_the_file(broken_file: Path) -> None:
    found = run_lbrouter("check", LBROUTER_CONFIG=str(broken_file))
    assert found.returncode == ExitCode.CONFIG
    assert str(broken_file) in found.stderr


def test_check_touches_nothing_and_says_what_is_good(
    tmp_path: Path, capsys: CapturedOutput
) -> None:
    file = tmp_path / "good.toml"
    file.write_text(TWO_LINES, encoding="utf-8")
    places = ["--state-dir", str(tmp_path / "state"), "--runtime-dir", str(tmp_path / "run")]
    assert main(["--config", str(file), *places, "check"]) == ExitCode.DONE
    assert "good (2 uplinks, 3 VLANs, 3 policies, 4 rules)" in capsys.readouterr().out
    assert sorted(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    "error",
    [
        UsageError("a"),
        UnavailableError("b"),
        NotAppliedError("c"),
        NotPermittedError("d"),
        ConfigError("e"),
    ],
)
def test_each_class_of_error_has_its_exit_code(
    error: LbrouterError, capsys: CapturedOutput
) -> None:
    def work() -> int:
        raise error

    assert run_with_error_report(work, json=True) == error.code
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"ok": False, "errors": [error.message]}
    assert error.message in captured.err


def test_a_defect_is_70_says_so_and_hides_the_traceback(capsys: CapturedOutput) -> None:
    assert run_with_error_report(lambda: 1 // 0, json=False) == ExitCode.DEFECT
    text = capsys.readouterr().err
    assert "defect in lbrouter" in text
    assert "report" in text
    assert "Traceback" not in text


def test_debug_shows_the_traceback(monkeypatch: pytest.MonkeyPatch, capsys: CapturedOutput) -> None:
    monkeypatch.setenv("LBROUTER_DEBUG", "1")
    assert run_with_error_report(lambda: 1 // 0, json=False) == ExitCode.DEFECT
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_a_permission_that_the_system_refuses_is_77(capsys: CapturedOutput) -> None:
    def work() -> int:
        raise PermissionError(1, "Operation not permitted")

    assert run_with_error_report(work, json=False) == ExitCode.NOT_PERMITTED
    assert "root" in capsys.readouterr().err


def test_ctrl_c_ends_quietly(capsys: CapturedOutput) -> None:
    def work() -> int:
        raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)
    try:
        assert run_with_error_report(work, json=False) == 130
        signal.raise_signal(signal.SIGINT)  # the second one
    finally:
        signal.signal(signal.SIGINT, before)
    assert capsys.readouterr().err == "lbrouter: interrupted\n"


def test_no_colour_in_a_pipe() -> None:
    assert "\x1b[" not in run_lbrouter("--help").stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_for_each_shell(shell: str) -> None:
    found = run_lbrouter(_LBROUTER_COMPLETE=f"source_{shell}")
    assert found.returncode == ExitCode.DONE
    assert "_LBROUTER_COMPLETE" in found.stdout


def test_a_plan_reads_in_columns_one_for_each_phase() -> None:
    plan = diff(KernelState(), desired_of(config_of(TWO_LINES)))
    column = PlanFormatter(plan.operations, prompt="[#] ")
    lines = [column.format_operation(operation) for operation in plan.operations]
    links = [line for line in lines if line.startswith("[#] ip link set")]
    assert len(links) > 3
    assert len({line.index("  # ") for line in links if " # " in line}) == 1
    assert all("  # " in line.splitlines()[0] for line in lines)


@pytest.mark.parametrize(
    "measured, text",
    [
        (0, "0 bit/s"),
        (999, "999 bit/s"),
        (6_100_000, "6.1 Mbit/s"),
        (12_000, "12.0 kbit/s"),
        (2_500_000_000, "2.5 Gbit/s"),
    ],
)
def test_measured_rates_are_short(measured: int, text: str) -> None:
    assert format_rate(measured) == text
