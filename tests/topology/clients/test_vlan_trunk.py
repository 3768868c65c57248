"""True 802.1Q tags between the clients and the gateway; a trunk that goes and comes back."""

import json
import re
from collections.abc import Iterator

import pytest

from lbrouter.model.errors import ExitCode
from lbrouter.rehearsal.lab.setup_scripts import INTERNET_ROLE, SWITCH_ROLE, lan_ports
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.commands import require_success
from tests.kit.configs import SHAPED_CONFIG as PORTS
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.venues import VenueBuilder
from tests.kit.wait import eventually

TAGGED_CONFIG = (
    PORTS.replace('port = "lan1"', "id = 10").replace('port = "lan2"', "id = 40")
    + '\n[lan]\ntrunk = "lan0"\n'
)

MIXED_CONFIG = PORTS.replace('port = "lan1"', "id = 10") + '\n[lan]\ntrunk = "lan0"\n'
"""The stream is tagged, the guests have a port of their own."""

VOLATILE_PATTERN = re.compile(
    r"^\d+: |(?<=@)if\d+|link/ether \S+|link-netns\S* \S+|^qdisc noqueue.*|(?<=fifo )\w+:"
)
"""Numbers that the kernel makes up, and hardware addresses."""


def vlan_devices(venue: Venue) -> dict[str, str]:
    """VLAN devices of the gateway, each with its ifalias."""
    shown = json.loads(
        venue.gateway.check_output(["ip", "-d", "-j", "link", "show", "type", "vlan"])
    )
    return {each["ifname"]: each.get("ifalias", "") for each in shown if each}


def client_reaches_internet(venue: Venue, client: str) -> bool:
    return not [row for row in venue.client(client).open_flows(count=1) if row["error"]]


def all_clients_reach_internet(venue: Venue) -> bool:
    return client_reaches_internet(venue, "stream") and client_reaches_internet(venue, "guests")


def move_interface(venue: Venue, interface: str, *, back: bool) -> None:
    """The interface is gone (to another namespace, with all that stood on it), or back."""
    here, there = venue.gateway.namespace, venue.namespace(INTERNET_ROLE)
    host, to = (venue.host(INTERNET_ROLE), here) if back else (venue.gateway, there)
    host.check_output(["ip", "link", "set", interface, "netns", to])


def recreate_interface(venue: Venue, interface: str) -> None:
    """The interface is deleted, with its other end at the switch, and both come back."""
    inner = f"port{lan_ports(venue.layout).index(interface) + 1}"
    switch = venue.namespace(SWITCH_ROLE)
    venue.gateway.run_script(
        f"ip link del {interface}\n"
        f"ip link add {interface} type veth peer name {inner} netns {switch}\n"
    )
    venue.host(SWITCH_ROLE).run_script("\n".join(switch_port_commands(venue, interface, inner)))


def switch_port_commands(venue: Venue, interface: str, inner: str) -> Iterator[str]:
    """Configure a new port of the switch."""
    yield f"ip link set {inner} up"
    for segment in venue.layout.segments:
        if segment.port == interface:
            port = inner if segment.tag is None else f"tag{segment.number}"
            if segment.tag is not None:
                yield f"ip link add link {inner} name {port} type vlan id {segment.tag}"
            yield f"ip link set {port} master vlan{segment.number} up"


def is_same_state(one: dict[str, str], other: dict[str, str]) -> bool:
    """Whether two snapshots are equal, apart from what is volatile."""
    return [stable_lines(each) for each in one.values()] == [
        stable_lines(each) for each in other.values()
    ]


def stable_lines(text: str) -> list[str]:
    lines = (VOLATILE_PATTERN.sub("", line) for line in text.splitlines())
    return sorted(line for line in lines if line)


@pytest.mark.needs("vlan", "htb", "ifb", "u32", "nft")
def test_tags_end_to_end_adopted_where_they_stand_and_removed_where_ours(
    build_venue: VenueBuilder,
) -> None:
    venue = build_venue(TAGGED_CONFIG)
    venue.gateway.run_script("ip link add link lan0 name lan0.40 type vlan id 40\n")
    require_success(venue.gateway.run_lbrouter("apply"))
    assert vlan_devices(venue) == {"lan0.10": "lbrouter", "lan0.40": ""}
    assert all_clients_reach_internet(venue)
    assert require_success(venue.gateway.run_lbrouter("apply")) == "nothing to change\n"
    assert "htb 4c01:" in venue.gateway.check_output(["tc", "qdisc", "show", "dev", "lan0"])
    assert all_clients_reach_internet(venue)
    venue.gateway.run_script(
        "ip link del lan0.40\nip link add link lan0 name lan0.40 type vlan id 40\n"
    )
    require_success(venue.gateway.run_lbrouter("down"))
    assert vlan_devices(venue) == {"lan0.40": ""}


