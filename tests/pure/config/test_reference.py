"""The schema and the reference page say what the parser does."""

import json
import tomllib
import warnings
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from lbrouter.compile.config.expected import accepted_at, annotation_at, fields_of, keys_at
from lbrouter.compile.config.reference import json_schema, reference_markdown
from lbrouter.model.config import Config
from tests.kit.sample_config import EXAMPLE_FILES, VALID_CONFIG, with_changes

VALIDATOR = Draft202012Validator(json_schema())


def schema_tables(node: Any) -> list[dict[str, Any]]:
    """Each table of a schema."""
    if isinstance(node, list):
        return [inner for each in node for inner in schema_tables(each)]
    if not isinstance(node, dict):
        return []
    return [node] + [inner for each in node.values() for inner in schema_tables(each)]


def test_the_schema_is_a_schema_and_plain_json() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = json_schema()
    Draft202012Validator.check_schema(found)
    assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize("text", [path.read_text() for path in EXAMPLE_FILES] + [VALID_CONFIG])
def test_good_files_fit_the_schema(text: str) -> None:
    VALIDATOR.validate(tomllib.loads(text))


@pytest.mark.parametrize(
    "change",
    [
        ('name = "hall"', 'nane = "hall"'),
        ('"50mbit"', '"50mb"'),
        ('"50mbit"', "50"),
        ("[uplinks.dsl]", "[uplinks.Dsl]"),
        ("id = 10\n", "id = 4095\n"),
        ('"wan1"', '"wan*"'),
        ('"balance"', '"balanced"'),
        ("[1935]", "[0]"),
        ("[lan]", "[lann]"),
        ('from = "guests"', "from = 5"),
        ('loss = "2%"', 'loss = "2"'),
    ],
)
def test_bad_files_do_not_fit_the_schema(change: tuple[str, str]) -> None:
    assert not VALIDATOR.is_valid(tomllib.loads(with_changes(change)))


def test_each_key_of_the_schema_is_described() -> None:
    keys = [
        (key, each)
        for node in schema_tables(json_schema())
        for key, each in node.get("properties", {}).items()
        if isinstance(node["properties"], dict) and isinstance(each, dict)
    ]
    assert len(keys) > 50
    assert [key for key, each in keys if "description" not in each] == []


def test_no_default_of_the_schema_is_null() -> None:
    assert [node for node in schema_tables(json_schema()) if node.get("default", 0) is None] == []


def test_the_page_names_each_section_and_each_key() -> None:
    text = reference_markdown()
    for header in ("[gateway]", "[uplinks.NAME.health]", "[vlans.NAME.dhcp]", "[[forwards]]"):
        assert f"## `{header}`\n" in text
    for name, each in model_keys():
        assert f"| `{name}` | " in text, each


def model_keys() -> list[tuple[str, object]]:
    sections = ("gateway", "health", "lan")
    return [(key, name) for name in sections for key in keys_at((name,))] + [
        (key, "uplinks") for key in keys_at(("uplinks", "x"))
    ]


def test_the_page_shows_defaults_as_the_file_writes_them() -> None:
    rows = {
        row.split(" | ")[0]: row.split(" | ")
        for row in reference_markdown().split("\n")
        if row.startswith("| `")
    }
    cells = {
        key: rows[f"| `{key}`"][2] for key in ("metered", "priority", "sticky", "trunk", "reach")
    }
    assert cells == {
        "metered": "`false`",
        "priority": "`4`",
        "sticky": '`"10m"`',
        "trunk": "required",
        "reach": "",
    }


@pytest.mark.parametrize(
    "path", [("nowhere",), ("gateway", "name", "x"), ("rules", "x"), ("lan", 1)]
)
def test_a_place_that_the_model_lacks_accepts_nothing(path: tuple[str | int, ...]) -> None:
    assert annotation_at(path) is None
    assert accepted_at(path) == ""
    assert keys_at(path) == []


def test_every_place_of_the_model_says_what_it_accepts() -> None:
    assert all(accepted_at((key,)) for key in fields_of(Config))
    assert accepted_at(("vlans", "x", "reach")).startswith("a list, each a name")
    assert accepted_at(("rules", 0, "from")).endswith("; or a list of these")


def test_the_examples_are_where_the_tests_look() -> None:
    assert all(isinstance(path, Path) for path in EXAMPLE_FILES)
    assert len(EXAMPLE_FILES) >= 4
