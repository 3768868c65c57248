"""What a simulated provider can do to its line: each fault is there, measured, and undone."""

import json
import re
from ipaddress import ip_address, ip_interface

import pytest

from lbrouter.rehearsal.lab.hosts import Host, Target
from lbrouter.rehearsal.lab.layout import Style
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.builders import TWO_LINES
from tests.topology.conftest import VenueOf, eventually
from tests.topology.lab.test_lab import by_hand

SERVER = "1.1.1.1"
LEASED = """
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
def venue(venue_of: VenueOf) -> Venue:
    built = venue_of(TWO_LINES, style=Style(delay_ms=(("lte", 5),)))
    by_hand(built)
    return built


def pinged(host: Host, interface: str, *, count: int = 100) -> tuple[float, list[float]]:
    """Percent lost, and the round trips in milliseconds, by one uplink."""
    argv = ["ping", "-c", str(count), "-i", "0.005", "-W", "1", "-I", interface, SERVER]
    said = host.run(argv).stdout
    lost = re.search(r"([0-9.]+)% packet loss", said)
    assert lost, said
    return float(lost[1]), [float(each) for each in re.findall(r"time=([0-9.]+) ms", said)]


def least(round_trips: list[float]) -> float:
    """What the line itself takes; above it is the machine's own business."""
    assert round_trips
    return min(round_trips)


def test_a_delay_is_what_was_asked_for_each_way(venue: Venue) -> None:
    gateway, fiber = venue.gateway, venue.isp("fiber")
    assert least(pinged(gateway, "wan1")[1]) < 2
    assert least(pinged(gateway, "wan2")[1]) == pytest.approx(10, abs=2)
    for one_way in (10, 150):
        fiber.impair(delay_ms=one_way)
        found = least(pinged(gateway, "wan1", count=60)[1])
        assert found == pytest.approx(2 * one_way, abs=2)
    fiber.heal()
    assert least(pinged(gateway, "wan1")[1]) < 2


@pytest.mark.needs("netem")
def test_a_kernel_with_netem_delays_by_itself(venue: Venue) -> None:
    fiber = venue.isp("fiber")
    fiber.impair(delay_ms=20)
    assert fiber.check(["tc", "qdisc"]).count("netem") == 2
    found = least(pinged(venue.gateway, "wan1", count=20)[1])
    assert 40 <= found < 60
    fiber.heal()
    assert "netem" not in fiber.check(["tc", "qdisc"])
    lost, round_trips = pinged(venue.gateway, "wan1", count=20)
    assert lost == 0
    assert least(round_trips) < 20


def test_a_delayed_line_still_carries_twenty_megabits(venue: Venue) -> None:
    venue.isp("fiber").impair(delay_ms=10)
    server = venue.host("internet").start(["iperf3", "-s", "-1", "-J", "-B", SERVER])
    client = venue.client("stream")
    assert eventually(lambda: ":5201" in venue.host("internet").run(["ss", "-Hltn"]).stdout)
    argv = ["iperf3", "-u", "-b", "20M", "-l", "1400", "-t", "1", "-J", "-c", SERVER]
    load = client.start([*argv, "-B", str(client.seat.of(4)[0])])
    lost, round_trips = pinged(venue.gateway, "wan1", count=60)
    assert load.process.wait(20) == 0
    output, _ = server.process.communicate(timeout=20)
    found = json.loads(output)["end"]["sum"]
    print("received", found["bits_per_second"], "lost", found["lost_packets"], "rtt", round_trips)
    assert found["lost_packets"] == 0
    assert lost == 0
    assert least(round_trips) == pytest.approx(20, abs=2)


def test_loss_is_a_part_of_the_packets_each_way(venue: Venue) -> None:
    gateway, fiber = venue.gateway, venue.isp("fiber")
    fiber.impair(loss_percent=30)
    both, _ = pinged(gateway, "wan1", count=200)
    fiber.impair(loss_up_percent=30)
    one, _ = pinged(gateway, "wan1", count=200)
    assert both == pytest.approx(51, abs=18)
    assert one == pytest.approx(30, abs=16)
    assert pinged(gateway, "wan2")[0] == 0
    fiber.heal()
    assert pinged(gateway, "wan1")[0] == 0


