"""Names by the resolvers of the lines, and no name that leads to what is near (DNS rebinding)."""

import sys
from pathlib import Path

import pytest

from lbrouter.rehearsal.lab.process import LabProcess
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.builders import config_of
from tests.kit.config_text import failover_text, fiber, file_text, lte, vlan_text
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.programs import RESOLVER, UPSTREAM_RESOLVER_ARGV
from tests.kit.venues import VenueBuilder
from tests.kit.wait import eventually

CREW = vlan_text(
    "crew", "lan1", "10.20.2.1/24", "show", 'dhcp = { range = "10.20.2.100-10.20.2.200" }'
)
TEXT = file_text("venue-dns", fiber(), lte(), CREW, failover_text("show", "fiber", "lte"))
NAME = "event.example"
ANSWER = "198.18.7.7"
ELSEWHERE = "198.18.9.9"
"""What the resolver of the file answers, to all names."""

REBINDING_NAMES = {
    "vlan.example": "10.20.2.1",
    "modem.example": "203.0.113.1",
    "private.example": "192.168.1.1",
    "itself.example": "127.0.0.1",
    "zero.example": "0.0.0.0",
    "provider.example": "100.64.0.1",
    "six.example": "fd10:10::1",
    "link.example": "fe80::1",
    "mapped.example": "::ffff:192.168.1.1",
}


@pytest.fixture
def venue(build_venue: VenueBuilder) -> Venue:
    return build_venue(TEXT)


def _with(text: str, section: str, *lines: str) -> str:
    head = f"[uplinks.{section}]\n"
    assert head in text
    return text.replace(head, head + "".join(f"{line}\n" for line in lines))


def _resolver(venue: Venue, uplink: str, folder: Path) -> None:
    """A provider's own resolver, on its own address; port 53 passes to no other."""
    isp = venue.isp(uplink)
    own = {"fiber": "203.0.113.1", "lte": "198.51.100.1"}[uplink]
    isp.check_output(["nft", "add table ip closed"])
    isp.check_output(["nft", "add chain ip closed pass { type filter hook forward priority -20; }"])
    isp.check_output(["nft", "add rule ip closed pass th dport 53 drop"])
    log = folder / f"dns-{uplink}"
    isp.start(
        [
            *("dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv"),
            *("--no-hosts", "--bind-interfaces", "--except-interface=lo", "--pid-file"),
            *(f"--listen-address={own}", "--user=root", f"--address=/{NAME}/{ANSWER}"),
            *("--log-queries=extra", f"--log-facility={log}"),
        ]
    )
    assert eventually(lambda: f"{own}:53" in isp.check_output(["ss", "-lnu"]))


def _file_resolver(venue: Venue) -> LabProcess:
    """The resolver that the file names, in the internet."""
    script = str(Path(__file__).with_name("simple_resolver.py"))
    started = venue.internet.start([sys.executable, "-I", "-S", script, RESOLVER, ELSEWHERE])
    started.read_json()
    return started


def _lookup(venue: Venue, name: str = NAME, kind: str = "a", server: str = "10.20.2.1") -> str:
    """The first answer that a client gets, from the gateway; "" where there is none."""
    argv = ["busybox", "nslookup", f"-type={kind}", name, server]
    said = venue.client("crew").run(argv).stdout
    _, found, answer = said.partition(f"Name:\t{name}\nAddress: ")
    return answer.split()[0] if found else ""


@pytest.mark.parametrize("mode", [0o700, 0o755])
def test_resolvers_of_a_line_serve_while_it_is_fit(venue: Venue, tmp_path: Path, mode: int) -> None:
    """Each is asked by its own line: the venue lets nothing else through.

    Where dnsmasq's user may enter the runtime directory the list is read again; else dnsmasq is
    started again.
    """
    venue.folder.chmod(mode)
    pids = set[int]()
    text = _with(TEXT, "fiber", 'dns = ["203.0.113.1"]')
    text = _with(text, "lte", 'dns = "198.51.100.1"')
    venue.write_config(config_of(text))
    _resolver(venue, "fiber", tmp_path)
    _resolver(venue, "lte", tmp_path)
    queries = {name: tmp_path / f"dns-{name}" for name in ("fiber", "lte")}
    with GatewayDaemon(venue.gateway) as daemon:
        assert eventually(lambda: daemon.state("fiber") == daemon.state("lte") == "up", within_s=30)
        assert eventually(lambda: _lookup(venue) == ANSWER, within_s=20)
        assert all(NAME in log.read_text(encoding="utf-8") for log in queries.values())
        pids.add(_pid(venue))
        venue.isp("fiber").set_blackhole(on=True)
        assert eventually(lambda: daemon.state("fiber") == "down", within_s=30)
        assert eventually(lambda: "wan1" not in _servers(venue))
        assert eventually(lambda: _lookup(venue) == ANSWER)
        pids.add(_pid(venue))
        assert len(pids) == (1 if mode & 0o001 else 2)
        venue.isp("fiber").set_blackhole(on=False)
        assert eventually(lambda: "wan1" in _servers(venue), within_s=30)


