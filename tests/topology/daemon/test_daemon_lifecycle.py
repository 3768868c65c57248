"""The daemon beside other commands, its end, and its control socket."""

import json
import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest

from lbrouter.compile.config.parse import parse
from lbrouter.model.errors import ExitCode
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.commands import AS_NOBODY, nobody_can_import_package, require_success
from tests.kit.configs import FAILOVER_CONFIG
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.venues import VenueBuilder, uplink_of_new_flow
from tests.kit.wait import eventually

NEW_CONFIG = FAILOVER_CONFIG.replace('uplinks = ["fiber", "lte"]', 'uplinks = ["lte", "fiber"]')


@pytest.fixture
def venue(build_venue: VenueBuilder) -> Venue:
    return build_venue(FAILOVER_CONFIG)


@pytest.fixture
def daemon(venue: Venue) -> Iterator[GatewayDaemon]:
    with GatewayDaemon(venue.gateway) as daemon:
        yield daemon


def test_what_others_delete_comes_back(venue: Venue, daemon: GatewayDaemon) -> None:
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
        gateway.check_output(command.split())
        assert eventually(lambda: gateway.snapshot() == whole, within_s=15), command
        assert eventually(lambda: len(daemon.events("repair")) > count), command  # noqa: B023
        repair = daemon.events("repair")[-1]
        assert "Announced before: " in repair["text"], "no calm round, then, but this very damage"
        print(command, "->", repair["more"], repair["text"])
    assert uplink_of_new_flow(venue) == "fiber"


def test_the_command_prints_what_the_daemon_answers(venue: Venue, daemon: GatewayDaemon) -> None:
    """The other tests use only the socket."""
    printed = json.loads(require_success(venue.gateway.run_lbrouter("status", "--json")))
    assert printed["daemon"] is True
    assert printed.keys() == daemon.status().keys() | {"services"}
    assert set(printed["uplinks"]) == {"fiber", "lte"}
    require_success(venue.gateway.run_lbrouter("uplink", "drain", "lte", "--yes"))
    lines = require_success(venue.gateway.run_lbrouter("events", "--json")).splitlines()
    events = [json.loads(line) for line in lines]
    assert {"apply", "uplink", "wish"} <= {event["kind"] for event in events}
    known = daemon.ask("events", limit=1000, since="")["events"]
    assert all(event in known for event in events)


def test_killed_it_leaves_the_forwarding_and_takes_over_again(
    venue: Venue, daemon: GatewayDaemon
) -> None:
    held = venue.client("stream").hold_connections(count=5, interval_ms=50)
    before = venue.gateway.snapshot()
    daemon.kill()
    assert uplink_of_new_flow(venue) == "fiber"
    assert venue.gateway.snapshot() == before
    daemon.start()
    assert eventually(daemon.is_serving, within_s=30)
    assert venue.gateway.snapshot() == before
    rows = held.stop()
    assert [row["error"] for row in rows if row["error"]] == []
    assert daemon.events("move") == []


def test_killed_amid_an_outage_the_next_one_does_not_go_back(
    venue: Venue, daemon: GatewayDaemon
) -> None:
    venue.isp("fiber").set_blackhole(on=True)
    assert eventually(lambda: daemon.state("fiber") == "down", within_s=10)
    daemon.kill()
    moves = len(daemon.events("move"))
    daemon.start()
    assert eventually(daemon.is_serving, within_s=30)
    assert daemon.state("fiber") == "down"
    assert len(daemon.events("move")) == moves
    assert uplink_of_new_flow(venue) == "lte"


def test_a_stopped_daemon_leaves_everything(venue: Venue, daemon: GatewayDaemon) -> None:
    before = venue.gateway.snapshot()
    assert daemon.stop() == 0
    assert venue.gateway.snapshot() == before
    assert uplink_of_new_flow(venue) == "fiber"
    assert not (venue.gateway.runtime_dir / "control.sock").exists()
    require_success(venue.gateway.run_lbrouter("down"))


