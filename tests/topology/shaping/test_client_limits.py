"""Limits of single clients: one connection or eight, up or down, each machine has its own."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from lbrouter.compile.config.parse import parse
from lbrouter.compile.firewall import client_limits
from lbrouter.kernel.objects.nft_elements import elements_to_script
from tests.kit.shaping_gateway import CONFIG_TEMPLATE, UNTAGGED_PORTS
from tests.kit.shaping_venue import ShapingVenue

pytestmark = pytest.mark.needs("htb", "nft")

CEILING = "6mbit"
PER_CLIENT = f'upload = {{ per_client = "{CEILING}" }}\ndownload = {{ per_client = "{CEILING}" }}'
MAX_MBIT = 6 * 1.05 + (6 + 128 * 0.008192) / 3
"""In Mbit/s over three seconds. After a pause a client may send 128 kB at once, and what it did not
send in one second: the kernel's bucket holds both (net/netfilter/nft_limit.c; 907 kB at once were
measured for 750 kB a second and a burst of 131 kB)."""
CLIENT_ADDRESSES = {"one": "10.0.2.9", "eight": "10.0.2.8"}
"""Of the guests, each with a hardware address of its own. Named by their connections."""
MORE_ADDRESSES = {"first": "10.0.2.9", "second": "10.0.2.7", "third": "10.0.2.6"}
"""Of one machine."""
IP_TCP_HEADER_BYTES = 52


@pytest.fixture(scope="module")
def venue() -> Iterator[ShapingVenue]:
    built = ShapingVenue(UNTAGGED_PORTS)
    with ExitStack() as stack:
        stack.callback(built.tear_down)
        built.build()
        add_machines(built)
        built.run("gw", "nft", "-f", "-", stdin=client_limit_ruleset(built))
        yield built


def add_machines(built: ShapingVenue) -> None:
    """A second machine behind the guests' port, and more addresses for the first one."""
    port, eight = UNTAGGED_PORTS["guests"], CLIENT_ADDRESSES["eight"]
    for name in ("all.arp_ignore=1", "all.arp_announce=2", "all.rp_filter=0"):
        built.run("guests", "sysctl", "-qw", f"net.ipv4.conf.{name}")
    built.batch(
        [
            *(f"addr add {address}/24 dev {port}" for address in list(MORE_ADDRESSES.values())[1:]),
            f"link add link {port} name eight type macvlan mode bridge",
            f"addr add {eight}/24 dev eight noprefixroute",
            "link set eight up",
            f"rule add from {eight} lookup 8",
            "route add 10.0.2.0/24 dev eight table 8",
            "route add default via 10.0.2.1 table 8",
        ],
        "guests",
    )


def client_limit_ruleset(built: ShapingVenue) -> str:
    """The one part of our table that this is about."""
    text = CONFIG_TEMPLATE.format(**{**built.sections, "guests": PER_CLIENT})
    config = parse(text.encode(), source="per-client.toml").config
    elements = client_limits.elements(config) | {"uplinks": frozenset({("ua", ""), ("ub", "")})}
    return "\n".join(
        [
            "table inet lbrouter { set uplinks { type ifname; }; }",
            *client_limits.structure(config),
            *(
                f"add element inet lbrouter {name} {{ {elements_to_script(each)} }}"
                for name, each in elements.items()
            ),
        ]
    )


@contextmanager
def counted_clients(
    venue: ShapingVenue, direction: str, addresses: dict[str, str]
) -> Iterator[str]:
    """Counts what arrives of each client, in the kernel of the host where it arrives: its name."""
    host, side = ("far", "saddr") if direction == "up" else ("guests", "daddr")
    rules = "".join(
        f"ip {side} {address} counter name {name}\n" for name, address in addresses.items()
    )
    counters = "".join(f"counter {name} {{ }}\n" for name in addresses)
    hook = "type filter hook prerouting priority -300"
    venue.run(
        *(host, "nft", "-f", "-"),
        stdin=f"table inet counted {{\n{counters}chain arriving {{ {hook};\n{rules}}}\n}}\n",
    )
    yield host
    venue.run(host, "nft", "delete", "table", "inet", "counted")


def read_payloads(venue: ShapingVenue, host: str) -> tuple[float, dict[str, int]]:
    """The moment, and the bytes of TCP's payload so far; ACKs have none."""
    began = time.monotonic()
    listed = json.loads(
        venue.run(host, "nft", "-j", "list", "counters", "table", "inet", "counted")
    )
    moment = (began + time.monotonic()) / 2
    found = [row["counter"] for row in listed["nftables"] if "counter" in row]
    return moment, {
        row["name"]: row["bytes"] - IP_TCP_HEADER_BYTES * row["packets"] for row in found
    }


@pytest.mark.parametrize("direction", ["up", "down"])
def test_a_client_is_held_to_its_ceiling_however_many_connections_it_opens(
    venue: ShapingVenue, direction: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["-t", "60", *(["-R"] if direction == "down" else [])]
    flows = [
        venue.start_flow("guests", "a", 5401, "-B", CLIENT_ADDRESSES["one"], *options),
        venue.start_flow("guests", "a", 5402, "-B", CLIENT_ADDRESSES["eight"], "-P", "8", *options),
    ]
    free = venue.start_flow("stream", "a", 5403, "-t", "3", *options[2:])
    with counted_clients(venue, direction, CLIENT_ADDRESSES) as host:
        began, before = read_payloads(venue, host)
        other = free.rate() / 1e6
        ended, after = read_payloads(venue, host)
    for flow in flows:
        flow.stop()
    rates = {name: 8e-6 * (after[name] - before[name]) / (ended - began) for name in before}
    with capsys.disabled():
        sys.stdout.write(
            f"\n  {direction}, of {CEILING}: one connection {rates['one']:.2f},"
            f" eight {rates['eight']:.2f}, another VLAN {other:.0f} Mbit/s\n"
        )
    assert all(0.5 * 6 < rate < MAX_MBIT for rate in rates.values())
    assert other > 20


@pytest.mark.parametrize("direction", ["up", "down"])
def test_several_addresses_of_one_machine_share_its_ceiling(
    venue: ShapingVenue, direction: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["-t", "60", *(["-R"] if direction == "down" else [])]
    flows = [
        venue.start_flow("guests", "a", port, "-B", address, *options)
        for port, address in enumerate(MORE_ADDRESSES.values(), 5411)
    ]
    other = venue.start_flow("stream", "a", 5421, "-t", "3", *options[2:])
    with counted_clients(venue, direction, MORE_ADDRESSES) as host:
        began, before = read_payloads(venue, host)
        other.rate()
        ended, after = read_payloads(venue, host)
    for flow in flows:
        flow.stop()
    rate = 8e-6 * (sum(after.values()) - sum(before.values())) / (ended - began)
    with capsys.disabled():
        sys.stdout.write(f"\n  {direction}, of {CEILING}: three addresses together {rate:.2f}\n")
    assert 0.5 * 6 < rate < MAX_MBIT
