"""Alerts: what is worth one, what stands in it, what the file may say of them."""

from typing import Any

import pytest

from lbrouter.compile.report.alert_message import EVENTS_SHOWN, alert, kind_of, wanted
from lbrouter.model.alerts import USUAL, AlertKind
from lbrouter.model.errors import ConfigError
from lbrouter.model.language import Language
from tests.kit.sample_config import GOOD, parsed
from tests.pure.report.test_incidents import LOSSY, event, uplink


def section(text: str) -> str:
    return f"{GOOD}\n[alerts]\n{text}\n"


@pytest.mark.parametrize(
    "found, kind",
    [
        (uplink("fiber", 1, "down"), AlertKind.DOWN),
        (uplink("fiber", 1, "up"), AlertKind.UP),
        (LOSSY[1], AlertKind.MOVE),
        (event("trouble", "", 1), AlertKind.TROUBLE),
        (event("stop", "", 1), None),
        (event("alert", "webhook", 1), None),
        (event("uplink", "fiber", 1), None),
    ],
)
def test_kinds(found: Any, kind: AlertKind | None) -> None:
    assert kind_of(found) is kind
    assert wanted(found, set(AlertKind)) is (kind is not None)


def message(events: list[Any], timeline: list[Any], **more: Any) -> Any:
    values = {"gateway": "hall", "identity": "abc", "language": Language.EN}
    return alert(events, timeline, **{**values, **more})


def test_a_message_tells_the_whole_incident() -> None:
    found = message([LOSSY[0]], LOSSY)
    assert found["text"].startswith("hall: fiber lost 12 % since")
    assert "show moved to lte" in found["text"]
    assert found["kinds"] == ["degraded"]
    assert [each["incident"] for each in found["incidents"]] == ["7"]
    assert (found["version"], found["id"], found["gateway"]) == (1, "abc", "hall")
    assert (found["events"], found["omitted"]) == ([LOSSY[0]], 0)
    assert found["at"] == LOSSY[0]["at"]
    assert "kehilangan" in message([LOSSY[0]], LOSSY, language=Language.ID)["text"]


def test_what_belongs_to_no_incident_is_told_once_in_its_own_words() -> None:
    trouble = event("trouble", "", 9, incident="")
    found = message([trouble, trouble, LOSSY[0]], [*LOSSY, trouble])
    assert found["text"].endswith(". : something")
    assert found["text"].count("something") == 1
    assert found["kinds"] == ["degraded", "trouble"]


def test_a_storm_is_one_message_of_bounded_size() -> None:
    storm = [
        {**event("trouble", "", n % 60, incident=""), "text": f"{n}" * 9000} for n in range(99)
    ]
    found = message(storm, storm)
    assert (len(found["events"]), found["omitted"]) == (EVENTS_SHOWN, 99 - EVENTS_SHOWN)
    assert found["events"][-1]["text"].startswith("98")
    assert len(str(found)) < 20_000


def test_the_file_says_whom_to_tell() -> None:
    config = parsed(
        section('webhook = "https://chat.example/hook?x=1"\ncommand = ["/bin/notify", "-a b"]')
    ).config
    assert config.alerts is not None
    assert str(config.alerts.webhook) == "https://chat.example/hook?x=1"
    assert config.alerts.command == ("/bin/notify", "-a b")
    assert config.alerts.on == USUAL
    assert parsed(GOOD).config.alerts is None


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
        parsed(section(text))
    assert path in str(raised.value)
    assert reason in str(raised.value)


def test_alerts_that_reach_nobody_are_doubtful() -> None:
    assert any("tells nobody" in each for each in parsed(section("")).warnings)
    assert not any("alerts" in each for each in parsed(section('command = ["/bin/a"]')).warnings)