@pytest.mark.needs("vlan", "htb", "ifb", "u32", "nft")
def test_apply_without_the_trunk_and_with_it_again(build_venue: VenueBuilder) -> None:
    """Moved away the kernel leaves its VLAN devices behind, down; nothing can raise them."""
    venue = build_venue(MIXED_CONFIG)
    require_success(venue.gateway.run_lbrouter("apply"))
    move_interface(venue, "lan0", back=False)
    done = venue.gateway.run_lbrouter("apply")
    require_success(done)
    assert "the trunk lan0 is not there: VLAN stream waits" in done.stderr
    assert vlan_devices(venue) == {}
    assert client_reaches_internet(venue, "guests")
    move_interface(venue, "lan0", back=True)
    require_success(venue.gateway.run_lbrouter("apply"))
    assert client_reaches_internet(venue, "stream")


@pytest.mark.slow  # minutes on an emulated processor
@pytest.mark.needs("vlan", "htb", "ifb", "u32", "nft")
def test_a_trunk_that_goes_and_comes_back_is_set_up_again(build_venue: VenueBuilder) -> None:
    """Moved away it leaves its VLAN devices behind, deleted it takes them along."""
    venue = build_venue(MIXED_CONFIG)
    with GatewayDaemon(venue.gateway) as daemon:
        assert all_clients_reach_internet(venue)
        move_interface(venue, "lan0", back=False)
        assert eventually(lambda: vlan_devices(venue) == {}, within_s=15)
        assert client_reaches_internet(venue, "guests")
        assert daemon.status()["vlans"]["stream"]["reason"] == "interface lan0 is not there"
        move_interface(venue, "lan0", back=True)
        assert eventually(lambda: client_reaches_internet(venue, "stream"), within_s=20)
        recreate_interface(venue, "lan0")
        assert eventually(lambda: client_reaches_internet(venue, "stream"), within_s=20)
        assert daemon.has_logged("the trunk lan0 is not there: VLAN stream waits")


@pytest.mark.needs("htb", "ifb", "u32", "nft")
def test_a_port_that_goes_and_comes_back_is_set_up_again(build_venue: VenueBuilder) -> None:
    venue = build_venue(PORTS)
    with GatewayDaemon(venue.gateway) as daemon:
        whole = venue.gateway.snapshot()
        move_interface(venue, "lan2", back=False)
        assert eventually(lambda: venue.gateway.run_lbrouter("plan").returncode == ExitCode.DONE)
        assert client_reaches_internet(venue, "stream")
        said = "interface lan2 is not there"
        assert eventually(lambda: daemon.status()["vlans"]["guests"]["reason"] == said)
        assert said in require_success(venue.gateway.run_lbrouter("status"))
        assert daemon.has_logged("port lan2 is not there: VLAN guests waits")
        move_interface(venue, "lan2", back=True)
        assert eventually(lambda: all_clients_reach_internet(venue), within_s=20)
        assert eventually(lambda: is_same_state(venue.gateway.snapshot(), whole), within_s=15)
        assert daemon.has_logged("lan2 is there again")
        recreate_interface(venue, "lan2")
        assert eventually(lambda: all_clients_reach_internet(venue), within_s=20)
        venue.gateway.check_output(["ip", "link", "set", "lan2", "down"])
        assert eventually(lambda: all_clients_reach_internet(venue), within_s=20)
        assert eventually(lambda: is_same_state(venue.gateway.snapshot(), whole), within_s=15)


@pytest.mark.needs("htb", "ifb", "u32", "nft")
def test_without_a_daemon_apply_does_what_it_can_and_the_rest_later(
    build_venue: VenueBuilder,
) -> None:
    venue = build_venue(PORTS)
    gateway = venue.gateway
    require_success(gateway.run_lbrouter("apply"))
    whole = gateway.snapshot()
    for interface in ("lan2", "wan1"):
        move_interface(venue, interface, back=False)
        assert gateway.run_lbrouter("apply").returncode == ExitCode.DONE
        assert client_reaches_internet(venue, "stream")
        move_interface(venue, interface, back=True)
        require_success(gateway.run_lbrouter("apply"))
        assert eventually(lambda: is_same_state(gateway.snapshot(), whole), within_s=15), interface
    recreate_interface(venue, "lan2")
    require_success(gateway.run_lbrouter("apply"))
    assert all_clients_reach_internet(venue)
    assert eventually(lambda: is_same_state(gateway.snapshot(), whole), within_s=15)
    assert require_success(gateway.run_lbrouter("apply")) == "nothing to change\n"


def test_a_kernel_without_tags_says_so(build_venue: VenueBuilder) -> None:
    """The venue stands on ports of its own where the kernel has no tags; the file asks for them."""
    from lbrouter.kernel.read.features import features

    if "vlan" in features():
        pytest.skip("this kernel has 802.1Q")
    venue = build_venue(PORTS)
    gateway = venue.gateway
    gateway.config_path.write_text(TAGGED_CONFIG.replace("lan0", "lan1"), encoding="utf-8")
    before = gateway.snapshot()
    done = gateway.run_lbrouter("apply")
    assert done.returncode == ExitCode.UNAVAILABLE
    assert "This kernel has no 802.1Q VLANs (module 8021q)" in done.stderr
    assert "a port of its own" in done.stderr
    assert gateway.snapshot() == before
    for verb, code in (("check", 0), ("plan", ExitCode.CHANGES), ("doctor", ExitCode.UNAVAILABLE)):
        done = gateway.run_lbrouter(verb)
        assert done.returncode == code
        assert "802.1Q" in done.stdout + done.stderr
