"""libnftables accepts the nft structure of every example file, in a separate namespace."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from lbrouter.compile.config.parse import parse
from lbrouter.compile.firewall.ruleset import structure
from lbrouter.compile.state.allocate import allocate
from lbrouter.model.facts import Allocation

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.toml"))


def structure_of(path: Path) -> str:
    config = parse(path.read_bytes(), source=path.name).config
    return structure(config, allocate(config, Allocation()))


def test_there_are_examples() -> None:
    assert EXAMPLES


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: nft asks the kernel")
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_nft_accepts(path: Path) -> None:
    result = subprocess.run(
        ["unshare", "--net", "nft", "--check", "--file", "-"],
        input=structure_of(path), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr


def test_every_fragment_is_met_by_an_example() -> None:
    """A fragment that no example uses has never been loaded by nft in a test."""
    text = "\n".join(structure_of(path) for path in EXAMPLES)
    fragments = sorted((ROOT / "rulesets/fragments").glob("*.nft"))
    assert fragments
    unseen = [path.name for path in fragments if _longest_literal(path) not in text]
    assert not unseen


def _longest_literal(fragment: Path) -> str:
    """The longest piece of a fragment's table without a placeholder."""
    body = fragment.read_text(encoding="utf-8").split("lbrouter {\n", 1)[1].rpartition("}")[0]
    return max(re.split(r"\$\{\w+\}", body.replace("$$", "$")), key=len)
