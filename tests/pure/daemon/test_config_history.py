"""The list of configurations: who, when, what became of each; fifty of them, for root alone."""

from pathlib import Path

import pytest

from lbrouter.daemon.config_file import digest
from lbrouter.daemon.confirm.config_history import (
    CONFIGS_KEPT,
    ConfigHistory,
    ConfigOutcome,
)
from lbrouter.daemon.control.config_queries import ConfigQueries
from lbrouter.model.errors import UnavailableError, UsageError
from lbrouter.model.messages.operator import ITSELF, Operator, parse_operator

BUDI = Operator(name="budi", address="10.10.99.7")
ONE, TWO, THREE = (f'[gateway]\nname = "n{n}"\n'.encode() for n in (1, 2, 3))


@pytest.fixture
def history(tmp_path: Path) -> ConfigHistory:
    return ConfigHistory(tmp_path, pytest.fail)


def outcomes(history: ConfigHistory) -> list[str]:
    return [str(record.outcome) for record in history.records()]


def test_what_became_of_each_is_kept(history: ConfigHistory) -> None:
    history.close_trial(ConfigOutcome.KEPT)
    history.add(ONE, "a.toml", ITSELF, ConfigOutcome.APPLIED)
    history.add(ONE, "a.toml", BUDI, ConfigOutcome.APPLIED)
    history.add(TWO, "b.toml", BUDI, ConfigOutcome.TRIAL)
    history.add(THREE, "c.toml", BUDI, ConfigOutcome.TRIAL)
    assert outcomes(history) == ["applied", "undone", "trial"]
    history.close_trial(ConfigOutcome.UNDONE, "as asked")
    history.add(TWO, "b.toml", BUDI, ConfigOutcome.REFUSED, "the kernel says no")
    assert outcomes(history) == ["applied", "undone", "undone", "refused"]
    assert history.records()[2].reason == "as asked"
    assert history.records()[3].by == BUDI
    assert history.text(digest(TWO)) == TWO


def test_fifty_are_kept_and_texts_that_none_names_go(
    history: ConfigHistory, tmp_path: Path
) -> None:
    for number in range(CONFIGS_KEPT + 5):
        history.add(f"# {number}".encode(), "f", BUDI, ConfigOutcome.APPLIED)
    assert len(history.records()) == CONFIGS_KEPT
    files = list((tmp_path / "configs").iterdir())
    assert len(files) == CONFIGS_KEPT
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert history.text(digest(b"# 0")) is None


def test_a_damaged_text_is_not_there(history: ConfigHistory, tmp_path: Path) -> None:
    history.add(ONE, "f", BUDI, ConfigOutcome.APPLIED)
    [file] = (tmp_path / "configs").iterdir()
    file.write_bytes(TWO)
    assert history.text(digest(ONE)) is None
    with pytest.raises(UnavailableError):
        ConfigQueries(history).answer({"action": "show"})


def test_a_disk_that_takes_nothing_is_told(tmp_path: Path) -> None:
    (tmp_path / "configs").write_text("in the way")
    told: list[str] = []
    ConfigHistory(tmp_path, told.append).add(ONE, "f", BUDI, ConfigOutcome.APPLIED)
    assert len(told) == 1


def test_list_show_and_diff(history: ConfigHistory) -> None:
    queries = ConfigQueries(history)
    with pytest.raises(UsageError, match="No configuration was applied"):
        queries.current()
    history.add(ONE, "a.toml", BUDI, ConfigOutcome.APPLIED)
    with pytest.raises(UsageError, match="no earlier"):
        queries.earlier()
    history.add(TWO, "b.toml", BUDI, ConfigOutcome.APPLIED)
    listed = queries.answer({"action": "list"})["configs"]
    assert [(each["digest"], each["current"]) for each in listed] == [
        (digest(TWO), True),
        (digest(ONE), False),
    ]
    assert queries.answer({"action": "show"})["config"].encode() == TWO
    short = digest(ONE).removeprefix("sha256:")[:8]
    assert queries.answer({"action": "show", "digest": short})["digest"] == digest(ONE)
    found = queries.answer({"action": "diff"})
    assert [change["said"] for change in found["changes"]] == [
        'section gateway: name is "n2", it was "n1"'
    ]
    assert '+name = "n2"' in found["toml"]
    again = queries.answer({"action": "diff", "from": digest(TWO), "to": short})
    assert again["changes"][0]["after"] == "n1"
    assert queries.earlier().digest == digest(ONE)


@pytest.mark.parametrize("name", ["abc", "ffff0000", "sha256:"])
def test_a_name_that_names_no_single_file_is_refused(history: ConfigHistory, name: str) -> None:
    history.add(ONE, "f", BUDI, ConfigOutcome.APPLIED)
    with pytest.raises(UsageError, match="configuration"):
        ConfigQueries(history).named(name)
    with pytest.raises(UsageError, match="no action"):
        ConfigQueries(history).answer({"action": "eat"})


@pytest.mark.parametrize(
    "found, expected",
    [
        (None, BUDI),
        ("x", BUDI),
        ({"name": 7, "address": []}, BUDI),
        ({"name": "si\x1bti", "address": "10.0.0.9"}, Operator(name="siti", address="10.0.0.9")),
        ({"name": "x" * 500}, Operator(name="x" * 64, address="10.10.99.7")),
    ],
)  # fmt: skip
def test_who_gave_an_order_is_text_and_short(found: object, expected: Operator) -> None:
    assert parse_operator(found, BUDI) == expected
    assert str(BUDI) == "budi (10.10.99.7)"
    assert str(ITSELF) == "lbrouter"
