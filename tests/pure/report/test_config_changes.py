"""What differs between two files: in words and in lines."""

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbrouter.compile.report.config_changes import config_changes, toml_lines, toml_value

BEFORE = """
[gateway]
name = "hall"
[uplinks.fiber]
upload = "50mbit"
metered = false
[vlans.guests]
id = 40
download = { guaranteed = "5mbit" }
[[rules]]
from = "guests"
ports = [80, "90-99"]
"""
AFTER = """
[gateway]
name = "hall"
dns = ["1.1.1.1"]
[uplinks.fiber]
upload = "20mbit"
[uplinks.lte]
upload = "5mbit"
[[rules]]
from = "guests"
ports = [80]
"""


def said(before: str, after: str) -> list[str]:
    found = config_changes(tomllib.loads(before), tomllib.loads(after))
    return [change.as_json()["said"] for change in found]


def test_each_difference_is_a_sentence() -> None:
    assert said(BEFORE, AFTER) == [
        'section gateway: dns is ["1.1.1.1"], it was not set',
        'uplink fiber: upload is "20mbit", it was "50mbit"',
        "uplink fiber: metered is not set any more, it was false",
        "uplink lte is new",
        'rule 1: ports is [80], it was [80, "90-99"]',
        "VLAN guests is gone",
    ]
    assert said(AFTER, AFTER) == []
    assert said("", "[[rules]]\nto = []") == ["rule 1 is new"]


def test_a_file_that_is_no_file_of_ours_is_compared_all_the_same() -> None:
    assert said("rules = 7", "rules = 8") == []


@pytest.mark.parametrize(
    "value, text",
    [({}, "{}"), ({"a": [1, True]}, "{ a = [1, true] }"), ("é", '"é"'), (1.5, "1.5")],
)
def test_values_stand_as_in_the_file(value: Any, text: str) -> None:
    assert toml_value(value) == text


def test_lines_of_toml() -> None:
    found = toml_lines(BEFORE, AFTER)
    assert '-upload = "50mbit"' in found
    assert '+dns = ["1.1.1.1"]' in found
    assert toml_lines(BEFORE, BEFORE) == ""


NAMES = st.sampled_from(["fiber", "lte", "dsl"])
KEYS = st.dictionaries(st.sampled_from(["upload", "mtu", "metered"]), st.integers(0, 3))
FILES = st.fixed_dictionaries({"uplinks": st.dictionaries(NAMES, KEYS)})


@given(FILES, FILES)
def test_what_is_told_leads_from_one_file_to_the_other(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    made = {name: dict(part) for name, part in before["uplinks"].items()}
    for change in config_changes(before, after):
        if not change.key and change.after is None:
            del made[change.name]
        elif not change.key:
            made[change.name] = change.after
        elif change.after is None:
            del made[change.name][change.key]
        else:
            made[change.name][change.key] = change.after
    assert made == after["uplinks"]
