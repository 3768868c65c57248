"""A wall clock that jumps must change nothing: the modules that may read it."""

import re
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "lbrouter"
WALL_CLOCK = re.compile(r"\btime\.time\(|datetime\.(now|utcnow|today)\(|CLOCK_REALTIME")

ALLOWED_FILES = {
    "cli/commands/events.py": "what an operator means by --since",
    "cli/commands/clients.py": "what is left of a client's lease, from dnsmasq's lease file",
    "daemon/events/alert_dispatcher.py": "whether an alert is too old to be of use",
    "daemon/dhcp/uplink_clients.py": "since when no server answers, as a clock time",
    "daemon/dhcp/uplink_clients6.py": "since when no server answers, as a clock time",
    "daemon/dhcp/pool_watch.py": "how full the pools are, from dnsmasq's lease file",
    "cli/event_day/report.py": "what an operator means by --since",
    "daemon/clients/client_inspection.py": "what is left of a client's lease",
    "daemon/control/precheck_queries.py": "how full the pools are, and what happened today",
    "daemon/lanes/lane_facts.py": "the age of a handshake, which the kernel stamps so",
    "daemon/lanes/lane_watch.py": "the same",
    "daemon/lanes/relay_diagnosis.py": "whether the clock itself is wrong",
    "daemon/control/status_report.py": "the age of a handshake",
    "daemon/events/timestamp.py": "the stamp of an entry",
    "kernel/probe/bound_socket.py": "the kernel's stamp of a datagram, and guarded against jumps",
    "services/dnsmasq_status.py": "how full the pools are, from dnsmasq's lease file",
    "rehearsal/agents/echo_server.py": "the log of the simulated internet",
}


def test_the_wall_clock_is_read_where_it_is_shown_and_nowhere_else() -> None:
    found = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        if WALL_CLOCK.search(path.read_text(encoding="utf-8"))
    }
    assert found <= ALLOWED_FILES.keys(), (
        "what waits or compares uses CLOCK_MONOTONIC or CLOCK_BOOTTIME"
    )
    assert "daemon/events/timestamp.py" in found
