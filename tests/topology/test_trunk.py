"""True 802.1Q tags between the clients and the gateway; a trunk that goes and comes back."""

import json

import pytest

from lbrouter.model.errors import Exit
from lbrouter.rehearsal.venue import Venue
from lbrouter.rehearsal.wiring import INTERNET
from tests.topology.conftest import VenueOf, eventually, succeeded
from tests.topology.daemons import Daemon
from tests.topology.test_shaping_applied import TEXT as PORTS

TAGGED = (
    PORTS.replace('port = "lan1"', "id = 10").replace('port = "lan2"', "id = 40")
    + '\n[lan]\ntrunk = "lan0"\n'
)


def devices(venue: Venue) -> dict[str, str]:
    """VLAN devices of the gateway, each with its ifalias."""
    shown = json.loads(venue.gateway.check(["ip", "-d", "-j", "link", "show", "type", "vlan"]))
    return {each["ifname"]: each.get("ifalias", "") for each in shown if each}


def all_get_out(venue: Venue) -> bool:
    rows = [*venue.client("stream").flows(count=1), *venue.client("guests").flows(count=1)]
    return not [row for row in rows if row["error"]]


def lent(venue: Venue, interface: str, *, back: bool) -> None:
    """The interface is gone (to another namespace, with all that stood on it), or back."""
    here, there = venue.gateway.namespace, venue.namespace(INTERNET)
    host, to = (venue.host(INTERNET), here) if back else (venue.gateway, there)
    host.check(["ip", "link", "set", interface, "netns", to])


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


@pytest.mark.needs("htb", "ifb", "u32", "nft")
def test_a_port_that_goes_and_comes_back_is_set_up_again(venue_of: VenueOf) -> None:
    venue = venue_of(PORTS)
    with Daemon(venue.gateway):
        assert "clsact" in venue.gateway.check(["tc", "qdisc", "show", "dev", "lan2"])
        lent(venue, "lan2", back=False)
        assert eventually(lambda: venue.gateway.lbrouter("plan").returncode == Exit.DONE)
        lent(venue, "lan2", back=True)
        assert eventually(lambda: all_get_out(venue), within_s=20)
        assert "clsact" in venue.gateway.check(["tc", "qdisc", "show", "dev", "lan2"])


def test_a_kernel_without_tags_says_so(venue_of: VenueOf) -> None:
    """The venue stands on ports of its own where the kernel has no tags; the file asks for them."""
    from lbrouter.kernel.features import features

    if "vlan" in features():
        pytest.skip("this kernel has 802.1Q")
    venue = venue_of(PORTS)
    gateway = venue.gateway
    gateway.config.write_text(TAGGED.replace("lan0", "lan1"), encoding="utf-8")
    before = gateway.snapshot()
    done = gateway.lbrouter("apply")
    assert done.returncode == Exit.UNAVAILABLE
    assert "This kernel has no 802.1Q VLANs (module 8021q)" in done.stderr
    assert gateway.snapshot() == before
