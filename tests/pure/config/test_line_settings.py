"""What the provider handed over: each key's wrong values by name, and the file written again."""

import pytest

from lbrouter.compile.config.reference import json_schema
from lbrouter.compile.config.toml_writer import render_toml
from lbrouter.model.sections.interface_choice import InterfaceChoice, decode_interface
from tests.kit.sample_config import VALID_CONFIG, errors_of, parse_text, with_changes

FIBER = 'interface = "wan1"'
LTE = 'interface = "wan3"'
FURTHER = 'addresses = ["203.0.113.9/32"]'
MANY_KEYS = with_changes(
    (
        FIBER,
        f'{FIBER}\nvlan = 35\nmtu = 1492\nmac = "02-00-00-00-00-AA"\n{FURTHER}',
    ),
    (LTE, 'interface = { mac = "02:00:C0:FF:EE:01" }\nhostname = "event-box"\nclient_id = "box 7"'),
    ('"wan2"', '{ path = "pci-0000:00:14.0-usb-0:2:1.0" }'),
)

WRONG_VALUES = [
    (FIBER, "interface = 7", "fiber.interface = 7: is neither a name nor a table"),
    (
        FIBER,
        "interface = {}",
        "fiber.interface = a table: is a table that needs one key, mac or path",
    ),
    (
        FIBER,
        'interface = { name = "x" }',
        'fiber.interface = { name = "x" }: is a table that needs',
    ),
    (FIBER, 'interface = { mac = "a:b" }', 'has the mac "a:b", which is not a hardware address'),
    (FIBER, "interface = { mac = 7 }", "has a mac that is not a string"),
    (FIBER, 'interface = { path = "a b" }', 'has the path "a b", which is not a path as udev'),
    (
        FIBER,
        f"{FIBER}\nvlan = 0",
        "fiber.vlan = 0: is too small; accepted: a whole number from 1 to",
    ),
    (FIBER, f"{FIBER}\nvlan = 4095", "fiber.vlan = 4095: is too large"),
    (FIBER, 'interface = "wan1.7"\nvlan = 35', "fiber.vlan = 35: wan1.7 is a VLAN already"),
    (FIBER, 'interface = "lan0.10"\nvlan = 35', 'accepted: interface = "lan0" with this vlan'),
    (
        FIBER,
        'interface = "lan0"\nvlan = 10',
        "interface lan0.10 is in use already, by uplinks.fiber.vlan",
    ),
    (FIBER, f"{FIBER}\nmtu = 575", "fiber.mtu = 575: is too small"),
    (FIBER, f"{FIBER}\nmtu = 1279", "fiber.mtu = 1279: is too small for IPv6"),
    ('"pppoe"', '"pppoe"\nmtu = 1501', "dsl.mtu = 1501: is more than a PPPoE session carries"),
    (FIBER, f'{FIBER}\nmac = "01:00:00:00:00:07"', "is not the hardware address of one host"),
    (
        FIBER,
        f'{FIBER}\nhostname = "box"',
        'fiber.hostname = "box": can be used with address = "dhcp"',
    ),
    (
        LTE,
        f'{LTE}\nhostname = "a b"',
        'lte.hostname = "a b": is not a host name; accepted: 1 to 63',
    ),
    (
        FIBER,
        f'{FIBER}\nclient_id = "b"',
        'fiber.client_id = "b": can be used with address = "dhcp"',
    ),
    (LTE, f'{LTE}\nclient_id = ""', 'lte.client_id = "": is not a client identifier'),
    (LTE, f'{LTE}\nclient_id = "{"x" * 300}"', "has more than 254 bytes"),
    (FIBER, f'{FIBER}\naddresses = "203.0.113.9/32"', "fiber.addresses"),
    (FIBER, f'{FIBER}\naddresses = ["203.0.113.9"]', "fiber.addresses[0]"),
    (FIBER, f'{FIBER}\naddresses = ["203.0.113.2/32"]', "is an address of this line already"),
    (FIBER, f'{FIBER}\naddresses = ["203.0.113.1/32"]', "is the provider's router"),
    (FIBER, f'{FIBER}\naddresses = ["203.0.113.0/30"]', "is reserved in 203.0.113.0/30"),
    (FIBER, f'{FIBER}\naddresses = ["10.10.10.7/32"]', "10.10.10.0/24 overlaps 10.10.10.7/32"),
    ('"pppoe"', '"pppoe"\naddress6 = "dhcp"', 'dsl.address6 = "dhcp": cannot be used with'),
    ('gateway = "203.0.113.1"', 'gateway = "198.51.100.1"', 'or address = "203.0.113.2/32":'),
]


