"""True 802.1Q tags between the clients and the gateway; a trunk that goes and comes back."""

import json
import re
from collections.abc import Iterator

import pytest

from lbrouter.model.errors import Exit
from lbrouter.rehearsal.lab.setup_scripts import INTERNET, SWITCH, ports
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.gateway_daemon import Daemon
from tests.topology.conftest import VenueOf, eventually, succeeded
from tests.topology.shaping.test_shaping_end_to_end import TEXT as PORTS

TAGGED = (
    PORTS.replace('port = "lan1"', "id = 10").replace('port = "lan2"', "id = 40")
    + '\n[lan]\ntrunk = "lan0"\n'
)

ONE_OF_EACH = PORTS.replace('port = "lan1"', "id = 10") + '\n[lan]\ntrunk = "lan0"\n'
"""The stream is tagged, the guests have a port of their own."""

VOLATILE = re.compile(
    r"^\d+: |(?<=@)if\d+|link/ether \S+|link-netns\S* \S+|^qdisc noqueue.*|(?<=fifo )\w+:"
)
"""Numbers that the kernel makes up, and hardware addresses."""


def devices(venue: Venue) -> dict[str, str]:
    """VLAN devices of the gateway, each with its ifalias."""
    shown = json.loads(venue.gateway.check(["ip", "-d", "-j", "link", "show", "type", "vlan"]))
    return {each["ifname"]: each.get("ifalias", "") for each in shown if each}


def gets_out(venue: Venue, client: str) -> bool:
    return not [row for row in venue.client(client).flows(count=1) if row["error"]]


def all_get_out(venue: Venue) -> bool:
    return gets_out(venue, "stream") and gets_out(venue, "guests")


def lent(venue: Venue, interface: str, *, back: bool) -> None:
    """The interface is gone (to another namespace, with all that stood on it), or back."""
    here, there = venue.gateway.namespace, venue.namespace(INTERNET)
    host, to = (venue.host(INTERNET), here) if back else (venue.gateway, there)
    host.check(["ip", "link", "set", interface, "netns", to])


def made_anew(venue: Venue, interface: str) -> None:
    """The interface is deleted, with its other end at the switch, and both come back."""
    inner = f"port{ports(venue.site).index(interface) + 1}"
    switch = venue.namespace(SWITCH)
    venue.gateway.script(
        f"ip link del {interface}\n"
        f"ip link add {interface} type veth peer name {inner} netns {switch}\n"
    )
    venue.host(SWITCH).script("\n".join(plugged(venue, interface, inner)))


def plugged(venue: Venue, interface: str, inner: str) -> Iterator[str]:
    """What the switch is told of a new port."""
    yield f"ip link set {inner} up"
    for segment in venue.site.segments:
        if segment.port == interface:
            port = inner if segment.tag is None else f"tag{segment.number}"
            if segment.tag is not None:
                yield f"ip link add link {inner} name {port} type vlan id {segment.tag}"
            yield f"ip link set {port} master vlan{segment.number} up"


def same(one: dict[str, str], other: dict[str, str]) -> bool:
    """Whether two snapshots hold the same, but for what is volatile."""
    return [settled(each) for each in one.values()] == [settled(each) for each in other.values()]


def settled(text: str) -> list[str]:
    lines = (VOLATILE.sub("", line) for line in text.splitlines())
    return sorted(line for line in lines if line)


@pytest.mark.needs("vlan", "htb", "ifb", "u32", "nft")
def test_tags_end_to_end_adopted_where_they_stand_and_removed_where_ours(
    venue_of: VenueOf,
) -> None:
    venue = venue_of(TAGGED)
    venue.gateway.script("ip link add link lan0 name lan0.40 type vlan id 40\n")
    succeeded(venue.gateway.lbrouter("apply"))
    assert devices(venue) == {"lan0.10": "lbrouter", "lan0.40": ""}
    assert all_get_out(venue)
    assert succeeded(venue.gateway.lbrouter("apply")) == "nothing to change\n"
    assert "htb 4c01:" in venue.gateway.check(["tc", "qdisc", "show", "dev", "lan0"])
    assert all_get_out(venue)
    venue.gateway.script(
        "ip link del lan0.40\nip link add link lan0 name lan0.40 type vlan id 40\n"
    )
    succeeded(venue.gateway.lbrouter("down"))
    assert devices(venue) == {"lan0.40": ""}


@pytest.mark.needs("vlan", "htb", "ifb", "u32", "nft")
def test_apply_without_the_trunk_and_with_it_again(venue_of: VenueOf) -> None:
    """Moved away the kernel leaves its VLAN devices behind, down; nothing can raise them."""
    venue = venue_of(ONE_OF_EACH)
    succeeded(venue.gateway.lbrouter("apply"))
    lent(venue, "lan0", back=False)
    done = venue.gateway.lbrouter("apply")
    succeeded(done)
    assert "the trunk lan0 is not there: VLAN stream waits" in done.stderr
    assert devices(venue) == {}
    assert gets_out(venue, "guests")
    lent(venue, "lan0", back=True)
    succeeded(venue.gateway.lbrouter("apply"))
    assert gets_out(venue, "stream")


