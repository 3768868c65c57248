"""Rules for hosts, ranges and names; forwards; maps; routes inside: right values and wrong ones."""

import pytest

from lbrouter.compile.config.toml_writer import render_toml
from lbrouter.model.sections.inside_routes import InsideRoute, parse_inside_route
from lbrouter.model.sections.ports import PortRange, decode_ports
from tests.kit.sample_config import VALID_CONFIG, errors_of, parse_text, with_changes

RULE = '\n[[rules]]\nfrom = "stream"\npolicy = "show"\n'
VLAN6 = 'address6 = "fd10:10::1/64"\n'


def forward(port: str, to: str = "10.10.10.20", more: str = "", uplink: str = "fiber") -> str:
    head = f'\n[[forwards]]\nuplink = "{uplink}"\nprotocol = "tcp"\n'
    return f'{head}port = {port}\nto = "{to}"\n{more}\n'


def address_map(public: str, to: str, uplink: str = "lane") -> str:
    return f'\n[[maps]]\nuplink = "{uplink}"\npublic = "{public}"\nto = "{to}"\n'


WIDE_LINE = ("203.0.113.2/30", "203.0.113.2/28")
MAP = address_map("203.0.113.4", "10.10.10.30", "fiber")
ROUTED = (VLAN6, f'{VLAN6}routes = ["10.50.0.0/16 via 10.10.10.14", "fd50::/48 via fd10:10::14"]\n')

RIGHT = [
    (("ports = [1935]", 'ports = [443, "10000-20000", 1935]'),),
    (("", RULE + 'source = "10.10.10.20"\n'),),
    (("", RULE + 'source = ["10.10.10.0/25", "fd10:10::20"]\n'),),
    (("", '\n[[rules]]\nsource = "10.10.99.7"\npolicy = "show"\n'),),
    (ROUTED, ("", RULE + 'source = "10.50.3.0/24"\n'), ("", forward("1", "10.50.0.9"))),
    (("", RULE + 'to = ["YouTube.com.", "198.51.100.0/24"]\n'),),
    (("", forward('"9000-9010"')),),
    (("", forward('"9000-9010"', "10.10.10.20:9000")),),
    (("", forward("51820", "10.10.10.1:51820")),),
    (("", forward("22", "[fd10:10::20]")),),
    (("", forward("22", more='sources = "192.0.2.0/24"')),),
    (WIDE_LINE, ("", MAP), ("", address_map("203.0.113.5", "10.10.10.31", "fiber"))),
]

