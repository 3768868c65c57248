"""Rates, times and percentages: exact, and what they write reads back."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lbrouter.model.units import Duration, Percent, Rate

UNITS = {"bit": 1, "kbit": 10**3, "mbit": 10**6, "gbit": 10**9}


@pytest.mark.parametrize(
    "text, bits",
    [
        ("800kbit", 800_000),
        ("12.5mbit", 12_500_000),
        ("1gbit", 10**9),
        ("0.1gbit", 10**8),
        ("8bit", 8),
        ("0kbit", 0),
        ("4.7mbit", 4_700_000),
        ("0.000000001gbit", 1),
        ("010mbit", 10_000_000),
    ],
)
def test_a_rate_is_read_exactly(text: str, bits: int) -> None:
    assert Rate.parse(text) == bits


@pytest.mark.parametrize(
    "bits, text",
    [
        (800_000, "800kbit"),
        (12_500_000, "12.5mbit"),
        (10**9, "1gbit"),
        (1, "1bit"),
        (0, "0bit"),
        (1_250_000_000, "1250mbit"),
        (500_000_000, "500mbit"),
        (8_001, "8001bit"),
        (10_000_001, "10000001bit"),
        (10**11, "100gbit"),
    ],
)
def test_a_rate_is_written_in_its_shortest_form(bits: int, text: str) -> None:
    assert str(Rate(bits)) == f"{Rate(bits)}" == text


@pytest.mark.parametrize(
    "milliseconds, text",
    [(0, "0s"), (200, "200ms"), (1500, "1500ms"), (10_000, "10s"), (300_000, "5m"),
     (90_000, "90s"), (43_200_000, "12h"), (5_400_000, "90m")],
)  # fmt: skip
def test_a_time_is_written_in_its_largest_whole_unit(milliseconds: int, text: str) -> None:
    assert str(Duration(milliseconds)) == text
    assert Duration.parse(text) == milliseconds


@pytest.mark.parametrize(
    "text, milliseconds", [("0.5s", 500), ("1.5h", 5_400_000), ("0ms", 0), ("0.25m", 15_000)]
)
def test_a_time_may_have_decimals(text: str, milliseconds: int) -> None:
    assert Duration.parse(text) == milliseconds


@pytest.mark.parametrize(
    "text, hundredths", [("2%", 200), ("0.25%", 25), ("100%", 10_000), ("0%", 0), ("33.3%", 3330)]
)
def test_a_percentage_is_read_and_written(text: str, hundredths: int) -> None:
    assert Percent.parse(text) == hundredths
    assert str(Percent(hundredths)) == text


@pytest.mark.parametrize(
    "text, why",
    [
        ("", "is not a rate"),
        ("mbit", "is not a rate"),
        ("5", "has no unit"),
        ("5.mbit", "is not a rate"),
        (".5mbit", "is not a rate"),
        ("5,5mbit", 'has a comma: write "5.5mbit"'),
        ("1e3mbit", "is not a rate"),
        ("-1mbit", "is not a rate"),
        ("٥mbit", "is not a rate"),
        ("5mbit\n", 'has a line break in it: write "5mbit"'),
        ("9" * 13 + "bit", "is not a rate"),
        ("5 mbit", "has a space in it"),
        ("5Mbit", 'has the unit "Mbit" that is not known: write "5mbit"'),
        ("5mbps", 'has the unit "mbps" that is not known: write "5mbit"'),
        ("10 mbps", 'has a space in it: write "10mbit"'),
        ("10\tmbit", 'has a tab in it: write "10mbit"'),
        ("1,000mbit", 'has a comma: write "1.000mbit" or "1000mbit", as it is meant'),
        ("1,5", 'has a comma: write "1.5mbit", say'),
        ("5 mbit each", "has a space in it"),
        (
            "10MB",
            (
                'has the unit "MB", which counts bytes: for a line of 10 Mbit/s write "10mbit"; 10'
                ' Mbyte/s are "80mbit"'
            ),
        ),
        ("1.5kB/s", '"12kbit"'),
        ("5ms", 'has the unit "ms" that is not known'),
        ("0.5bit", "is finer than a rate can be in this file (bit at best)"),
    ],
)
def test_what_is_no_rate_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(ValueError) as refusal:  # noqa: PT011
        Rate.parse(text)
    assert why in str(refusal.value)


@pytest.mark.parametrize(
    "text, why",
    [("5", "has no unit"), ("5min", 'write "5m"'), ("0.5ms", "finer"), ("x", "not a time")],
)
def test_what_is_no_time_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Duration.parse(text)


@pytest.mark.parametrize("text", ["100.01%", "2", "0.001%", "-1%", "many"])
def test_what_is_no_percentage_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        Percent.parse(text)


@settings(deadline=None)
@given(st.integers(0, 10**15))
def test_every_rate_reads_back_what_it_writes(bits: int) -> None:
    if bits < 10**12:
        assert Rate.parse(str(Rate(bits))) == bits


@settings(deadline=None)
@given(st.integers(0, 10**11))
def test_no_exact_form_of_a_rate_is_shorter(bits: int) -> None:
    written = str(Rate(bits))
    for unit, scale in UNITS.items():
        if bits % scale == 0:
            assert len(written) <= len(f"{bits // scale}{unit}")


@settings(deadline=None)
@given(st.integers(0, 10**11))
def test_every_time_reads_back_what_it_writes(milliseconds: int) -> None:
    assert Duration.parse(str(Duration(milliseconds))) == milliseconds


@settings(deadline=None)
@given(st.integers(0, 10_000))
def test_every_percentage_reads_back_what_it_writes(hundredths: int) -> None:
    assert Percent.parse(str(Percent(hundredths))) == hundredths


@settings(deadline=None)
@given(st.decimals(0, 99_999, places=3), st.sampled_from(sorted(UNITS)))
def test_a_rate_is_never_rounded(number: object, unit: str) -> None:
    from decimal import Decimal

    exact = Decimal(str(number)) * UNITS[unit]
    if exact == exact.to_integral_value():
        assert Rate.parse(f"{number}{unit}") == int(exact)
    else:
        with pytest.raises(ValueError, match="finer"):
            Rate.parse(f"{number}{unit}")


@settings(deadline=None)
@given(st.text(max_size=12))
def test_any_text_is_read_or_refused(text: str) -> None:
    for kind in (Rate, Duration, Percent):
        with suppress(ValueError):
            value = kind.parse(text)
            assert kind.parse(str(value)) == value


def test_units_show_themselves_and_count() -> None:
    assert repr(Rate(12_500_000)) == "Rate('12.5mbit')"
    assert repr(Duration(200)) == "Duration('200ms')"
    assert repr(Percent(250)) == "Percent('2.5%')"
    assert Duration(1500).seconds == 1.5
    assert Percent(250).percent == 2.5
