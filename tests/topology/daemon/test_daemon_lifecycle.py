"""The daemon and its neighbours, its death, its orders."""

import json
import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest

from lbrouter.compile.config.parse import parse
from lbrouter.model.errors import Exit
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.gateway_daemon import Daemon
from tests.topology.conftest import NOBODY, VenueOf, eventually, nobody_can_read_us, succeeded
from tests.topology.failover.test_failover import TWO, carrier_of

NEW = TWO.replace('uplinks = ["fiber", "lte"]', 'uplinks = ["lte", "fiber"]')


@pytest.fixture
def venue(venue_of: VenueOf) -> Venue:
    return venue_of(TWO)


@pytest.fixture
def daemon(venue: Venue) -> Iterator[Daemon]:
    with Daemon(venue.gateway) as daemon:
        yield daemon


def test_what_others_delete_comes_back(venue: Venue, daemon: Daemon) -> None:
    gateway = venue.gateway
    whole = gateway.snapshot()
    for command in (
        "nft flush ruleset",
        "ip rule delete pref 10090",
        "ip route flush table 7000",
        "ip address flush dev wan2",
        "ip address flush dev lan1",
        "sysctl -q -w net.ipv4.ip_forward=0",
    ):
        count = len(daemon.events("repair"))
        gateway.check(command.split())
        assert eventually(lambda: gateway.snapshot() == whole, within_s=15), command
        assert eventually(lambda: len(daemon.events("repair")) > count), command  # noqa: B023
        repair = daemon.events("repair")[-1]
        assert "Announced before: " in repair["text"], "no calm round, then, but this very damage"
        print(command, "->", repair["more"], repair["text"])
    assert carrier_of(venue) == "fiber"


def test_the_command_prints_what_the_daemon_answers(venue: Venue, daemon: Daemon) -> None:
    """The other tests ask by the socket alone."""
    printed = json.loads(succeeded(venue.gateway.lbrouter("status", "--json")))
    assert printed["daemon"] is True
    assert printed.keys() == daemon.status().keys() | {"services"}
    assert set(printed["uplinks"]) == {"fiber", "lte"}
    succeeded(venue.gateway.lbrouter("uplink", "drain", "lte"))
    lines = succeeded(venue.gateway.lbrouter("events", "--json")).splitlines()
    events = [json.loads(line) for line in lines]
    assert {"apply", "uplink", "wish"} <= {event["kind"] for event in events}
    known = daemon.ask("events", limit=1000, since="")["events"]
    assert all(event in known for event in events)


def test_killed_it_leaves_the_forwarding_and_takes_over_again(venue: Venue, daemon: Daemon) -> None:
    held = venue.client("stream").hold(count=5, interval_ms=50)
    before = venue.gateway.snapshot()
    daemon.kill()
    assert carrier_of(venue) == "fiber"
    assert venue.gateway.snapshot() == before
    daemon.start()
    assert eventually(daemon.serves, within_s=30)
    assert venue.gateway.snapshot() == before
    rows = held.stop()
    assert [row["error"] for row in rows if row["error"]] == []
    assert daemon.events("move") == []


def test_killed_amid_an_outage_the_next_one_does_not_go_back(venue: Venue, daemon: Daemon) -> None:
    venue.isp("fiber").blackhole(on=True)
    assert eventually(lambda: daemon.state("fiber") == "down", within_s=10)
    daemon.kill()
    moves = len(daemon.events("move"))
    daemon.start()
    assert eventually(daemon.serves, within_s=30)
    assert daemon.state("fiber") == "down"
    assert len(daemon.events("move")) == moves
    assert carrier_of(venue) == "lte"


def test_a_stopped_daemon_leaves_everything(venue: Venue, daemon: Daemon) -> None:
    before = venue.gateway.snapshot()
    assert daemon.stop() == 0
    assert venue.gateway.snapshot() == before
    assert carrier_of(venue) == "fiber"
    assert not (venue.gateway.runtime_dir / "control.sock").exists()
    succeeded(venue.gateway.lbrouter("down"))