WRONG = [
    # ports
    (("[1935]", '["443"]'), 'rules[0].ports[0] = "443"', "is a number in quotes; accepted: the nu"),
    (("[1935]", '["90-80"]'), "rules[0].ports[0]", 'ends before it starts; accepted: "80-90"'),
    (("[1935]", '["0-80"]'), "rules[0].ports[0]", "is not in 1 to 65535"),
    (("[1935]", '["http"]'), "rules[0].ports[0]", 'a range such as "9000-9010"'),
    (("[1935]", "[true]"), "rules[0].ports[0]", "is neither a port nor a range"),
    (("[1935]", '[80, "70-90"]'), "rules[0].ports[1]", "overlaps 80; accepted: each once"),
    # source
    (("", RULE + 'source = "10.10.40.9"\n'), "rules[1].source[0]", 'such as "10.10.10.254"'),
    (("", RULE + 'source = "10.10.0.0/16"\n'), "rules[1].source[0]", "is not in VLAN stream"),
    (
        ("", '\n[[rules]]\nfrom = ["desk", "stream"]\nsource = "10.9.9.9"\npolicy = "show"\n'),
        "rules[1].source[0]",
        "is not in the VLANs of this rule",
    ),
    (
        ("", '\n[[rules]]\nsource = "10.9.9.9"\npolicy = "show"\n'),
        "rules[1].source[0]",
        "is not in any VLAN",
    ),
    (
        ("", RULE + 'source = "10.10.10.9"\nto = "2001:db8::/32"\n'),
        "rules[1].source[0]",
        "is IPv4, and no destination of this rule is",
    ),
    # names
    (("", RULE + 'to = "youtube"\n'), "rules[1].to[0]", "is neither a network nor a name"),
    (("", RULE + 'to = "a..com"\n'), "rules[1].to[0]", 'or a name such as "youtube.com"'),
    (("", RULE + 'to = "x#y.com"\n'), "rules[1].to[0]", "is neither a network nor a name"),
    # forwards
    (
        ("", forward('"8440-8450"', "10.10.10.21")),
        'forwards[1].port = "8440-8450"',
        "tcp ports 8440-8450 are used by forwards[0] already (8443); accepted: ports of its own",
    ),
    (
        ("", forward('"9000-9010"', "10.10.10.20:80")),
        "forwards[1].to",
        "a range keeps its ports: 9000-9010 cannot begin at 80 inside; accepted: the address alone",
    ),
    (
        ("", forward("22", more='sources = ["2001:db8::/32"]')),
        "forwards[1].sources[0]",
        'a network of IPv4, such as "203.0.113.0/24"',
    ),
    (
        ("", forward("22", "[fd10:10::20]:22", 'sources = ["192.0.2.0/24"]')),
        "forwards[1].sources[0]",
        'a network of IPv6, such as "2001:db8::/32"',
    ),
    # maps
    (
        ("", address_map("203.0.113.2", "10.10.10.30", "fiber")),
        'maps[0].public = "203.0.113.2"',
        "is the gateway's own address on fiber, and forwards[0] use it; [[forwards]] are for it",
    ),
    (
        ("", address_map("203.0.113.1", "10.10.10.30", "fiber")),
        "maps[0].public",
        "is the provider's router on fiber",
    ),
    (
        ("", address_map("10.10.40.7", "10.10.10.30", "fiber")),
        "maps[0].public",
        "is in a VLAN, so it is no address outside",
    ),
    (("", address_map("9.9.9.9", "10.10.10.30", "fibre")), "maps[0].uplink", "did you mean"),
    (("", address_map("9.9.9.9", "10.9.9.9", "fiber")), "maps[0].to", "is in no VLAN"),
    (("", address_map("9.9.9.9", "10.10.10.1", "fiber")), "maps[0].to", "is the gateway itself"),
    (("", address_map("9.9.9.9", "fd10:10::7", "fiber")), "maps[0].to", "is IPv6, and 9.9.9.9 is"),
    (("", address_map("2001:db8::7", "fd10:10::7", "dsl")), "maps[0].public", "has no IPv6"),
    # routes
    ((VLAN6, f'{VLAN6}routes = ["in via 10.10.10.9"]\n'), "routes[0]", "is not a network"),
    ((VLAN6, f'{VLAN6}routes = ["10.50.0.0/16"]\n'), "stream.routes[0]", "via 10.20.2.14"),
    ((VLAN6, f'{VLAN6}routes = ["10.50.0.0/16 via ::1:2"]\n'), "routes[0]", "mixes IPv4 and IPv6"),
    ((VLAN6, f'{VLAN6}routes = ["0.0.0.0/0 via 10.10.10.9"]\n'), "routes[0]", "leads everywhere"),
    (
        (VLAN6, f'{VLAN6}routes = ["224.0.0.0/4 via 10.10.10.9"]\n'),
        "routes[0]",
        "cannot have",
    ),
    (
        (VLAN6, f'{VLAN6}routes = ["10.50.0.0/16 via 10.10.40.9"]\n'),
        "vlans.stream.routes[0]",
        'a router of this VLAN, such as "10.50.0.0/16 via 10.10.10.2"',
    ),
    (
        (VLAN6, f'{VLAN6}routes = ["10.50.0.0/16 via 10.10.10.1"]\n'),
        "vlans.stream.routes[0]",
        "10.10.10.1 is the gateway itself",
    ),
    (
        (VLAN6, 'routes = ["fd50::/48 via fd10:10::14"]\n'),
        "vlans.stream.routes[0]",
        "needs IPv6, and stream has no address6",
    ),
    (
        (VLAN6, f'{VLAN6}routes = ["10.10.40.0/24 via 10.10.10.14"]\n'),
        "vlans.stream.routes[0]",
        "10.10.40.0/24 overlaps 10.10.40.0/22 of vlans.guests.address",
    ),
    (
        (VLAN6, f'{VLAN6}routes = ["203.0.113.0/24 via 10.10.10.14"]\n'),
        "vlans.stream.routes[0]",
        "overlaps 203.0.113.0/30 of uplinks.fiber.address",
    ),
    (
        (VLAN6, f'{VLAN6}routes = ["10.5.0.0/16 via 10.10.10.9", "10.5.0.0/16 via 10.10.10.8"]\n'),
        "vlans.stream.routes[1]",
        "is in this list twice",
    ),
]  # fmt: skip


@pytest.mark.parametrize("changes", RIGHT)
def test_what_is_right_is_taken_and_written_again(changes: tuple[tuple[str, str], ...]) -> None:
    text = with_changes(*changes)
    assert errors_of(text) == []
    config = parse_text(text).config
    assert parse_text(render_toml(config)).config == config