def _pid(venue: Venue) -> int:
    return int((venue.gateway.runtime_dir / "dnsmasq.pid").read_text(encoding="ascii"))


def _servers(venue: Venue) -> str:
    return (venue.gateway.runtime_dir / "dnsmasq.servers").read_text(encoding="utf-8")


def test_what_a_lease_names_serves_while_the_resolvers_of_the_file_are_silent(
    venue: Venue, tmp_path: Path
) -> None:
    """A hotel's port 53 leads to its own resolver alone. Not before: it may answer faster."""
    text = TEXT.replace('name = "venue-dns"', f'name = "venue-dns"\ndns = ["{RESOLVER}"]')
    text = text.replace('address = "203.0.113.2/30"\ngateway = "203.0.113.1"', 'address = "dhcp"')
    venue.write_config(config_of(text))
    venue.internet.check_output(["ip", "address", "add", f"{RESOLVER}/32", "dev", "lo"])
    upstream = _file_resolver(venue)
    isp = venue.isp("fiber")
    log = tmp_path / "offers"
    isp.start(
        [
            *("dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv"),
            *("--no-hosts", "--bind-interfaces", "--interface=line", "--except-interface=lo"),
            *("--user=root", "--pid-file", "--no-ping", f"--log-facility={log}"),
            *(f"--address=/{NAME}/{ANSWER}", "--dhcp-authoritative"),
            *(
                "--dhcp-range=203.0.113.2,203.0.113.2,255.255.255.252,1h",
                "--dhcp-option=6,203.0.113.1",
            ),
            f"--dhcp-leasefile={tmp_path / 'leases'}",
        ]
    )
    with GatewayDaemon(venue.gateway) as daemon:
        assert eventually(lambda: daemon.state("fiber") == "up", within_s=40)
        assert eventually(lambda: _lookup(venue) == ELSEWHERE, within_s=20)
        assert _servers(venue) == ""
        upstream.close()
        assert eventually(lambda: _lookup(venue) == ANSWER, within_s=40)
        assert any("(gateway.dns) answers" in each["text"] for each in daemon.events("trouble"))
        _file_resolver(venue)
        assert eventually(lambda: _servers(venue) == "", within_s=30)
        assert any("answered again" in each["text"] for each in daemon.events("trouble"))


def test_no_name_leads_to_what_is_near(venue: Venue) -> None:
    """Names of the internet with such addresses have no answer; others have."""
    text = TEXT.replace('name = "venue-dns"', f'name = "venue-dns"\ndns = ["{RESOLVER}"]')
    hosts = '[vlans.crew.hosts]\nmixer = { mac = "02:00:00:00:00:ab", address = "10.20.2.30" }\n'
    venue.write_config(config_of(text + hosts))
    venue.internet.check_output(["ip", "address", "add", f"{RESOLVER}/32", "dev", "lo"])
    records = [f"--host-record={name},{address}" for name, address in REBINDING_NAMES.items()]
    venue.internet.start([*UPSTREAM_RESOLVER_ARGV, *records])
    with GatewayDaemon(venue.gateway):
        assert eventually(lambda: _lookup(venue, "stream.example") == "192.0.2.80", within_s=40)
        for name, address in REBINDING_NAMES.items():
            assert _lookup(venue, name, "aaaa" if ":" in address else "a") == "", name
        assert _lookup(venue, "mixer") == "10.20.2.30"  # a host of the file
        # The control: the resolver outside does answer with them.
        assert _lookup(venue, "private.example", server=RESOLVER) == "192.168.1.1"
