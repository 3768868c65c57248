"""The faults of a simulated provider: each one works, is measured, and is undone."""

import json
import re
from ipaddress import ip_address, ip_interface

import pytest

from lbrouter.rehearsal.lab.hosts import Host, ScanTarget
from lbrouter.rehearsal.lab.layout import VenueOptions
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.builders import TWO_LINES
from tests.kit.manual_gateway import configure_by_hand
from tests.kit.venues import VenueBuilder
from tests.kit.wait import eventually

PING_TARGET = "1.1.1.1"
DHCP_CONFIG = """
[gateway]
name = "leased"
[uplinks.lte]
interface = "wan1"
address = "dhcp"
[vlans.desk]
port = "lan1"
address = "10.10.99.1/24"
policy = "only"
[policies.only]
mode = "failover"
uplinks = ["lte"]
"""


@pytest.fixture
def venue(build_venue: VenueBuilder) -> Venue:
    built = build_venue(TWO_LINES, style=VenueOptions(delay_ms=(("lte", 5),)))
    configure_by_hand(built)
    return built


def ping_loss_and_rtts(
    host: Host, interface: str, *, count: int = 100
) -> tuple[float, list[float]]:
    """Percent lost, and the round trips in milliseconds, by one uplink."""
    argv = ["ping", "-c", str(count), "-i", "0.005", "-W", "1", "-I", interface, PING_TARGET]
    said = host.run(argv).stdout
    lost = re.search(r"([0-9.]+)% packet loss", said)
    assert lost, said
    return float(lost[1]), [float(each) for each in re.findall(r"time=([0-9.]+) ms", said)]


def min_rtt(round_trips: list[float]) -> float:
    """The delay of the line itself; more is the machine's own delay."""
    assert round_trips
    return min(round_trips)


def test_a_delay_is_what_was_asked_for_each_way(venue: Venue) -> None:
    gateway, fiber = venue.gateway, venue.isp("fiber")
    assert min_rtt(ping_loss_and_rtts(gateway, "wan1")[1]) < 2
    assert min_rtt(ping_loss_and_rtts(gateway, "wan2")[1]) == pytest.approx(10, abs=2)
    for one_way in (10, 150):
        fiber.impair(delay_ms=one_way)
        found = min_rtt(ping_loss_and_rtts(gateway, "wan1", count=60)[1])
        assert found == pytest.approx(2 * one_way, abs=2)
    fiber.restore()
    assert min_rtt(ping_loss_and_rtts(gateway, "wan1")[1]) < 2


@pytest.mark.needs("netem")
def test_a_kernel_with_netem_delays_by_itself(venue: Venue) -> None:
    fiber = venue.isp("fiber")
    fiber.impair(delay_ms=20)
    assert fiber.check_output(["tc", "qdisc"]).count("netem") == 2
    found = min_rtt(ping_loss_and_rtts(venue.gateway, "wan1", count=20)[1])
    assert 40 <= found < 60
    fiber.restore()
    assert "netem" not in fiber.check_output(["tc", "qdisc"])
    lost, round_trips = ping_loss_and_rtts(venue.gateway, "wan1", count=20)
    assert lost == 0
    assert min_rtt(round_trips) < 20


def test_a_delayed_line_still_carries_twenty_megabits(venue: Venue) -> None:
    venue.isp("fiber").impair(delay_ms=10)
    server = venue.host("internet").start(["iperf3", "-s", "-1", "-J", "-B", PING_TARGET])
    client = venue.client("stream")
    assert eventually(lambda: ":5201" in venue.host("internet").run(["ss", "-Hltn"]).stdout)
    argv = ["iperf3", "-u", "-b", "20M", "-l", "1400", "-t", "1", "-J", "-c", PING_TARGET]
    load = client.start([*argv, "-B", str(client.layout.ip_addresses(4)[0])])
    lost, round_trips = ping_loss_and_rtts(venue.gateway, "wan1", count=60)
    assert load.process.wait(20) == 0
    output, _ = server.process.communicate(timeout=20)
    found = json.loads(output)["end"]["sum"]
    print("received", found["bits_per_second"], "lost", found["lost_packets"], "rtt", round_trips)
    assert found["lost_packets"] == 0
    assert lost == 0
    assert min_rtt(round_trips) == pytest.approx(20, abs=2)


def test_loss_is_a_part_of_the_packets_each_way(venue: Venue) -> None:
    gateway, fiber = venue.gateway, venue.isp("fiber")
    fiber.impair(loss_percent=30)
    both, _ = ping_loss_and_rtts(gateway, "wan1", count=200)
    fiber.impair(loss_up_percent=30)
    one, _ = ping_loss_and_rtts(gateway, "wan1", count=200)
    assert both == pytest.approx(51, abs=18)
    assert one == pytest.approx(30, abs=16)
    assert ping_loss_and_rtts(gateway, "wan2")[0] == 0
    fiber.restore()
    assert ping_loss_and_rtts(gateway, "wan1")[0] == 0


