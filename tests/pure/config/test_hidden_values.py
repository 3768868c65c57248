"""No error of a file shows a secret that stands in it: others may read the journal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbrouter.compile.config.diagnostics import Diagnostic
from lbrouter.compile.config.hidden_values import hide_line_value, is_secret_key, shorten_urls
from lbrouter.compile.config.parse import parse
from lbrouter.model.errors import ConfigError
from tests.kit.builders import TWO_LINES

TOKEN = "T0KENxyz"
URL = f"https://hooks.example/services/{TOKEN}"


@pytest.mark.parametrize(
    "lines",
    [
        f'[alerts]\nwebhook = "https://me:{TOKEN}@hooks.example/"',
        f'[alerts]\nwebhook = "ftp://hooks.example/{TOKEN}"',
        f'[alerts]\nwebhook = ["{URL}"]',
        f'[alerts]\nwebhok = "{URL}"',
        f'[alerts]\nurl = "{URL}"',
        f'[alerts]\nwebhook = {{ url = "{URL}" }}',
        f'[alerts]\nwebhook = "{URL}" "{TOKEN}"',
        f"[alerts]\nwebhook = {URL}",
        f'[alerts]\nwebhook = "{URL}',
        f"[alerts]\nwebhook = '{URL}",
        f'[alerts]\nwebhook = "C:\\{TOKEN}"',
        f"[alerts]\nwebhook: {URL}",
        f"[alerts]\nwebhook {URL}",
        f'[alerts]\nwebhook = "{URL}"\nwebhook_file = "/etc/lbrouter/hook"',
        f'[alerts]\nwebhook = "{URL}"\nwebhook = "{URL}"',
        f'[alerts]\nwebhook = """{URL}',
        f"[alerts]\nhook = {URL}",
        f'[alerts]\npassword = "{TOKEN}"',
        f"[alerts]\npassword = {TOKEN}",
        f"[alerts]\nwi-fi_PSK = {TOKEN}",
    ],
)
def test_an_error_names_the_place_and_shows_no_secret(lines: str) -> None:
    for text in (f"{TWO_LINES}\n{lines}\n", f"{lines}\n{TWO_LINES}"):
        with pytest.raises(ConfigError) as raised:
            parse(text.encode(), source="file.toml")
        assert TOKEN not in str(raised.value)
        assert "file.toml" in str(raised.value)


def test_a_yaml_file_that_begins_with_a_secret() -> None:
    with pytest.raises(ConfigError) as raised:
        parse(f"webhook: {URL}\n".encode(), source="file.toml")
    assert TOKEN not in str(raised.value)
    assert 'webhook = "..."' in str(raised.value)


@pytest.mark.parametrize(
    "text, shown",
    [
        ("http://host", "http://host"),
        ("http://host/ then", "http://host then"),
        (
            "HTTPS://user:pw@host:8443/a?b#c and http://b/c",
            "HTTPS://host:8443/... and http://b/...",
        ),
        ("https://host?token=1", "https://host/..."),
        ("icmp://1.1.1.1 tcp://host:443", "icmp://1.1.1.1 tcp://host:443"),
    ],
)
def test_of_a_page_scheme_and_host_are_shown(text: str, shown: str) -> None:
    assert shorten_urls(text) == shown


def test_other_values_are_shown_as_they_are() -> None:
    for line in ('interface = "wan1"', "password_file: /etc/x", "word", "", 'name = "token"'):
        assert hide_line_value(line) == line
    assert not is_secret_key("webhook_file")
    wrong = Diagnostic(path=("uplinks", "dsl", "interface"), value="wan 1", reason="is no name")
    assert str(wrong) == 'uplinks.dsl.interface = "wan 1": is no name'
    hidden = Diagnostic(path=("alerts", "webhook", 0), value="x", reason="is no page")
    assert str(hidden) == "alerts.webhook[0] = ...: is no page"


@given(key=st.sampled_from(["password", "webhook", "my_token", "psk-2"]), rest=st.text(max_size=40))
def test_of_a_hidden_value_one_mark_is_left_at_most(key: str, rest: str) -> None:
    shown = hide_line_value(f"{key} = q{rest}")
    assert shown == f"{key} = ..."
