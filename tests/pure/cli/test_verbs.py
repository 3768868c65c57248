"""A module for each verb, and nothing loaded that a command does not need."""

import subprocess
import sys
from pathlib import Path

import pytest

from lbrouter.cli import commands, event_day
from lbrouter.cli.verbs import SHARED_MODULES, VERBS, VerbModules, module_of

SLOW_LIBRARIES = {"pyroute2", "nftables", "pydantic", "scapy"}


def loaded_by(script: str) -> set[str]:
    """The modules that a script in a process of its own has loaded when it ends."""
    found = subprocess.run(
        [sys.executable, "-c", f"import sys; {script}; print(); print(*sys.modules)"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return set(found.stdout.splitlines()[-1].split())


def verbs_loaded_by(*words: str) -> set[str]:
    """The verbs whose modules come with a command line."""
    found = loaded_by(f"from lbrouter.cli.main import main; main({list(words)})")
    return {each for each in VERBS.keys() - SHARED_MODULES if module_of(each) in found}


def test_each_verb_has_its_module_and_each_module_its_verb() -> None:
    rooms = (Path(room.__path__[0]) for room in (commands, event_day))
    modules = {path.stem for room in rooms for path in room.glob("*.py")}
    assert modules - {"__init__", "watch"} == {SHARED_MODULES.get(verb, verb) for verb in VERBS}


def test_a_command_is_named_as_its_verb() -> None:
    found = VerbModules()
    assert [command.name for command in found.values()] == list(found) == list(VERBS)
    assert len(found) == len(set(VERBS))
    assert found.get("statsu") is None


def test_the_line_of_the_help_is_the_verb_s_own() -> None:
    for verb, command in VerbModules().items():
        assert " ".join(command.help.split("\n\n")[0].split()) == VERBS[verb]


def test_start_up_loads_neither_netlink_nor_the_model() -> None:
    assert loaded_by("import lbrouter.cli.main") & SLOW_LIBRARIES == set()


def test_the_closed_firewall_of_the_boot_does_not_wait_for_netlink() -> None:
    found = loaded_by("from lbrouter.cli.main import main; main(['guard', '--help'])")
    assert found & SLOW_LIBRARIES == {"pydantic"}


@pytest.mark.parametrize(
    "words, verbs",
    [
        (["--version"], set()),
        (["statsu"], set()),
        (["status", "--help"], {"status"}),
        (["uplink", "drain", "--help"], {"uplink"}),
        (["limit", "run", "off", "--nonsense"], {"limit"}),
        (["--help"], set()),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_command_loads_the_verb_that_it_names(words: list[str], verbs: set[str]) -> None:
    assert verbs_loaded_by(*words) == verbs