def probe_answers(host: Host, *ports: tuple[str, int]) -> list[str]:
    """What the internet answers to a host, by protocol and port."""
    targets = [
        ScanTarget(to=ip_address("1.1.1.1"), protocol=word, port=port) for word, port in ports
    ]
    return [str(row["answer"]) for row in host.scan(targets, timeout_ms=600)]


DNS_PORT, TALK_PORT, ECHO_PORT = ("udp", 53), ("tcp", 7777), ("icmp", 0)


def test_names_can_die_alone(venue: Venue) -> None:
    gateway = venue.gateway
    gateway.check_output(["ip", "route", "del", "default", "dev", "wan2"])
    assert probe_answers(gateway, DNS_PORT, TALK_PORT, ECHO_PORT) == ["open", "open", "open"]
    venue.isp("fiber").impair(dns_dead=True)
    assert probe_answers(gateway, DNS_PORT, TALK_PORT, ECHO_PORT) == ["silent", "open", "open"]
    venue.isp("fiber").restore()
    assert probe_answers(gateway, DNS_PORT) == ["open"]


def test_a_portal_stands_in_for_every_page_and_lets_pings_pass(venue: Venue) -> None:
    gateway, fetch = venue.gateway, ["curl", "-s", "-i", "-m", "3", "--interface", "wan1"]
    assert "200 OK" in gateway.run([*fetch, f"http://{PING_TARGET}/"]).stdout
    venue.isp("fiber").impair(portal=True)
    assert "302 Found" in gateway.run([*fetch, f"http://{PING_TARGET}/"]).stdout
    untrusted = 60
    assert gateway.run([*fetch, f"https://{PING_TARGET}/"]).returncode == untrusted
    gateway.check_output(["ip", "route", "del", "default", "dev", "wan2"])
    assert probe_answers(gateway, DNS_PORT, TALK_PORT, ECHO_PORT) == ["open", "silent", "open"]
    venue.isp("fiber").restore()
    assert "200 OK" in gateway.run([*fetch, f"http://{PING_TARGET}/"]).stdout


def test_a_line_that_flaps_is_there_again(venue: Venue) -> None:
    def falls() -> int:
        return int(venue.gateway.check_output(["cat", "/sys/class/net/wan1/carrier_down_count"]))

    before = falls()
    venue.isp("fiber").flap(times=3, period_s=0.1)
    assert falls() - before == 3
    assert ping_loss_and_rtts(venue.gateway, "wan1", count=5)[0] == 0


def dhcp_address_and_gateway(venue: Venue) -> tuple[str, str]:
    """Address and gateway that a DHCP client of another maker gets; once, without renewal."""
    venue.gateway.check_output(["ip", "link", "set", "wan1", "up"])
    script = venue.folder / "bound"
    script.write_text('#!/bin/sh\n[ "$1" = bound ] && echo "bound $ip/$mask $router"\nexit 0\n')
    script.chmod(0o755)
    argv = ["busybox", "udhcpc", "-i", "wan1", "-n", "-q", "-f", "-t", "3", "-T", "1"]
    said = venue.gateway.run([*argv, "-s", str(script)]).stdout
    found = re.search(r"bound (\S+) (\S+)", said)
    return (found[1], found[2]) if found else ("", "")


def test_a_provider_leases_then_leases_another_address_and_vanishes(
    build_venue: VenueBuilder,
) -> None:
    venue = build_venue(DHCP_CONFIG, style=VenueOptions(dhcp_server_uplinks=frozenset({"lte"})))
    isp = venue.isp("lte")
    leg = isp.initial_line.families[0]
    assert venue.layout.config.uplinks["lte"].addressing == "dhcp"
    assert dhcp_address_and_gateway(venue) == (str(leg.address), str(leg.gateway))
    isp.offer_lease(ip_interface("100.64.7.9/22"), ip_address("100.64.4.1"), renew_s=3)
    assert dhcp_address_and_gateway(venue) == ("100.64.7.9/22", "100.64.4.1")
    venue.gateway.check_output(["ip", "address", "add", "100.64.7.9/22", "dev", "wan1"])
    venue.gateway.check_output(["ip", "route", "add", "default", "via", "100.64.4.1"])
    rows = venue.gateway.start_scan(
        [ScanTarget(to=ip_address(PING_TARGET), protocol="tcp", port=7777)]
    )
    assert [row["answer"] for row in rows.result()] == ["open"]
    assert isp.stray_packets() == 0
    isp.stop_dhcp_server()
    assert dhcp_address_and_gateway(venue) == ("", "")
    isp.restore()
    assert dhcp_address_and_gateway(venue) == (str(leg.address), str(leg.gateway))
