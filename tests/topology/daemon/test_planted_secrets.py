"""Secrets that were planted show nowhere: no output, log, command line, and no file that is open.

A webhook's URL with a token, another in a file, the private key of a lane. The webhook cannot be
delivered, and edits of the file are wrong, so that there is much to tell.
"""

import json
import stat
from pathlib import Path

import pytest

from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.commands import AS_NOBODY, require_success
from tests.kit.configs import FAILOVER_CONFIG
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.venues import VenueBuilder
from tests.kit.wait import eventually

URL_TOKEN = "planted-token-in-the-file"
FILE_TOKEN = "planted-token-in-a-file"
LANE_KEY = "UExBTlRFRC1LRVktT0YtVEhFLUxBTkUtMTIzNDU2Nzg="
SECRETS = (URL_TOKEN, FILE_TOKEN, LANE_KEY)
OPEN_TO_ALL = frozenset({"lock", "dnsmasq.pid"})
"""A number of a process each."""

LANE = """
[uplinks.lane]
address = "lane"
over = ["fiber", "lte"]
relay = "192.0.2.7:51820"
relay_key = "jNXHt2yTDRX2YbBvjPqI4OQ8xW5xvaJd6Y8m0vTnGhA="
key_file = "{key}"
"""


@pytest.fixture
def venue(build_venue: VenueBuilder) -> Venue:
    return build_venue(FAILOVER_CONFIG)


def alerts(setting: str) -> str:
    return f'\n[alerts]\n{setting}\non = ["down", "up", "trouble", "apply", "move"]\n'


def write_file(venue: Venue, text: str) -> None:
    """A file with the mode 0600, as a person who knows that it holds a secret leaves it."""
    file = venue.gateway.config_path
    file.touch()
    file.chmod(0o600)
    file.write_text(text, encoding="utf-8")


def said(venue: Venue) -> str:
    """All that the verbs print, in words and as JSON; for a file that is wrong as well."""
    client, server = "10.10.10.10", "192.0.2.80"
    verbs: tuple[tuple[str, ...], ...] = (
        ("check",), ("plan",), ("apply",), ("status",), ("events", "--limit", "500"), ("doctor",),
        ("clients",), ("explain", client, server),
    )  # fmt: skip
    text = ""
    for words in (*verbs, ("status", "--json"), ("events", "--json"), ("plan", "--json")):
        done = venue.gateway.run_lbrouter(*words)
        text += f"{done.stdout}\n{done.stderr}\n"
    return text


def command_lines(venue: Venue) -> str:
    pids = venue.gateway.check_output(["ip", "netns", "pids", venue.gateway.namespace]).split()
    places = (Path(f"/proc/{pid}/{name}") for pid in pids for name in ("cmdline", "environ"))
    return "\n".join(file.read_bytes().decode(errors="replace") for file in places if file.exists())


def open_files(directory: Path) -> set[str]:
    """Files that others may read or write."""
    return {
        file.name
        for file in directory.rglob("*")
        if stat.S_ISREG(file.lstat().st_mode) and file.lstat().st_mode & 0o077
    }


def test_planted_secrets_show_nowhere(venue: Venue, tmp_path: Path) -> None:
    gateway = venue.gateway
    key, hook = tmp_path / "lane.key", tmp_path / "hook"
    key.write_text(f"{LANE_KEY}\n", encoding="ascii")
    hook.write_text(f"http://192.0.2.250/{FILE_TOKEN}\n", encoding="ascii")
    for file in (key, hook):
        file.chmod(0o600)
    plain = gateway.config_path.read_text(encoding="utf-8")
    with_lane = plain + LANE.format(key=key)
    in_file = with_lane + alerts(f'webhook = "http://192.0.2.250/{URL_TOKEN}"')
    write_file(venue, in_file)
    text = ""
    with GatewayDaemon(gateway) as daemon:
        assert eventually(lambda: daemon.state("fiber") == "up", within_s=15)
        venue.isp("fiber").set_carrier(up=False)
        assert eventually(
            lambda: daemon.has_logged("webhook: an alert is not delivered"), within_s=40
        )
        text += said(venue) + json.dumps(daemon.status()) + command_lines(venue)
        for wrong in (f'webhook = "ftp://192.0.2.250/{URL_TOKEN}"', f"webhook = {URL_TOKEN}"):
            write_file(venue, with_lane + alerts(wrong))
            daemon.reload()
            text += said(venue)
        write_file(venue, with_lane + alerts(f'webhook_file = "{hook}"'))
        text += said(venue)
        venue.isp("fiber").set_carrier(up=True)
        assert eventually(lambda: daemon.state("fiber") == "up", within_s=30)
        require_success(gateway.run_lbrouter("apply", "--confirm-within", "60s"))
        write_file(venue, in_file)
        require_success(gateway.run_lbrouter("apply", "--confirm-within", "60s"))
        text += said(venue) + command_lines(venue)
        text += gateway.check_output(["nft", "list", "ruleset"])
        for directory in (gateway.state_dir, gateway.runtime_dir):
            assert open_files(directory) <= OPEN_TO_ALL
        holding = [file for file in files_of(venue) if URL_TOKEN.encode() in file.read_bytes()]
        assert holding, "the last good file, the one on trial, and their copies hold it"
        for file in (*files_of(venue), gateway.config_path, key, hook):
            readable = gateway.run([*AS_NOBODY, "cat", str(file)]).returncode == 0
            assert not readable or file.name in OPEN_TO_ALL, file
        text += daemon.log_text()
        require_success(gateway.run_lbrouter("rollback"))
    text += said(venue) + daemon.log_text()
    assert len(text) > 20_000
    for secret in SECRETS:
        where = text.find(secret)
        assert where < 0, text[max(0, where - 300) : where + 100]


def files_of(venue: Venue) -> list[Path]:
    found = [*venue.gateway.state_dir.rglob("*"), *venue.gateway.runtime_dir.rglob("*")]
    return [file for file in found if file.is_file()]
