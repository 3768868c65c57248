"""Providers that lease addresses: a real dnsmasq, or a server that answers as configured."""

import json
import signal
import socket
import sys
from pathlib import Path
from typing import Any

from lbrouter.compile.config.parse import parse
from lbrouter.rehearsal.lab.hosts import Isp
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.configs import FAILOVER_CONFIG
from tests.kit.venues import VenueBuilder
from tests.kit.wait import eventually

STATIC_CONFIG = FAILOVER_CONFIG.replace("203.0.113.2/30", "203.0.113.2/24")

FIBER_ADDRESSING = 'address = "203.0.113.2/24"\ngateway = "203.0.113.1"'
DHCP_CONFIG = STATIC_CONFIG.replace(FIBER_ADDRESSING, 'address = "dhcp"')
EXTERNAL_CONFIG = STATIC_CONFIG.replace(FIBER_ADDRESSING, 'address = "external"')

DNSMASQ_ARGV = (
    *("dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--pid-file"),
    *("--bind-interfaces", "--interface=line", "--dhcp-authoritative", "--log-dhcp", "--user=root"),
    "--no-ping",
)


def build_configured(
    venue_of: VenueBuilder, text: str = DHCP_CONFIG, *, layout: str = STATIC_CONFIG
) -> Venue:
    """A venue laid out by `layout`, whose gateway is given `text`."""
    venue = venue_of(layout)
    write_config(venue, text)
    return venue


def write_config(venue: Venue, text: str) -> None:
    venue.write_config(parse(text.encode(), source="test").config)


class DnsmasqServer:
    """A real server on a provider's line; the options are those of its command line."""

    def __init__(self, isp: Isp, folder: Path, *options: str) -> None:
        self.log = folder / f"dhcp-{isp.line.name}.log"
        self.leases = folder / f"dhcp-{isp.line.name}.leases"
        self.isp = isp
        self.start(*options)

    def start(self, *options: str) -> None:
        files = (f"--log-facility={self.log}", f"--dhcp-leasefile={self.leases}")
        self.job = self.isp.start([*DNSMASQ_ARGV, *files, *options])
        assert eventually(lambda: ":67" in self.isp.check_output(["ss", "-lnuH"])), self.log_text()

    def stop(self) -> None:
        """Stop the server and delete its leases."""
        self.job.process.send_signal(signal.SIGKILL)
        self.job.process.wait()
        self.leases.unlink(missing_ok=True)

    def restart(self, *options: str) -> None:
        self.stop()
        self.start(*options)

    def log_text(self) -> str:
        return self.log.read_text(encoding="utf-8") if self.log.exists() else ""

    def count_messages(self, word: str) -> int:
        return self.log_text().count(f"{word}(line)")


class ScriptedDhcpServer:
    """A server that answers as last configured (see dhcp_server.py)."""

    def __init__(self, isp: Isp, **plan: Any) -> None:
        script = str(Path(__file__).with_name("dhcp_server.py"))
        self.job = isp.start([sys.executable, "-I", "-S", script, "line"])
        self.job.read_json()
        self.set_plan(**plan)

    def set_plan(self, **plan: Any) -> None:
        self.job.ask(json.dumps(plan))

    def log(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.job.ask("log")
        return rows


def daemon_status(venue: Venue) -> Any:
    """The daemon's document, straight from its socket: `lbrouter status` costs half a second."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as opened:
        opened.settimeout(30)
        opened.connect(str(venue.gateway.runtime_dir / "control.sock"))
        with opened.makefile("rw", encoding="utf-8") as stream:
            stream.write('{"verb": "status"}\n')
            stream.flush()
            found = json.loads(stream.readline())
    return found["result"] if found["ok"] else {"uplinks": {}}


def uplink_state_text(venue: Venue, uplink: str = "fiber") -> str:
    """State and reason of an uplink; "" while the kernel is being changed for the first time."""
    found = daemon_status(venue)["uplinks"].get(uplink)
    return f"{found['state']}: {found['reason']}" if found else ""


def comes_up(venue: Venue, *uplinks: str) -> bool:
    """Whether these are up within a while."""
    names = uplinks or ("fiber",)
    return eventually(
        lambda: all(uplink_state_text(venue, n).startswith("up") for n in names), within_s=30
    )


def ipv4_addresses(venue: Venue, interface: str = "wan1") -> list[str]:
    """IPv4 addresses of an interface of the gateway."""
    found = json.loads(
        venue.gateway.check_output(["ip", "-4", "-json", "address", "show", interface])
    )
    return [f"{a['local']}/{a['prefixlen']}" for each in found for a in each.get("addr_info", ())]


def default_route(venue: Venue, table: int = 7001) -> str:
    """The default route of a table, as `ip` prints it."""
    text = venue.gateway.check_output(["ip", "-4", "route", "show", "table", str(table)])
    return next((line for line in text.splitlines() if line.startswith("default via")), "")
