"""Files that are no configuration: refused at once, with one clear sentence."""

from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lbrouter.compile.config.line_numbers import LineNumbers
from lbrouter.compile.config.size_limit import MAX_CONFIG_BYTES
from tests.kit.sample_config import VALID_CONFIG, errors_of, with_changes

VLANS = "".join(
    f'[vlans.v{n}]\nid = {n % 4095}\naddress = "10.0.0.1/24"\npolicy = "show"\n'
    for n in range(10_000)
)
FOUR_THOUSAND = "".join(
    f'[vlans.w{n}]\nid = {n}\naddress = "10.{100 + n // 256}.{n % 256}.1/24"\npolicy = "p"\n'
    for n in range(100, 3_900)
)
RULES = "".join(
    f'[[rules]]\nprotocol = "tcp"\nports = [{n}]\npolicy = "show"\n' for n in range(1, 999)
)


FORWARDS = "".join(
    f'[[forwards]]\nuplink = "fiber"\nprotocol = "udp"\nport = {n}\nto = "10.110.1.{n % 250}:1"\n'
    for n in range(1, 900)
)


@pytest.mark.parametrize(
    "raw, why",
    [
        (VALID_CONFIG.encode() + b"\0", "hall.toml:81: the file holds a NUL byte"),
        (b"[gateway]\nname = '\xff'", "hall.toml:2: the file is not UTF-8"),
        (b"x" * 50_000_000, "the file has 50000000 bytes"),
        (b"# \n" * 400_000, f"a configuration has {MAX_CONFIG_BYTES} at most"),
        ((VALID_CONFIG + VLANS).encode(), "has 10003 VLANs, the gateway takes 4000"),
        (b"a = " + b"[" * 100_000, "the file is"),
        (b"a = " + b"[" * 100 + b"]" * 100, "is nested too deeply"),
        (b"a = " + b"{a = " * 50 + b"1" + b"}" * 50, "the file is"),
        (b"a" + b".a" * 400_000 + b" = 1", "has a key of too many parts"),
        (b'"=".a' + b".a" * 400_000 + b" = 1", "has a key of too many parts"),
        (b"a = " + b"9" * 10_000, "holds a number of thousands of digits"),
        (b"name = hall", "hall.toml:1: the file is not TOML: it has a value without quotes"),
        (b"[gateway", "is not TOML: it has a section's name without its ]"),
        (b"a = 1\na = 2", "hall.toml:2: the file is not TOML: it has the key"),
        (b'a = "x', "is not TOML"),
        (b"", "gateway: is missing"),
    ],
    ids=range(16),
)
def test_what_is_no_configuration_is_refused_in_no_time(raw: bytes, why: str) -> None:
    begin = process_time()
    errors = errors_of(raw)
    assert process_time() - begin < 4  # 0.3 at most, without coverage on an idle machine
    assert why in errors[0]


@pytest.mark.parametrize(
    "text",
    [
        VALID_CONFIG + FOUR_THOUSAND,
        VALID_CONFIG + FOUR_THOUSAND + FORWARDS,
        VALID_CONFIG + RULES,
        with_changes(("[lan]", "\n".join(f"k{n} = 1" for n in range(30_000)) + "\n[lan]")),
        with_changes(("[1935]", f"[{', '.join(['1'] * 1000)}]")),
    ],
    ids=["vlans", "forwards", "rules", "keys", "ports"],
)
def test_big_files_are_checked_in_seconds(text: str) -> None:
    begin = process_time()
    errors = errors_of(text)
    assert process_time() - begin < 10
    assert len(errors) <= 1001


def test_so_many_errors_are_counted_and_not_listed() -> None:
    errors = errors_of(
        with_changes(("[lan]", "\n".join(f"k{n} = 1" for n in range(2_000)) + "\n[lan]"))
    )
    assert len(errors) == 501
    assert errors[-1] == "hall.toml: and 1500 more errors"


def test_a_long_value_is_cut_and_a_hostile_one_stays_on_its_line() -> None:
    [error] = errors_of(with_changes(('"50mbit"', '"' + "x" * 5000 + '"')))
    assert len(error) < 300
    [error] = errors_of(with_changes(('"50mbit"', r'"a\nb\u001b[31m"')))
    assert r'"a\nb\u001b[31m"' in error


def test_a_value_of_another_kind_is_shown_too() -> None:
    [error] = errors_of(with_changes(('"50mbit"', "1979-05-27")))
    assert 'upload = "1979-05-27": is not a string' in error


@pytest.mark.parametrize("change", [("[uplinks.", "[uplink."), ("[gateway]", "gateway = 5\n[x]")])
def test_sections_that_are_missing_altogether_are_named(change: tuple[str, str]) -> None:
    errors = errors_of(VALID_CONFIG.replace(*change))
    assert any("is missing" in error or "is not a table" in error for error in errors)


@settings(deadline=None)
@given(st.text(max_size=200))
def test_any_text_gives_errors_and_no_accident(text: str) -> None:
    assert errors_of(text.encode("utf-8", "surrogatepass"))


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_give_errors_and_no_accident(raw: bytes) -> None:
    assert errors_of(raw)


@settings(deadline=None)
@given(st.integers(0, len(VALID_CONFIG) - 1), st.sampled_from('\0"[]{}=.#\n5x'))
def test_a_good_file_with_one_character_changed_gives_no_accident(place: int, char: str) -> None:
    errors = errors_of(VALID_CONFIG[:place] + char + VALID_CONFIG[place + 1 :])
    assert all(error.startswith("hall.toml") for error in errors)


WORDS = st.sampled_from(
    ["", "x", "any", "dhcp", "10.10.10.1/24", "fiber", "5m", "50mbit", "::1/64"]
)
VALUES = st.recursive(
    st.one_of(st.booleans(), st.integers(), st.floats(), WORDS),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)


@settings(deadline=None)
@given(st.integers(0, VALID_CONFIG.count(" = ") - 1), VALUES)
def test_a_good_file_with_one_value_changed_gives_no_accident(place: int, value: object) -> None:
    lines = VALID_CONFIG.split("\n")
    index = [n for n, line in enumerate(lines) if " = " in line][min(place, 50)]
    text = str(value).lower() if isinstance(value, bool) else str(value).replace("'", '"')
    lines[index] = f"{lines[index].partition(' = ')[0]} = {text}"
    assert all(error.startswith("hall.toml") for error in errors_of("\n".join(lines)))


def test_lines_are_found_by_header_key_and_element() -> None:
    lines = LineNumbers('[a]\nb = 1\n[[c]]\nd = 2\n[[c]]\n"d" = 3\n[a.b.c]\n x.y = 4\n')
    places = [("a",), ("a", "b"), ("c", 0, "d"), ("c", 1, "d"), ("a", "b", "c", "x", "y"), ("z",)]
    assert [lines.line_of(place) for place in places] == [1, 2, 4, 6, 8, 0]
    assert lines.line_of(("c", 1, "e", 5)) == 5
    assert lines.line_of(()) == 0
