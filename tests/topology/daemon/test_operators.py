"""Who gave an order, who may give which, what was applied before, and one alert now."""

import json
from pathlib import Path
from typing import Any

import pytest

from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.commands import WITHOUT_CAPABILITIES, require_success
from tests.kit.config_text import failover_text, fiber, file_text, lte, vlan_text
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.venues import VenueBuilder
from tests.kit.wait import eventually

GROUPS = {"lbrouter": 64101, "lbrouter-operator": 64102}
"""Of a copy of /etc/group, which only the daemon under test sees."""

TEXT = file_text(
    "hall",
    fiber(),
    lte(),
    vlan_text("guests", "lan1", "10.10.40.1/22", "show"),
    failover_text("show", "fiber", "lte"),
)
OTHER = TEXT.replace('"10.10.40.1/22"', '"10.10.40.1/23"')

ASK = """
import json, socket, sys
asking = socket.socket(socket.AF_UNIX)
asking.connect(sys.argv[1])
asking.sendall(sys.argv[2].encode() + b"\\n")
print(asking.makefile().readline())
"""


@pytest.fixture
def venue(build_venue: VenueBuilder) -> Venue:
    return build_venue(TEXT)


def with_groups(folder: Path) -> list[str]:
    """Before the daemon's command: both groups exist, in a mount namespace of its own."""
    file = folder / "group"
    lines = [f"{name}:x:{number}:" for name, number in GROUPS.items()]
    file.write_text(Path("/etc/group").read_text() + "\n".join(lines) + "\n")
    script = f'mount --bind {file} /etc/group && exec "$@"'
    return ["unshare", "--mount", "sh", "-ec", script, "sh"]


def asked_as(venue: Venue, groups: tuple[str, ...], **request: Any) -> Any:
    """The answer of the daemon to a user without rights, who is a member of `groups`."""
    numbers = ",".join(str(GROUPS[name]) for name in groups)
    user = [*WITHOUT_CAPABILITIES, "--reuid", "65534", "--regid", "65534", "--groups", numbers]
    socket_path = str(venue.gateway.runtime_dir / "control.sock")
    argv = [*user, "/usr/bin/python3", "-c", ASK, socket_path, json.dumps(request)]
    return json.loads(venue.gateway.check_output(argv))


def test_operators_drain_and_pin_and_never_apply(venue: Venue, tmp_path: Path) -> None:
    for folder in (venue.gateway.runtime_dir.parent, venue.gateway.runtime_dir):
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)
    with GatewayDaemon(venue.gateway, wrapper=with_groups(tmp_path)) as daemon:
        assert eventually(
            lambda: {each["state"] for each in daemon.status()["uplinks"].values()} == {"up"},
            within_s=20,
        )
        operator, reader = ("lbrouter", "lbrouter-operator"), ("lbrouter",)
        assert asked_as(venue, reader, verb="status")["ok"]
        refused = asked_as(venue, reader, verb="drain", uplink="lte")
        assert (refused["ok"], refused["code"]) == (False, 77)
        assert "lbrouter-operator" in refused["error"]
        by = {"name": "siti", "address": "10.10.40.9"}
        for request in (
            {"verb": "drain", "uplink": "lte", "by": by},
            {"verb": "restore", "uplink": "lte"},
            {"verb": "pin", "policy": "show", "uplink": "lte", "yes": True},
            {"verb": "limit", "vlan": "guests", "rate": 1_000_000},
            {"verb": "block", "client": "02:00:00:00:00:99"},
            {"verb": "rollback"},
        ):
            answer = asked_as(venue, operator, **request)
            assert answer["ok"], (request, answer)
        refused = asked_as(venue, operator, verb="apply", config=TEXT)
        assert (refused["ok"], refused["code"]) == (False, 77)
        orders = [each["more"]["by"] for each in daemon.events("wish")]
        assert orders[0] == by
        assert orders[1] == {"name": "nobody", "address": None}
        [applied] = daemon.events("apply")
        assert applied["more"]["by"] == {"name": "lbrouter", "address": None}