@pytest.mark.slow  # minutes on an emulated processor
@pytest.mark.needs("vlan", "htb", "ifb", "u32", "nft")
def test_a_trunk_that_goes_and_comes_back_is_set_up_again(venue_of: VenueOf) -> None:
    """Moved away it leaves its VLAN devices behind, deleted it takes them along."""
    venue = venue_of(ONE_OF_EACH)
    with Daemon(venue.gateway) as daemon:
        assert all_get_out(venue)
        lent(venue, "lan0", back=False)
        assert eventually(lambda: devices(venue) == {}, within_s=15)
        assert gets_out(venue, "guests")
        assert daemon.status()["vlans"]["stream"]["reason"] == "interface lan0 is not there"
        lent(venue, "lan0", back=True)
        assert eventually(lambda: gets_out(venue, "stream"), within_s=20)
        made_anew(venue, "lan0")
        assert eventually(lambda: gets_out(venue, "stream"), within_s=20)
        assert daemon.says("the trunk lan0 is not there: VLAN stream waits")


@pytest.mark.needs("htb", "ifb", "u32", "nft")
def test_a_port_that_goes_and_comes_back_is_set_up_again(venue_of: VenueOf) -> None:
    venue = venue_of(PORTS)
    with Daemon(venue.gateway) as daemon:
        whole = venue.gateway.snapshot()
        lent(venue, "lan2", back=False)
        assert eventually(lambda: venue.gateway.lbrouter("plan").returncode == Exit.DONE)
        assert gets_out(venue, "stream")
        said = "interface lan2 is not there"
        assert daemon.status()["vlans"]["guests"]["reason"] == said
        assert said in succeeded(venue.gateway.lbrouter("status"))
        assert daemon.says("port lan2 is not there: VLAN guests waits")
        lent(venue, "lan2", back=True)
        assert eventually(lambda: all_get_out(venue), within_s=20)
        assert eventually(lambda: same(venue.gateway.snapshot(), whole), within_s=15)
        assert daemon.says("lan2 is there again")
        made_anew(venue, "lan2")
        assert eventually(lambda: all_get_out(venue), within_s=20)
        venue.gateway.check(["ip", "link", "set", "lan2", "down"])
        assert eventually(lambda: all_get_out(venue), within_s=20)
        assert eventually(lambda: same(venue.gateway.snapshot(), whole), within_s=15)


@pytest.mark.needs("htb", "ifb", "u32", "nft")
def test_without_a_daemon_apply_does_what_it_can_and_the_rest_later(venue_of: VenueOf) -> None:
    venue = venue_of(PORTS)
    gateway = venue.gateway
    succeeded(gateway.lbrouter("apply"))
    whole = gateway.snapshot()
    for interface in ("lan2", "wan1"):
        lent(venue, interface, back=False)
        assert gateway.lbrouter("apply").returncode == Exit.DONE
        assert gets_out(venue, "stream")
        lent(venue, interface, back=True)
        succeeded(gateway.lbrouter("apply"))
        assert eventually(lambda: same(gateway.snapshot(), whole), within_s=15), interface
    made_anew(venue, "lan2")
    succeeded(gateway.lbrouter("apply"))
    assert all_get_out(venue)
    assert eventually(lambda: same(gateway.snapshot(), whole), within_s=15)
    assert succeeded(gateway.lbrouter("apply")) == "nothing to change\n"


def test_a_kernel_without_tags_says_so(venue_of: VenueOf) -> None:
    """The venue stands on ports of its own where the kernel has no tags; the file asks for them."""
    from lbrouter.kernel.read.features import features

    if "vlan" in features():
        pytest.skip("this kernel has 802.1Q")
    venue = venue_of(PORTS)
    gateway = venue.gateway
    gateway.config.write_text(TAGGED.replace("lan0", "lan1"), encoding="utf-8")
    before = gateway.snapshot()
    done = gateway.lbrouter("apply")
    assert done.returncode == Exit.UNAVAILABLE
    assert "This kernel has no 802.1Q VLANs (module 8021q)" in done.stderr
    assert "a port of its own" in done.stderr
    assert gateway.snapshot() == before
    for verb, code in (("check", 0), ("plan", Exit.CHANGES), ("doctor", Exit.UNAVAILABLE)):
        done = gateway.lbrouter(verb)
        assert done.returncode == code
        assert "802.1Q" in done.stdout + done.stderr