@pytest.mark.parametrize("verb", ["run", "down"])
def test_one_writer_only(venue: Venue, daemon: GatewayDaemon, verb: str) -> None:
    done = venue.gateway.run_lbrouter(verb)
    assert done.returncode == ExitCode.TRY_AGAIN
    assert str(daemon.proc_dir.name) in done.stderr or "runs already" in done.stderr


def test_apply_hands_the_file_over(venue: Venue, daemon: GatewayDaemon) -> None:
    venue.write_config(parse(NEW_CONFIG.encode(), source="new").config)
    said = require_success(venue.gateway.run_lbrouter("apply"))
    assert "applied: " in said
    assert uplink_of_new_flow(venue) == "lte"
    assert daemon.status()["policies"]["show"]["active"] == ["lte"]
    assert venue.gateway.run_lbrouter("plan").returncode in (ExitCode.DONE, ExitCode.CHANGES)


def test_a_wrong_file_changes_nothing(venue: Venue, daemon: GatewayDaemon) -> None:
    venue.gateway.config_path.write_text("[gateway]\nname = 7\n", encoding="utf-8")
    assert venue.gateway.run_lbrouter("apply").returncode == ExitCode.CONFIG
    daemon.reload()
    assert eventually(lambda: daemon.has_logged("new file is not applied"), within_s=10)
    assert eventually(lambda: daemon.has_logged("gateway.name"))
    assert uplink_of_new_flow(venue) == "fiber"


def test_hang_up_reloads(venue: Venue, daemon: GatewayDaemon) -> None:
    venue.write_config(parse(NEW_CONFIG.encode(), source="new").config)
    daemon.reload()
    assert eventually(lambda: daemon.status()["policies"]["show"]["active"] == ["lte"], within_s=15)


def test_drain_pin_restore_last_over_a_restart(venue: Venue, daemon: GatewayDaemon) -> None:
    gateway = venue.gateway
    require_success(gateway.run_lbrouter("uplink", "drain", "fiber"))
    assert daemon.state("fiber") == "drained"
    assert uplink_of_new_flow(venue) == "lte"
    daemon.kill()
    daemon.start()
    assert eventually(daemon.is_serving, within_s=30)
    assert daemon.state("fiber") == "drained"
    require_success(gateway.run_lbrouter("uplink", "restore", "fiber"))
    assert eventually(lambda: uplink_of_new_flow(venue) == "fiber", within_s=15)
    require_success(gateway.run_lbrouter("uplink", "pin", "show", "lte"))
    assert daemon.status()["policies"]["show"]["pinned"] == "lte"
    assert uplink_of_new_flow(venue) == "lte"
    assert gateway.run_lbrouter("uplink", "drain", "nobody").returncode == ExitCode.USAGE


def test_unconfirmed_it_is_undone_by_the_daemon(venue: Venue, daemon: GatewayDaemon) -> None:
    venue.write_config(parse(NEW_CONFIG.encode(), source="new").config)
    require_success(venue.gateway.run_lbrouter("apply", "--confirm-within", "3s"))
    assert daemon.status()["policies"]["show"]["active"] == ["lte"]
    assert eventually(lambda: daemon.status()["pending_confirm_s"] is None, within_s=20)
    assert eventually(lambda: daemon.status()["policies"]["show"]["active"] == ["fiber"])
    assert venue.gateway.run_lbrouter("confirm").returncode == ExitCode.TRY_AGAIN


def test_unconfirmed_it_is_undone_though_the_daemon_was_killed(
    venue: Venue, daemon: GatewayDaemon
) -> None:
    before = venue.gateway.snapshot()
    venue.write_config(parse(NEW_CONFIG.encode(), source="new").config)
    require_success(venue.gateway.run_lbrouter("apply", "--confirm-within", "4s"))
    daemon.kill()
    assert venue.gateway.snapshot() != before
    assert eventually(lambda: venue.gateway.snapshot() == before, within_s=20)
    daemon.start()
    assert eventually(daemon.is_serving, within_s=30)
    assert daemon.has_logged("was rolled back")
    assert daemon.status()["policies"]["show"]["active"] == ["fiber"]