def test_what_was_applied_is_listed_compared_and_undone(venue: Venue) -> None:
    gateway = venue.gateway
    with GatewayDaemon(gateway) as daemon:
        before = daemon.status()["config_digest"]
        gateway.config_path.write_text(OTHER, encoding="utf-8")
        brief = gateway.run_lbrouter("plan", "--brief")
        assert brief.returncode == 2
        assert 'VLAN guests: address is "10.10.40.1/23"' in brief.stdout
        assert "changes of the kernel: " in brief.stdout
        require_success(gateway.run_lbrouter("apply"))
        listed = json.loads(require_success(gateway.run_lbrouter("config", "list", "--json")))
        assert [each["outcome"] for each in listed["configs"]] == ["applied", "applied"]
        assert [each["by"]["name"] for each in listed["configs"]] == ["root", "lbrouter"]
        assert listed["configs"][0]["current"] is True
        said = require_success(gateway.run_lbrouter("config", "diff"))
        assert 'VLAN guests: address is "10.10.40.1/23", it was "10.10.40.1/22"' in said
        assert '+address = "10.10.40.1/23"' in said
        shown = require_success(gateway.run_lbrouter("config", "show", before[7:19]))
        assert "10.10.40.1/22" in shown
        said = require_success(gateway.run_lbrouter("config", "undo", "--confirm-within", "30s"))
        assert "unless you run: lbrouter confirm" in said
        assert daemon.status()["config_digest"] == before
        require_success(gateway.run_lbrouter("confirm"))
        assert daemon.status()["rejected_file"] is True
        table = require_success(gateway.run_lbrouter("config", "list"))
        assert "kept, in force" in table
    with GatewayDaemon(gateway) as daemon:  # the file on disk is the one that was undone
        assert daemon.status()["config_digest"] == before
    assert gateway.run_lbrouter("config", "list").returncode == 0
    modes = {each.stat().st_mode & 0o777 for each in (gateway.state_dir / "configs").iterdir()}
    assert modes == {0o600}


def test_an_undo_that_is_not_confirmed_ends_by_itself(venue: Venue) -> None:
    gateway = venue.gateway
    with GatewayDaemon(gateway) as daemon:
        gateway.config_path.write_text(OTHER, encoding="utf-8")
        require_success(gateway.run_lbrouter("apply"))
        now = daemon.status()["config_digest"]
        require_success(gateway.run_lbrouter("config", "undo", "--confirm-within", "2s"))
        assert daemon.status()["config_digest"] != now
        assert eventually(lambda: daemon.status()["config_digest"] == now, within_s=15)
        configs = daemon.ask("config", action="list")["configs"]
        assert (configs[0]["outcome"], configs[0]["reason"]) == (
            "undone",
            "it was not confirmed in time",
        )
        assert configs[1]["current"] is True


def test_an_alert_now_by_each_way(venue: Venue, tmp_path: Path) -> None:
    gateway, got = venue.gateway, tmp_path / "got"
    command = f'command = ["/bin/sh", "-c", "cat > {got}"]'
    ways = f'\n[alerts]\nwebhook = "http://203.0.113.1:9/"\n{command}\n'
    gateway.config_path.write_text(TEXT + ways, encoding="utf-8")
    with GatewayDaemon(gateway) as daemon:
        done = gateway.run_lbrouter("alerts", "test", "--json")
        assert done.returncode == 1
        found = {each["channel"]: each for each in json.loads(done.stdout)["channels"]}
        assert (found["webhook"]["delivered"], found["command"]["delivered"]) == (False, True)
        assert json.loads(got.read_text())["text"] == (
            "hall: this is a test: alerts of this gateway arrive here"
        )
        assert daemon.has_logged("alert:", "command: a test alert is delivered")
        assert daemon.has_logged("alert:", "webhook: a test alert is not delivered")
    gateway.config_path.write_text(TEXT, encoding="utf-8")
    assert gateway.run_lbrouter("alerts", "test").returncode == 78
