"""Clients by name: hosts of the file, names that devices gave, hardware addresses."""

from ipaddress import IPv4Address

import pytest

from lbrouter.compile.explain.client_names import client_addresses, client_suggestion
from lbrouter.compile.services.dnsmasq_leases import LanLease
from tests.kit.sample_config import VALID_CONFIG, parse_text

CONFIG = parse_text(VALID_CONFIG).config
LEASES = tuple(
    LanLease(expires=0, mac=f"02:00:00:00:01:0{n}", address=IPv4Address(f"10.10.40.{n}"), name=name)
    for n, name in enumerate(("", "Bobs-Phone", "tablet", "tablet", "encoder"))
)


@pytest.mark.parametrize(
    "name, addresses",
    [
        ("encoder", ["10.10.10.20", "10.10.40.4"]),
        ("Encoder.", ["10.10.10.20", "10.10.40.4"]),
        ("bobs-phone", ["10.10.40.1"]),
        ("tablet", ["10.10.40.2", "10.10.40.3"]),
        ("02:00:00:00:00:20", ["10.10.10.20"]),
        ("02:00:00:00:01:00", ["10.10.40.0"]),
        ("", []),
        ("printer", []),
    ],
)
def test_a_client_is_found_by_any_of_its_names(name: str, addresses: list[str]) -> None:
    assert [str(each) for each in client_addresses(CONFIG, LEASES, name)] == addresses


def test_a_name_that_is_not_known_gets_a_close_one() -> None:
    assert client_suggestion(CONFIG, LEASES, "encodr") == ', did you mean "encoder"?'
    assert client_suggestion(CONFIG, LEASES, "guest") == ', did you mean "guests"?'
    assert client_suggestion(CONFIG, LEASES, "xyz") == ""