@pytest.mark.parametrize("change, place, reason", WRONG)
def test_what_is_wrong_is_named_once(change: tuple[str, str], place: str, reason: str) -> None:
    [error] = errors_of(with_changes(change))
    assert place in error
    assert reason in error


@pytest.mark.parametrize("key", ["public", "to"])
def test_two_maps_that_claim_the_same_are_refused(key: str) -> None:
    second = {"public": ("203.0.113.4", "10.10.10.31"), "to": ("203.0.113.5", "10.10.10.30")}[key]
    [error] = errors_of(with_changes(WIDE_LINE, ("", MAP), ("", address_map(*second, "fiber"))))
    assert f"maps[1].{key}" in error
    assert "is used by maps[0] already" in error


def test_a_free_address_of_the_line_is_proposed() -> None:
    wrong = address_map("203.0.113.2", "10.10.10.30", "fiber")
    [error] = errors_of(with_changes(WIDE_LINE, ("", wrong)))
    assert 'such as "203.0.113.3"' in error
    [leased] = errors_of(with_changes(("", address_map("10.10.40.7", "10.10.10.30", "lte"))))
    assert leased.endswith("a further address of this line")


def test_all_wrong_values_are_said_in_one_run() -> None:
    """Also the placeholder of a map that cannot be read keeps the others' numbers."""
    broken = '\n[[maps]]\nuplink = 5\npublic = "x"\nto = "10.10.10.30"\n'
    second = address_map("9.9.9.9", "10.9.9.9", "fiber")
    found = errors_of(with_changes(("", broken), ("", second), ("[1935]", '["90-80"]')))
    assert [place in "\n".join(found) for place in ("maps[0].uplink", "maps[1].to", "ports[0]")]
    assert len(found) == 4


def test_a_vlan_may_have_several_routers_with_networks_within_one_another() -> None:
    routes = 'routes = ["10.50.0.0/16 via 10.10.10.14", "10.50.7.0/24 via 10.10.10.15"]\n'
    assert errors_of(with_changes((VLAN6, VLAN6 + routes))) == []


def test_values_are_typed_and_may_be_given_as_such() -> None:
    ports = decode_ports("9000-9010")
    assert decode_ports(ports) is ports
    assert (9010 in ports, 9011 in ports, "9000" in ports) == (True, False, False)
    assert ports.covers(PortRange(start=9001, end=9002))
    route = parse_inside_route("10.50.0.0/16 via 10.10.10.14")
    assert isinstance(route, InsideRoute)
    assert str(route) == "10.50.0.0/16 via 10.10.10.14"


LATER = [
    ('ports = [443]\nprotocol = "tcp"', 'ports = [443]\nprotocol = "tcp"', True),
    ('ports = ["400-500"]\nprotocol = "tcp"', 'ports = [443]\nprotocol = "tcp"', True),
    ('ports = [443]\nprotocol = "tcp"', 'ports = ["400-500"]\nprotocol = "tcp"', False),
    ('source = "10.10.10.0/25"', 'source = "10.10.10.20"', True),
    ('source = "10.10.10.20"', 'source = "10.10.10.0/25"', False),
    ('source = "10.10.10.20"', "", False),
    ("", 'source = "10.10.10.20"', True),
    ("", 'to = "youtube.com"', True),
    ('to = ["youtube.com", "9.9.9.9"]', 'to = "youtube.com"', True),
    ('to = "9.9.9.9"', 'to = ["youtube.com", "9.9.9.9"]', False),
    ('to = "youtube.com"', 'to = "9.9.9.9"', False),
    ('to = "9.9.9.0/24"', 'to = "9.9.9.9"', True),
]


@pytest.mark.parametrize("first, second, covered", LATER)
def test_a_rule_that_never_matches_is_said(first: str, second: str, *, covered: bool) -> None:
    text = VALID_CONFIG + f"{RULE}{first}\n{RULE}{second}\n"
    warned = [one for one in parse_text(text).warnings if "never matches: rules[1]" in one]
    assert bool(warned) is covered


def test_an_own_address_is_refused_without_a_forward_too() -> None:
    own = address_map("203.0.113.2", "10.10.10.30", "fiber")
    elsewhere = ('[[forwards]]\nuplink = "fiber"', '[[forwards]]\nuplink = "lte"')
    [error] = errors_of(with_changes(elsewhere, ("", own)))
    assert "is the gateway's own address on fiber; [[forwards]] are for it" in error


def test_the_source_of_an_unknown_vlan_is_no_second_error() -> None:
    rule = '\n[[rules]]\nfrom = "strem"\nsource = "10.9.9.9"\npolicy = "show"\n'
    [error] = errors_of(with_changes(("", rule)))
    assert "rules[1].from" in error