@pytest.mark.parametrize("old, new, said", WRONG_VALUES)
def test_each_wrong_value_is_told_by_name(old: str, new: str, said: str) -> None:
    [error] = errors_of(with_changes((old, new)))
    assert said in error


def test_all_wrong_values_are_told_in_one_run() -> None:
    text = with_changes(
        (FIBER, f'{FIBER}\nvlan = 0\nmtu = 1\nmac = "x"\naddresses = ["y"]'),
        (LTE, f'{LTE}\nhostname = "a b"\nclient_id = ""'),
        ('"wan2"', '{ mac = "z" }'),
    )
    keys = [error.split(": ")[1].split(" ")[0] for error in errors_of(text)]
    fiber = [f"uplinks.fiber.{key}" for key in ("vlan", "mtu", "mac", "addresses[0]")]
    assert keys == [
        *fiber,
        "uplinks.dsl.interface",
        "uplinks.lte.hostname",
        "uplinks.lte.client_id",
    ]


def test_a_system_that_configures_a_line_keeps_its_mac_address() -> None:
    text = with_changes(
        ('address = "dhcp"', 'address = "external"\nmac = "02:00:00:00:00:07"'),
    )
    [error] = errors_of(text)
    assert 'lte.mac = "02:00:00:00:00:07": cannot be set with address = "external"' in error


def test_what_is_written_reads_back_as_the_same() -> None:
    config = parse_text(MANY_KEYS).config
    assert parse_text(render_toml(config)).config == config
    fiber, dsl, lte = config.uplinks.values()
    assert (fiber.interface, fiber.port, fiber.place) == ("wan1.35", "wan1", "wan1.35")
    assert (fiber.mac, fiber.mtu) == ("02:00:00:00:00:aa", 1492)
    assert lte.choice == InterfaceChoice(mac="02:00:c0:ff:ee:01")
    assert decode_interface(lte.choice) is lte.choice
    assert lte.shown_interface == "MAC 02:00:c0:ff:ee:01"
    assert (fiber.shown_interface, lte.bind("usb0").shown_interface) == ("wan1.35", "usb0")
    assert (lte.interface, lte.place) == ("none:lte", "mac=02:00:c0:ff:ee:01")
    assert dsl.place == "path=pci-0000:00:14.0-usb-0:2:1.0"
    assert lte.client_id is not None
    assert lte.client_id.content == b"\0box 7"


def test_a_client_identifier_may_be_bytes() -> None:
    config = parse_text(with_changes((LTE, f'{LTE}\nclient_id = "01:02:00:00:00:00:07"'))).config
    found = config.uplinks["lte"].client_id
    assert found is not None
    assert (found.content, str(found)) == (bytes.fromhex("01020000000007"), "01:02:00:00:00:00:07")


def test_a_long_name_and_a_tag_make_a_device_that_the_kernel_takes() -> None:
    changes = (('"wan1"', '"enx0200c0ffee01"\nvlan = 4094'),)
    first = parse_text(with_changes(*changes)).config.uplinks["fiber"]
    other = first.bind("enx0200c0ffee02")
    assert len(first.interface) <= 15
    assert first.interface != other.interface
    assert first.interface.startswith("lbr-4094-")


def test_the_schema_knows_both_ways_to_name_an_interface() -> None:
    uplink = json_schema()["$defs"]["Uplink"]["properties"]
    kinds = [each["type"] for each in uplink["interface"]["anyOf"]]
    assert kinds == ["string", "object", "object"]


def test_lines_of_ipv6_alone_are_told_where_vlans_count_on_them() -> None:
    six = 'interface = "wan4"\naddress6 = "auto"'
    only = with_changes(
        ("[lan]", f"[uplinks.six]\n{six}\n[lan]"),
        ('uplinks = ["fiber", "dsl", "lte"]', 'uplinks = ["six"]'),
    )
    [warning] = [each for each in parse_text(only).warnings if "policies.show.uplinks" in each]
    assert "only IPv6 by" in warning
    assert "have no internet" in warning
    assert parse_text(VALID_CONFIG).warnings == ()
