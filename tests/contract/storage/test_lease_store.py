"""The leases of the uplinks belong to their interfaces: another name changes nothing."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

import pytest

from lbrouter.daemon.dhcp.lease_store import LeaseRecord, LeaseStore
from lbrouter.kernel.read.boot_clock import BootTime
from lbrouter.model.config import Config
from lbrouter.model.facts import Facts
from lbrouter.model.lease import UplinkLease
from lbrouter.model.messages.message import told


def lines(**interfaces: str) -> Config:
    uplinks = {name: {"interface": port, "address": "dhcp"} for name, port in interfaces.items()}
    return Config.model_validate({"gateway": {"name": "g"}, "uplinks": uplinks})


def lease(number: int) -> UplinkLease:
    now = BootTime.now().seconds
    return UplinkLease(
        address=IPv4Interface(f"192.0.2.{number}/24"),
        gateway=IPv4Address("192.0.2.1"),
        server=IPv4Address("192.0.2.1"),
        station="02:00:00:00:00:01",
        obtained_at=now,
        renew_at=now + 300,
        rebind_at=now + 500,
        expires_at=now + 600,
    )


@pytest.fixture
def store(tmp_path: Path) -> LeaseStore:
    """Leases of fiber at wan1 and lte at wan2, as the next process reads them."""
    found = LeaseStore(tmp_path, pytest.fail)
    found.put("fiber", LeaseRecord(interface="wan1", lease=lease(7)))
    found.put("lte", LeaseRecord(interface="wan2", lease=lease(8)))
    return LeaseStore(tmp_path, pytest.fail)


def leased_hosts(store: LeaseStore, config: Config) -> dict[str, int]:
    found = store.facts_with_leases(config, Facts()).leases
    return {name: int(each.address.ip) & 0xFF for name, each in found.items()}


def test_a_lease_follows_its_interface(store: LeaseStore) -> None:
    assert leased_hosts(store, lines(fiber="wan1", lte="wan2")) == {"fiber": 7, "lte": 8}
    assert leased_hosts(store, lines(glass="wan1", lte="wan2")) == {"glass": 7, "lte": 8}
    assert leased_hosts(store, lines(fiber="wan2", lte="wan1")) == {"fiber": 8, "lte": 7}
    assert leased_hosts(store, lines(fiber="wan3")) == {}


def test_of_two_names_of_an_interface_the_one_with_a_lease_counts(store: LeaseStore) -> None:
    store.put("glass", LeaseRecord(interface="wan1", lacks=told("no server answers")))
    facts = store.facts_with_leases(lines(glass="wan1"), Facts())
    assert facts.leases["glass"] == replace(lease(7), **times_of(facts.leases["glass"]))
    assert facts.no_address_reasons == {}


def times_of(found: UplinkLease) -> dict[str, float]:
    names = ("obtained_at", "renew_at", "rebind_at", "expires_at")
    return {name: getattr(found, name) for name in names}


def test_why_there_is_no_lease_follows_the_interface_as_well(tmp_path: Path) -> None:
    store = LeaseStore(tmp_path, pytest.fail)
    store.put("fiber", LeaseRecord(interface="wan1", lacks=told("no server answers")))
    facts = store.facts_with_leases(lines(glass="wan1"), Facts())
    assert facts.no_address_reasons == {"glass": told("no server answers")}