def answers(host: Host, *ports: tuple[str, int]) -> list[str]:
    """What the world answers to a host, by protocol and port."""
    targets = [Target(to=ip_address("1.1.1.1"), protocol=word, port=port) for word, port in ports]
    return [str(row["answer"]) for row in host.scan(targets, timeout_ms=600)]


DNS, TALK, ECHO = ("udp", 53), ("tcp", 7777), ("icmp", 0)


def test_names_can_die_alone(venue: Venue) -> None:
    gateway = venue.gateway
    gateway.check(["ip", "route", "del", "default", "dev", "wan2"])
    assert answers(gateway, DNS, TALK, ECHO) == ["open", "open", "open"]
    venue.isp("fiber").impair(dns_dead=True)
    assert answers(gateway, DNS, TALK, ECHO) == ["silent", "open", "open"]
    venue.isp("fiber").heal()
    assert answers(gateway, DNS) == ["open"]


def test_a_portal_stands_in_for_every_page_and_lets_pings_pass(venue: Venue) -> None:
    gateway, fetch = venue.gateway, ["curl", "-s", "-i", "-m", "3", "--interface", "wan1"]
    assert "200 OK" in gateway.run([*fetch, f"http://{SERVER}/"]).stdout
    venue.isp("fiber").impair(portal=True)
    assert "302 Found" in gateway.run([*fetch, f"http://{SERVER}/"]).stdout
    untrusted = 60
    assert gateway.run([*fetch, f"https://{SERVER}/"]).returncode == untrusted
    gateway.check(["ip", "route", "del", "default", "dev", "wan2"])
    assert answers(gateway, DNS, TALK, ECHO) == ["open", "silent", "open"]
    venue.isp("fiber").heal()
    assert "200 OK" in gateway.run([*fetch, f"http://{SERVER}/"]).stdout


def test_a_line_that_flaps_is_there_again(venue: Venue) -> None:
    def falls() -> int:
        return int(venue.gateway.check(["cat", "/sys/class/net/wan1/carrier_down_count"]))

    before = falls()
    venue.isp("fiber").flap(times=3, period_s=0.1)
    assert falls() - before == 3
    assert pinged(venue.gateway, "wan1", count=5)[0] == 0


def leased(venue: Venue) -> tuple[str, str]:
    """Address and gateway that a DHCP client of another maker gets; once, without renewal."""
    venue.gateway.check(["ip", "link", "set", "wan1", "up"])
    script = venue.folder / "bound"
    script.write_text('#!/bin/sh\n[ "$1" = bound ] && echo "bound $ip/$mask $router"\nexit 0\n')
    script.chmod(0o755)
    argv = ["busybox", "udhcpc", "-i", "wan1", "-n", "-q", "-f", "-t", "3", "-T", "1"]
    said = venue.gateway.run([*argv, "-s", str(script)]).stdout
    found = re.search(r"bound (\S+) (\S+)", said)
    return (found[1], found[2]) if found else ("", "")


def test_a_provider_leases_changes_its_mind_and_vanishes(venue_of: VenueOf) -> None:
    venue = venue_of(LEASED, style=Style(leases=frozenset({"lte"})))
    isp = venue.isp("lte")
    leg = isp.home.legs[0]
    assert venue.site.config.uplinks["lte"].addressing == "dhcp"
    assert leased(venue) == (str(leg.address), str(leg.gateway))
    isp.lease(ip_interface("100.64.7.9/22"), ip_address("100.64.4.1"), renew_s=3)
    assert leased(venue) == ("100.64.7.9/22", "100.64.4.1")
    venue.gateway.check(["ip", "address", "add", "100.64.7.9/22", "dev", "wan1"])
    venue.gateway.check(["ip", "route", "add", "default", "via", "100.64.4.1"])
    rows = venue.gateway.start_scan([Target(to=ip_address(SERVER), protocol="tcp", port=7777)])
    assert [row["answer"] for row in rows.result()] == ["open"]
    assert isp.strays() == 0
    isp.no_lease()
    assert leased(venue) == ("", "")
    isp.heal()
    assert leased(venue) == (str(leg.address), str(leg.gateway))
