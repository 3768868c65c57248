"""The client list, from leases, neighbours and connections."""

from ipaddress import ip_address

from lbrouter.compile.report.bound_state import BoundState
from lbrouter.compile.report.bounds_reached import BoundsReached
from lbrouter.compile.report.clients import (
    AddressTraffic,
    ClientObservations,
    ClientStatus,
    Neighbour,
    client_statuses,
    sorted_by_rate,
)
from lbrouter.compile.services.dnsmasq_leases import parse_leases
from lbrouter.model.config import Config
from tests.kit.builders import TWO_LINES, config_of

HOSTS = """
[vlans.guests.hosts]
kiosk = { mac = "02:00:00:00:00:ab", address = "10.10.40.30" }
"""
CONFIG = config_of(TWO_LINES.replace("[vlans.desk]", f"{HOSTS}\n[vlans.desk]"))
NOW = 1795514000
LEASES = """\
1795514716 02:00:00:00:00:ab 10.10.40.30 * *
0 02:00:00:00:00:01 10.10.40.21 * *
5 02:00:00:00:00:02 10.10.40.22 * *
1795514716 02:00:00:00:00:03 192.168.7.7 * *
1795514716 02:00:00:00:00:04 10.10.40.1 * *
"""


def neighbour_entry(interface: str, mac: str, address: str) -> Neighbour:
    return Neighbour(interface=interface, mac=mac, address=ip_address(address))


NEIGHBOURS = (
    neighbour_entry("lan1", "02:00:00:00:00:10", "fe80::10"),
    neighbour_entry("lan1", "02:00:00:00:00:10", "fd10:10::10"),
    neighbour_entry("lan1", "02:00:00:00:00:10", "10.10.10.20"),
    neighbour_entry("lan2", "02:00:00:00:00:01", "10.10.40.21"),
    neighbour_entry("wan1", "02:00:00:00:00:99", "203.0.113.1"),
)
LOADS = {
    ip_address("10.10.10.20"): AddressTraffic(connections={1: 3, 2: 1}, sent=1000, received=50),
    ip_address("fd10:10::10"): AddressTraffic(connections={2: 1}, sent=250, received=0),
    ip_address("10.10.40.30"): AddressTraffic(connections={2: 1}),
    ip_address("10.10.99.7"): AddressTraffic(connections={0: 4}, sent=0, received=0),
    ip_address("8.8.8.8"): AddressTraffic(connections={1: 1}, sent=9, received=9),
}


def clients_of(config: Config = CONFIG, *, loads: object = LOADS) -> dict[str, ClientStatus]:
    seen = ClientObservations(
        leases=parse_leases(LEASES),
        neighbours=NEIGHBOURS,
        traffic=loads,  # type: ignore[arg-type]
        uplink_names={1: "fiber", 2: "lte"},
        now=NOW,
        interval_s=2.0,
        bounds={"lan2": BoundsReached(clients={"02:00:00:00:00:ab": BoundState.AT})},
    )
    return {each["address"]: each for each in client_statuses(config, seen)}


def test_each_client_has_one_row_in_the_order_of_the_file() -> None:
    assert [*clients_of()] == ["10.10.10.20", "10.10.40.21", "10.10.40.30", "10.10.99.7"]


def test_the_addresses_of_one_machine_are_added_up() -> None:
    encoder = clients_of()["10.10.10.20"]
    assert encoder == {
        "vlan": "stream",
        "name": None,
        "dhcp_name": None,
        "mac": "02:00:00:00:00:10",
        "address": "10.10.10.20",
        "addresses": ["10.10.10.20", "fd10:10::10", "fe80::10"],
        "foreign_address": False,
        "reserved": False,
        "lease_ends": None,
        "uplink": "fiber",
        "upload_bps": 5000,
        "download_bps": 200,
        "connections": 5,
        "blocked": False,
        "bound": None,
    }


def test_clients_by_rate_and_blocked_ones() -> None:
    known = client_statuses(
        CONFIG,
        ClientObservations(
            neighbours=NEIGHBOURS,
            traffic=LOADS,
            now=NOW,
            interval_s=2.0,
            blocked=frozenset({"02:00:00:00:00:01"}),
        ),
    )
    assert sorted_by_rate(known)[0]["address"] == "10.10.10.20"
    assert [each["mac"] for each in known if each["blocked"]] == ["02:00:00:00:00:01"]


def test_a_host_of_the_file_has_its_name_and_everybody_his_lease() -> None:
    found = clients_of()
    kiosk, guest = found["10.10.40.30"], found["10.10.40.21"]
    assert (kiosk["name"], kiosk["reserved"]) == ("kiosk", True)
    assert kiosk["lease_ends"] == "2026-11-24T10:05:16Z"
    assert (guest["name"], guest["lease_ends"]) == (None, None)


def test_a_device_has_the_name_that_it_gives_itself() -> None:
    row = "0 02:00:00:00:00:77 10.10.40.77 tablet *\n"
    seen = ClientObservations(leases=parse_leases(row), now=NOW)
    [tablet] = client_statuses(CONFIG, seen)
    assert (tablet["name"], tablet["dhcp_name"], tablet["reserved"]) == (None, "tablet", False)


def test_what_nobody_counts_is_null_and_who_is_idle_has_nothing() -> None:
    found = clients_of()
    assert found["10.10.40.30"]["upload_bps"] is None
    assert found["10.10.40.30"]["uplink"] == "lte"
    assert (found["10.10.40.21"]["connections"], found["10.10.40.21"]["upload_bps"]) == (0, 0)
    assert (found["10.10.99.7"]["mac"], found["10.10.99.7"]["uplink"]) == (None, None)


def test_without_connections_leases_and_neighbours_are_still_listed() -> None:
    found = clients_of(loads=None)
    assert [*found] == ["10.10.10.20", "10.10.40.21", "10.10.40.30"]
    assert found["10.10.10.20"]["connections"] is None


def test_a_device_with_an_address_of_another_place_is_named() -> None:
    config = config_of(TWO_LINES)
    laptop = Neighbour(
        interface="lan2", mac="02:00:00:00:00:77", address=ip_address("192.168.1.50")
    )
    elsewhere = Neighbour(interface="eth9", mac="02:00:00:00:00:78", address=laptop.address)
    observed = ClientObservations(foreign=(laptop, elsewhere))
    [row] = client_statuses(config, observed)
    assert (row["vlan"], row["mac"], row["address"]) == ("guests", laptop.mac, "192.168.1.50")
    assert row["foreign_address"]


def test_clients_behind_a_router_are_of_its_vlan() -> None:
    text = TWO_LINES.replace(
        '"10.10.40.1/22"', '"10.10.40.1/22"\nroutes = ["10.50.0.0/16 via 10.10.40.9"]'
    )
    behind = ip_address("10.50.3.9")
    observed = ClientObservations(traffic={behind: AddressTraffic(connections={1: 2})})
    [row] = client_statuses(config_of(text), observed)
    assert (row["vlan"], row["address"], row["foreign_address"]) == ("guests", "10.50.3.9", False)


def test_a_client_at_its_bound_is_marked() -> None:
    marks = {address: client["bound"] for address, client in clients_of().items()}
    assert {address for address, bound in marks.items() if bound} == {"10.10.40.30"}
    assert marks["10.10.40.30"] == "at"