@pytest.mark.parametrize("verb", ["run", "down"])
def test_one_writer_only(venue: Venue, daemon: Daemon, verb: str) -> None:
    done = venue.gateway.lbrouter(verb)
    assert done.returncode == Exit.TRY_AGAIN
    assert str(daemon.folder.name) in done.stderr or "at work here" in done.stderr


def test_apply_hands_the_file_over(venue: Venue, daemon: Daemon) -> None:
    venue.write_config(parse(NEW.encode(), source="new").config)
    said = succeeded(venue.gateway.lbrouter("apply"))
    assert "applied: " in said
    assert carrier_of(venue) == "lte"
    assert daemon.status()["policies"]["show"]["active"] == ["lte"]
    assert venue.gateway.lbrouter("plan").returncode in (Exit.DONE, Exit.CHANGES)


def test_a_wrong_file_changes_nothing(venue: Venue, daemon: Daemon) -> None:
    venue.gateway.config.write_text("[gateway]\nname = 7\n", encoding="utf-8")
    assert venue.gateway.lbrouter("apply").returncode == Exit.CONFIG
    daemon.hang_up()
    assert eventually(lambda: daemon.says("not taken over"), within_s=10)
    assert eventually(lambda: daemon.says("gateway.name"))
    assert carrier_of(venue) == "fiber"


def test_hang_up_reloads(venue: Venue, daemon: Daemon) -> None:
    venue.write_config(parse(NEW.encode(), source="new").config)
    daemon.hang_up()
    assert eventually(lambda: daemon.status()["policies"]["show"]["active"] == ["lte"], within_s=15)


def test_drain_pin_restore_last_over_a_restart(venue: Venue, daemon: Daemon) -> None:
    gateway = venue.gateway
    succeeded(gateway.lbrouter("uplink", "drain", "fiber"))
    assert daemon.state("fiber") == "drained"
    assert carrier_of(venue) == "lte"
    daemon.kill()
    daemon.start()
    assert eventually(daemon.serves, within_s=30)
    assert daemon.state("fiber") == "drained"
    succeeded(gateway.lbrouter("uplink", "restore", "fiber"))
    assert eventually(lambda: carrier_of(venue) == "fiber", within_s=15)
    succeeded(gateway.lbrouter("uplink", "pin", "show", "lte"))
    assert daemon.status()["policies"]["show"]["pinned"] == "lte"
    assert carrier_of(venue) == "lte"
    assert gateway.lbrouter("uplink", "drain", "nobody").returncode == Exit.USAGE


def test_unconfirmed_it_is_undone_by_the_daemon(venue: Venue, daemon: Daemon) -> None:
    venue.write_config(parse(NEW.encode(), source="new").config)
    succeeded(venue.gateway.lbrouter("apply", "--confirm-within", "3s"))
    assert daemon.status()["policies"]["show"]["active"] == ["lte"]
    assert eventually(lambda: daemon.status()["pending_confirm_s"] is None, within_s=20)
    assert eventually(lambda: daemon.status()["policies"]["show"]["active"] == ["fiber"])
    assert venue.gateway.lbrouter("confirm").returncode == Exit.TRY_AGAIN


def test_unconfirmed_it_is_undone_though_the_daemon_was_killed(
    venue: Venue, daemon: Daemon
) -> None:
    before = venue.gateway.snapshot()
    venue.write_config(parse(NEW.encode(), source="new").config)
    succeeded(venue.gateway.lbrouter("apply", "--confirm-within", "4s"))
    daemon.kill()
    assert venue.gateway.snapshot() != before
    assert eventually(lambda: venue.gateway.snapshot() == before, within_s=20)
    daemon.start()
    assert eventually(daemon.serves, within_s=30)
    assert daemon.says("was rolled back")
    assert daemon.status()["policies"]["show"]["active"] == ["fiber"]


