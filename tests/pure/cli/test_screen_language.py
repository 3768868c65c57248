"""`--lang` anywhere on the command line, else the environment; errors of the line itself too."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lbrouter.cli.main import main
from lbrouter.cli.screen_language import (
    choose_screen_language,
    lang_option_first,
    on_screen,
    screen_language,
)
from lbrouter.cli.verbs import VERBS
from lbrouter.model.errors import ExitCode
from lbrouter.model.language import Language


@pytest.mark.parametrize(
    "words, moved",
    [
        (["status"], ["status"]),
        (["status", "--lang", "id"], ["--lang", "id", "status"]),
        (["--lang=id", "check", "--json"], ["--lang=id", "check", "--json"]),
        (["explain", "a", "--lang=id", "b"], ["--lang=id", "explain", "a", "b"]),
        (["x", "--", "--lang", "id"], ["x", "--", "--lang", "id"]),
        (["check", "--lang"], ["--lang", "check"]),
        (["--lang", "en", "x", "--lang", "id"], ["--lang", "en", "--lang", "id", "x"]),
    ],
)
def test_the_option_stands_anywhere(words: list[str], moved: list[str]) -> None:
    assert lang_option_first(words) == moved


@pytest.mark.parametrize("arguments", [["--lang", "id", "confirm"], ["confirm", "--lang=id"]])
def test_an_error_is_told_in_the_language_that_is_asked_for(
    arguments: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    directories = ["--runtime-dir", str(tmp_path / "run"), "--state-dir", str(tmp_path / "lib")]
    assert main([*directories, *arguments]) == ExitCode.TRY_AGAIN
    assert "Tidak ada yang menunggu konfirmasi." in capsys.readouterr().err
    choose_screen_language("")


def test_a_language_that_is_not_there_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--lang", "xx", "check"]) == ExitCode.USAGE
    assert "--lang" in capsys.readouterr().err


def test_the_option_counts_more_than_the_environment() -> None:
    argv = [sys.executable, "-m", "lbrouter", "limit", "x", "5"]
    environment = {**os.environ, "LC_ALL": "id_ID.UTF-8"}
    for words, said in (([], "tidak punya satuan"), (["--lang", "en"], "has no unit")):
        done = subprocess.run(
            [*argv, *words], capture_output=True, text=True, check=False, env=environment
        )
        assert done.returncode == ExitCode.USAGE
        assert said in done.stderr


def test_a_constant_is_told_in_the_language_that_was_chosen() -> None:
    choose_screen_language("id")
    assert screen_language() is Language.ID
    assert on_screen("Run it as root.") == "Jalankan sebagai root."
    choose_screen_language("en")
    assert on_screen("Run it as root.") == "Run it as root."
    choose_screen_language("")


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_takes_the_option(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "--help", "--lang", "id"]) == ExitCode.DONE
    assert main([verb, "--no-such-option", "--lang=id"]) == ExitCode.USAGE
    assert "Coba `lbrouter --help`." in capsys.readouterr().err
    choose_screen_language("")
