"""Router on a stick: the provider comes in by the port that carries the LAN, one wire for both.

With the provider's tag where the kernel has 802.1Q; everywhere with a macvlan, which hands each
frame to the queue of its port in the same way.
"""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lbrouter.model.errors import ExitCode
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.arrivals import read_arrivals
from tests.kit.commands import require_success
from tests.kit.venues import VenueBuilder, uplink_of_new_flow
from tests.kit.wait import eventually
from tests.topology.uplinks.dhcp_uplinks import write_config

UPLOAD_BPS = 12_000_000
"""More than the LAN's downloads have; an emulated machine carries three times as much."""
WARM_UP_BYTES = 2_000_000
HEADROOM = 0.95

MACVLAN = "ip link add side0 link port0 type macvlan mode bridge; ip link set side0 up"

TWO_PORTS = """
[gateway]
name = "stick"
[uplinks.fiber]
interface = "wan1"
address = "203.0.113.2/24"
gateway = "203.0.113.1"
upload = "12mbit"
download = "8mbit"
[vlans.stream]
port = "lan1"
address = "10.10.10.1/24"
policy = "show"
[policies.show]
mode = "failover"
uplinks = ["fiber"]
"""

ONE_WIRE = """
ip link add switch type bridge
ip link set switch up
for port in wan1 lan1 socket0; do ip link set $port master switch; ip link set $port up; done
"""


@contextmanager
def one_wire(venue: Venue, interface: str) -> Iterator[None]:
    """Put client and provider behind a switch with the gateway's only port, port0.

    lbrouter gets the file that says so.
    """
    switch, gateway = venue.namespace("wire"), venue.gateway
    subprocess.run(["ip", "netns", "add", switch], check=True)
    try:
        gateway.run_script(
            f"for port in wan1 lan1; do ip link set $port netns {switch}; done;"
            f" ip link add port0 type veth peer name socket0 netns {switch}; ip link set port0 up"
        )
        subprocess.run(["ip", "netns", "exec", switch, "sh", "-ec", ONE_WIRE], check=True)
        text = TWO_PORTS.replace('port = "lan1"', 'port = "port0"')
        write_config(venue, text.replace('interface = "wan1"', interface))
        yield
    finally:
        subprocess.run(["ip", "netns", "del", switch], check=True)


def tag_the_provider(venue: Venue) -> None:
    venue.isp("fiber").run_script(
        "ip link add link line name line35 type vlan id 35; ip link set line35 up;"
        " ip address del 203.0.113.1/24 dev line; ip address add 203.0.113.1/24 dev line35"
    )


def upload_bps(venue: Venue) -> float:
    """At which rate it arrives at the provider what the client sends, once the file is applied."""
    require_success(venue.gateway.run_lbrouter("apply"))
    assert venue.gateway.run_lbrouter("plan").returncode == ExitCode.DONE
    assert eventually(lambda: uplink_of_new_flow(venue) == "fiber")
    client = venue.client("stream")
    rows = json.loads(client.check_output(["ip", "-4", "-json", "address", "show", "eth0"]))
    load = client.start_load(
        sources=[rows[0]["addr_info"][0]["local"]],
        up=True,
        pace_bps=0,
        seconds=8,
        flows=4,
        probe=False,
    )
    namespace = venue.namespace("isp-fiber")
    first = read_arrivals(namespace, "line")
    assert eventually(
        lambda: read_arrivals(namespace, "line").frame_bytes > first.frame_bytes + WARM_UP_BYTES
    )
    begin = read_arrivals(namespace, "line")
    assert eventually(lambda: read_arrivals(namespace, "line").at_s > begin.at_s + 3)
    rate = begin.frame_bps(read_arrivals(namespace, "line"))
    assert load.result(), "it has ended"
    return rate


def assert_one_wire_is_as_good_as_two(two_ports: float, one_port: float) -> None:
    print("upload of", UPLOAD_BPS, "by two ports:", round(two_ports), "by one:", round(one_port))
    assert one_port > 0.95 * two_ports
    assert max(one_port, two_ports) < 1.01 * HEADROOM * UPLOAD_BPS


def test_an_upload_by_a_device_on_the_lans_port_has_the_rate_of_its_line(
    build_venue: VenueBuilder,
) -> None:
    two_ports = upload_bps(build_venue(TWO_PORTS))
    venue = build_venue(TWO_PORTS)
    with one_wire(venue, 'interface = "side0"'):
        venue.gateway.run_script(MACVLAN)
        assert_one_wire_is_as_good_as_two(two_ports, upload_bps(venue))


@pytest.mark.needs("vlan")
def test_an_upload_by_the_providers_tag_on_the_lans_port_has_the_rate_of_its_line(
    build_venue: VenueBuilder,
) -> None:
    two_ports = upload_bps(build_venue(TWO_PORTS))
    venue = build_venue(TWO_PORTS)
    with one_wire(venue, 'interface = "port0"\nvlan = 35'):
        tag_the_provider(venue)
        assert_one_wire_is_as_good_as_two(two_ports, upload_bps(venue))