def test_confirmed_it_stays_over_a_restart(venue: Venue, daemon: Daemon) -> None:
    venue.write_config(parse(NEW.encode(), source="new").config)
    succeeded(venue.gateway.lbrouter("apply", "--confirm-within", "60s"))
    daemon.kill()
    daemon.start()
    assert eventually(daemon.serves, within_s=30)
    assert 0 < daemon.status()["pending_confirm_s"] <= 60
    succeeded(venue.gateway.lbrouter("confirm"))
    assert daemon.status()["pending_confirm_s"] is None
    assert carrier_of(venue) == "lte"


def talk(venue: Venue, content: bytes) -> socket.socket:
    """A connection on which `content` was said, or as much of it as the daemon took."""
    opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    opened.settimeout(10)
    with suppress(OSError):
        opened.connect(str(venue.gateway.runtime_dir / "control.sock"))
        opened.sendall(content)
    return opened


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe garbage\n",
        b"[]\n",
        b'{"verb": 7}\n',
        b'{"verb": "nonsense"}\n',
        b'{"verb": "apply"}\n',
        b'{"verb": "apply", "config": "\\u0000"}\n',
        b'{"verb": "events", "limit": -1}\n',
        b"[" * 10_000 + b"\n",
    ],
    ids=range(8),
)
def test_garbage_is_answered_with_an_error(venue: Venue, daemon: Daemon, content: bytes) -> None:
    with talk(venue, content) as opened:
        answer = json.loads(opened.makefile("rb").readline())
    assert answer["ok"] is False
    assert answer["code"] in (Exit.USAGE, Exit.CONFIG)
    assert answer["error"]
    assert daemon.serves()


def test_half_a_line_a_megabyte_and_a_thousand_connections_are_harmless(
    venue: Venue, daemon: Daemon
) -> None:
    descriptors = daemon.descriptors()
    said = (b'{"verb": "sta', b"x" * 1000)
    crowd = [talk(venue, said[number % 2]) for number in range(1000)]
    assert eventually(daemon.serves, within_s=30)
    for each in crowd:
        each.close()
    with talk(venue, b"x" * (1 << 20)) as opened:
        assert opened.fileno() >= 0
        assert daemon.serves()
    assert eventually(lambda: daemon.descriptors() <= descriptors + 2, within_s=15)
    assert carrier_of(venue) == "fiber"


def test_others_may_read_and_change_nothing(venue: Venue, daemon: Daemon) -> None:
    path = venue.gateway.runtime_dir / "control.sock"
    assert path.stat().st_mode & 0o007 == 0
    if not nobody_can_read_us():
        pytest.skip("this checkout is closed to other users")
    path.chmod(0o666)  # as if the group had let this user in
    for folder in (path.parent, path.parent.parent):
        folder.chmod(0o755)
    argv = venue.gateway.lbrouter_argv("status", "--json")
    done = venue.gateway.run([*NOBODY, *argv])
    assert json.loads(succeeded(done))["daemon"] is True
    refused = venue.gateway.run([*NOBODY, *venue.gateway.lbrouter_argv("uplink", "drain", "fiber")])
    assert refused.returncode == Exit.NOT_PERMITTED
    assert daemon.state("fiber") != "drained"


def test_a_history_that_cannot_be_written_is_said_once(venue: Venue) -> None:
    state_dir = venue.gateway.state_dir
    state_dir.mkdir(parents=True)
    (state_dir / "history.db").mkdir()
    with Daemon(venue.gateway) as daemon:
        for _ in range(2):
            succeeded(venue.gateway.lbrouter("uplink", "drain", "fiber"))
            succeeded(venue.gateway.lbrouter("uplink", "restore", "fiber"))
        assert eventually(lambda: daemon.says("history", "cannot be written"))
        assert daemon.said().count("cannot be written") == 1
        assert carrier_of(venue) in ("fiber", "lte")


def test_the_history_outlives_the_daemon(venue: Venue, daemon: Daemon) -> None:
    succeeded(venue.gateway.lbrouter("uplink", "drain", "fiber"))
    daemon.stop()
    text = succeeded(venue.gateway.lbrouter("events"))
    assert "fiber is drained" in text
    assert (venue.gateway.state_dir / "history.db").stat().st_size > 0
