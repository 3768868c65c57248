"""Alerts: which events give one, what it contains, and what the file may set."""

from typing import Any

import pytest

from lbrouter.compile.report.alert_message import (
    MAX_ALERT_EVENTS,
    alert_kind,
    alert_message,
    is_subscribed,
)
from lbrouter.model.errors import ConfigError
from lbrouter.model.language import Language
from lbrouter.model.sections.alerts import DEFAULT_ALERT_KINDS, AlertKind
from tests.kit.sample_config import VALID_CONFIG, parse_text
from tests.kit.timeline_events import LOSSY_INCIDENT, event, uplink_event


def alerts_section(text: str) -> str:
    return f"{VALID_CONFIG}\n[alerts]\n{text}\n"


@pytest.mark.parametrize(
    "found, kind",
    [
        (uplink_event("fiber", 1, "down"), AlertKind.DOWN),
        (uplink_event("fiber", 1, "up"), AlertKind.UP),
        (uplink_event("fiber", 1, "up", before="checking"), AlertKind.UP),
        (uplink_event("fiber", 1, "up", before="checking", incident=""), None),
        (uplink_event("fiber", 1, "up", before="drained", incident=""), AlertKind.UP),
        (uplink_event("fiber", 1, "down", before="checking", incident=""), AlertKind.DOWN),
        (LOSSY_INCIDENT[1], AlertKind.MOVE),
        (event("trouble", "", 1), AlertKind.TROUBLE),
        (event("stop", "", 1), None),
        (event("alert", "webhook", 1), None),
        (event("uplink", "fiber", 1), None),
    ],
)
def test_kinds(found: Any, kind: AlertKind | None) -> None:
    assert alert_kind(found) is kind
    assert is_subscribed(found, set(AlertKind)) is (kind is not None)


def build_message(events: list[Any], timeline: list[Any], **more: Any) -> Any:
    values = {"gateway": "hall", "identity": "abc", "language": Language.EN}
    return alert_message(events, timeline, **{**values, **more})


def test_a_message_contains_the_whole_incident() -> None:
    found = build_message([LOSSY_INCIDENT[0]], LOSSY_INCIDENT)
    assert found["text"].startswith("hall: fiber lost 12 % of its packets from")
    assert "show moved to lte" in found["text"]
    assert found["kinds"] == ["degraded"]
    assert [each["incident"] for each in found["incidents"]] == ["7"]
    assert (found["version"], found["id"], found["gateway"]) == (1, "abc", "hall")
    assert (found["events"], found["omitted"]) == ([LOSSY_INCIDENT[0]], 0)
    assert found["at"] == LOSSY_INCIDENT[0]["at"]
    assert (
        "kehilangan"
        in build_message([LOSSY_INCIDENT[0]], LOSSY_INCIDENT, language=Language.ID)["text"]
    )


def test_what_belongs_to_no_incident_is_reported_once_in_its_own_words() -> None:
    trouble = event("trouble", "", 9, incident="")
    found = build_message([trouble, trouble, LOSSY_INCIDENT[0]], [*LOSSY_INCIDENT, trouble])
    assert found["text"].endswith(". : something")
    assert found["text"].count("something") == 1
    assert found["kinds"] == ["degraded", "trouble"]


def test_a_storm_is_one_message_of_bounded_size() -> None:
    storm = [
        {**event("trouble", "", n % 60, incident=""), "text": f"{n}" * 9000} for n in range(99)
    ]
    found = build_message(storm, storm)
    assert (len(found["events"]), found["omitted"]) == (MAX_ALERT_EVENTS, 99 - MAX_ALERT_EVENTS)
    assert found["events"][-1]["text"].startswith("98")
    assert len(str(found)) < 20_000


def test_the_file_names_the_alert_targets() -> None:
    config = parse_text(
        alerts_section(
            'webhook = "https://chat.example/hook?x=1"\ncommand = ["/bin/notify", "-a b"]'
        )
    ).config
    assert config.alerts is not None
    assert str(config.alerts.webhook) == "https://chat.example/hook?x=1"
    assert config.alerts.command == ("/bin/notify", "-a b")
    assert config.alerts.on == DEFAULT_ALERT_KINDS
    assert parse_text(VALID_CONFIG).config.alerts is None


@pytest.mark.parametrize(
    "text, path, reason",
    [
        ('webhook = "tcp://a.example:1"', "alerts.webhook", "is not the URL of a page"),
        ('webhook = "https://me:secret@a.example/"', "alerts.webhook", "holds a user name"),
        ('webhook = "http://a/"\nwebhook_file = "/x"', "alerts.webhook_file", "a second URL"),
        ('command = ["notify"]', "alerts.command[0]", "is not an absolute path"),
        ('command = ["/bin/a", "b\\nc"]', "alerts.command[1]", "is not a word of a command"),
        ('command = ["/bin/a"]\non = []', "alerts.on", "too few"),
        ('command = ["/bin/a"]\non = ["up", "up"]', "alerts.on", "twice"),
        ('command = ["/bin/a"]\non = ["dwon"]', "alerts.on[0]", 'did you mean "down"'),
        ('command = ["/bin/a"]\nlanguage = "fr"', "alerts.language", "is not one of the words"),
    ],
)
def test_what_the_file_may_not_say(text: str, path: str, reason: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse_text(alerts_section(text))
    assert path in str(raised.value)
    assert reason in str(raised.value)


def test_alerts_that_reach_nobody_give_a_warning() -> None:
    assert any("has no receiver" in each for each in parse_text(alerts_section("")).warnings)
    assert not any(
        "alerts" in each for each in parse_text(alerts_section('command = ["/bin/a"]')).warnings
    )