def test_confirmed_it_stays_over_a_restart(venue: Venue, daemon: GatewayDaemon) -> None:
    venue.write_config(parse(NEW_CONFIG.encode(), source="new").config)
    require_success(venue.gateway.run_lbrouter("apply", "--confirm-within", "60s"))
    daemon.kill()
    daemon.start()
    assert eventually(daemon.is_serving, within_s=30)
    assert 0 < daemon.status()["pending_confirm_s"] <= 60
    require_success(venue.gateway.run_lbrouter("confirm"))
    assert daemon.status()["pending_confirm_s"] is None
    assert uplink_of_new_flow(venue) == "lte"


def open_control_connection(venue: Venue, content: bytes) -> socket.socket:
    """A connection on which `content` was sent, or as much of it as the daemon accepted."""
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
def test_garbage_is_answered_with_an_error(
    venue: Venue, daemon: GatewayDaemon, content: bytes
) -> None:
    with open_control_connection(venue, content) as opened:
        answer = json.loads(opened.makefile("rb").readline())
    assert answer["ok"] is False
    assert answer["code"] in (ExitCode.USAGE, ExitCode.CONFIG)
    assert answer["error"]
    assert daemon.is_serving()


def test_half_a_line_a_megabyte_and_a_thousand_connections_are_harmless(
    venue: Venue, daemon: GatewayDaemon
) -> None:
    descriptors = daemon.descriptor_count()
    said = (b'{"verb": "sta', b"x" * 1000)
    connections = [open_control_connection(venue, said[number % 2]) for number in range(1000)]
    assert eventually(daemon.is_serving, within_s=30)
    for each in connections:
        each.close()
    with open_control_connection(venue, b"x" * (1 << 20)) as opened:
        assert opened.fileno() >= 0
        assert daemon.is_serving()
    assert eventually(lambda: daemon.descriptor_count() <= descriptors + 2, within_s=15)
    assert uplink_of_new_flow(venue) == "fiber"


def test_others_may_read_and_change_nothing(venue: Venue, daemon: GatewayDaemon) -> None:
    path = venue.gateway.runtime_dir / "control.sock"
    assert path.stat().st_mode & 0o007 == 0
    if not nobody_can_import_package():
        pytest.skip("this checkout is closed to other users")
    path.chmod(0o666)  # as if the group had let this user in
    for folder in (path.parent, path.parent.parent):
        folder.chmod(0o755)
    argv = venue.gateway.lbrouter_argv("status", "--json")
    done = venue.gateway.run([*AS_NOBODY, *argv])
    assert json.loads(require_success(done))["daemon"] is True
    refused = venue.gateway.run(
        [*AS_NOBODY, *venue.gateway.lbrouter_argv("uplink", "drain", "fiber")]
    )
    assert refused.returncode == ExitCode.NOT_PERMITTED
    assert daemon.state("fiber") != "drained"


def test_a_history_that_cannot_be_written_is_logged_once(venue: Venue) -> None:
    state_dir = venue.gateway.state_dir
    state_dir.mkdir(parents=True)
    (state_dir / "history.db").mkdir()
    with GatewayDaemon(venue.gateway) as daemon:
        for _ in range(2):
            require_success(venue.gateway.run_lbrouter("uplink", "drain", "fiber"))
            require_success(venue.gateway.run_lbrouter("uplink", "restore", "fiber"))
        assert eventually(lambda: daemon.has_logged("history", "cannot be written"))
        assert daemon.log_text().count("cannot be written") == 1
        assert uplink_of_new_flow(venue) in ("fiber", "lte")


def test_the_history_outlives_the_daemon(venue: Venue, daemon: GatewayDaemon) -> None:
    require_success(venue.gateway.run_lbrouter("uplink", "drain", "fiber"))
    daemon.stop()
    text = require_success(venue.gateway.run_lbrouter("events"))
    assert "fiber is drained" in text
    assert (venue.gateway.state_dir / "history.db").stat().st_size > 0
