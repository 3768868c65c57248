"""The `watch` screen on a terminal of 80 by 24, and alerts that leave by the line that is up."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lbrouter.cli.output import banner_font
from lbrouter.compile.config.parse import parse
from lbrouter.rehearsal.lab import process_netns
from lbrouter.rehearsal.lab.hosts import package_env
from lbrouter.rehearsal.lab.layout import INTERNET_SERVERS
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.commands import require_success
from tests.kit.configs import FAILOVER_CONFIG
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.terminal import Terminal
from tests.kit.venues import VenueBuilder
from tests.kit.wait import eventually


def watch_argv(venue: Venue, *words: str) -> list[str]:
    argv = venue.gateway.lbrouter_argv("status", "--watch", *words)
    return process_netns.exec_argv(venue.gateway.namespace, argv)


RECEIVER_SCRIPT = """
import http.server, json, sys
statuses = [500, 500]
class Page(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status = statuses.pop() if statuses else 200
        with open(sys.argv[1], "a") as file:
            print(json.dumps([status, self.client_address[0], body]), file=file)
        self.send_response(status)
        self.end_headers()
    def log_message(self, *words):
        pass
http.server.HTTPServer((sys.argv[2], 8081), Page).serve_forever()
"""


@contextmanager
def webhook_receiver(venue: Venue, log_file: Path) -> Iterator[None]:
    """A page in the internet that fails twice, and writes down what it gets."""
    argv = [sys.executable, "-c", RECEIVER_SCRIPT, str(log_file), str(INTERNET_SERVERS[0])]
    with subprocess.Popen(process_netns.exec_argv(venue.internet.namespace, argv)) as process:
        try:
            yield
        finally:
            process.kill()


def test_an_incident_on_the_screen_and_in_an_alert(
    build_venue: VenueBuilder, tmp_path: Path
) -> None:
    received, program, noted = tmp_path / "told", tmp_path / "program", tmp_path / "noted"
    program.write_text(f'#!/bin/sh\necho "$LBROUTER_TEXT" >> {noted}\n')
    program.chmod(0o755)
    alerts = f'[alerts]\nwebhook = "http://{INTERNET_SERVERS[0]}:8081/"\ncommand = ["{program}"]\n'
    venue = build_venue(FAILOVER_CONFIG)  # a venue removes [alerts]: a rehearsal sends none
    venue.write_config(parse(f"{FAILOVER_CONFIG}\n{alerts}".encode(), source="x").config)
    with (
        webhook_receiver(venue, received),
        GatewayDaemon(venue.gateway) as daemon,
        Terminal(watch_argv(venue)) as screen,
    ):
        assert eventually(lambda: screen.shows("FAILOVER", "fiber", "RTT"), within_s=15)
        assert eventually(
            lambda: screen.shows(banner_font.banner_lines("show > fiber")[0]), within_s=15
        )
        venue.isp("fiber").set_carrier(up=False)
        assert eventually(
            lambda: screen.shows("incident 1, now: the cable of fiber (wan1) lost its signal")
        )
        assert eventually(lambda: screen.shows(banner_font.banner_lines("show > lte")[0]))
        assert eventually(
            lambda: received.exists() and "200" in received.read_text()[:9999], within_s=20
        )
        posts = [json.loads(line) for line in received.read_text().splitlines()]
        assert [status for status, _, _ in posts] == [500, 500, 200]
        assert {venue.uplink_of(source) for _, source, _ in posts} == {"lte"}
        assert "show moved to lte at" in posts[-1][2]["text"]
        assert "show moved to lte at" in noted.read_text()
        daemon.process.send_signal(signal.SIGSTOP)
        assert eventually(lambda: screen.shows("THE DAEMON DOES NOT ANSWER"), within_s=25)
        daemon.kill()
        assert eventually(lambda: screen.shows("NO DAEMON: there is no failover."), within_s=15)
        assert eventually(lambda: screen.shows("no carrier on wan1"), within_s=15)
        daemon.start()
        assert eventually(daemon.is_serving, within_s=30)
        assert eventually(lambda: not screen.shows("NO DAEMON"), within_s=15)
        assert screen.close() == 130
        assert "Traceback" not in screen.printed
        sentence = require_success(venue.gateway.run_lbrouter("events", "--brief", "--lang", "id"))
        assert sentence.startswith("insiden 1: kabel fiber (wan1) terputus sejak")
        told = [each for each in daemon.events("uplink") if each["subject"] == "fiber"]
        assert [(each["more"]["after"], each["incident"]) for each in told] == [
            ("up", ""), ("down", "1")
        ], "it was checked at first, and the next daemon has nothing new to say of it"  # fmt: skip
        venue.isp("fiber").set_carrier(up=True)
        assert eventually(lambda: daemon.state("fiber") == "up", within_s=15)
        assert daemon.events("uplink")[-1]["incident"] == "1"


def test_a_pipe_gets_plain_screens_line_by_line_and_may_end(build_venue: VenueBuilder) -> None:
    venue = build_venue(FAILOVER_CONFIG)
    require_success(venue.gateway.run_lbrouter("apply"))
    with subprocess.Popen(
        watch_argv(venue), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**package_env(), "LC_ALL": "C.UTF-8"},
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        screens = 0
        while screens < 2:
            line = process.stdout.readline()
            assert line, process.stderr.read()
            assert "\x1b" not in line
            screens += line.startswith(" FAILOVER")
        process.stdout.close()
        assert process.wait(15) == 141
        assert process.stderr.read() == ""


def test_with_json_a_pipe_gets_a_document_a_line(build_venue: VenueBuilder) -> None:
    venue = build_venue(FAILOVER_CONFIG)
    with subprocess.Popen(
        watch_argv(venue, "--json"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=package_env(),
    ) as process:  # fmt: skip
        assert process.stdout is not None
        documents = [json.loads(process.stdout.readline()) for _ in range(2)]
        process.stdout.close()
        assert process.wait(15) == 141
    assert [each["gateway"] for each in documents] == ["failover", "failover"]
