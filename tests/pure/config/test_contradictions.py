"""Well-formed files whose sections contradict each other: each contradiction is reported."""

import pytest

from tests.kit.sample_config import VALID_CONFIG, errors_of, with_changes

FIBER4 = 'address = "203.0.113.2/30"\ngateway = "203.0.113.1"\n'
FIBER6 = 'address6 = "2001:db8:1::2/64"\ngateway6 = "2001:db8:1::1"\n'
SHOW_UPLINKS = 'uplinks = ["fiber", "dsl", "lte"]'
WEIGHTS = "weights = { fiber = 70, lte = 30 }"
RULE = 'protocol = "tcp"\nports = [1935]\nto = "0.0.0.0/0"'
LONG_TRUNK = 'trunk = "thirteen-char"'


def forward_section(*, uplink: str = "fiber", port: int = 8443, to: str = "10.10.10.20:443") -> str:
    return f'\n[[forwards]]\nuplink = "{uplink}"\nprotocol = "tcp"\nport = {port}\nto = "{to}"\n'


UPLINKS = [
    ("[uplinks.lte]", "[uplinks.any]", "uplinks.any", '"any" means every uplink'),
    (FIBER4 + FIBER6, "", "uplinks.fiber.address", "is missing"),
    (
        "203.0.113.2/30",
        "203.0.113.0/30",
        "fiber.address",
        'accepted: a host of it, such as "203.0.113.1/30"',
    ),
    ("203.0.113.2/30", "203.0.113.3/30", "fiber.address", "it is reserved in 203.0.113.0/30"),
    ("2001:db8:1::2/64", "2001:db8:1::/64", "fiber.address6", "is not a host's address"),
    ('gateway = "203.0.113.1"\n', "", "uplinks.fiber.gateway", "is missing, and a static address"),
    ('"203.0.113.1"', '"203.0.113.5"', "fiber.gateway", "is not in 203.0.113.0/30, the subnet of"),
    ('"203.0.113.1"', '"203.0.113.2"', "fiber.gateway", "is this gateway's own address"),
    ('"203.0.113.1"', '"203.0.113.3"', "fiber.gateway", "is a reserved address of 203.0.113.0/30"),
    ('gateway6 = "2001:db8:1::1"\n', "", "fiber.gateway6", "is missing, and a static address6"),
    ('"2001:db8:1::1"', '"2001:db8:2::1"', "fiber.gateway6", "is not in 2001:db8:1::/64"),
    ('"2001:db8:1::1"', '"2001:db8:1::2"', "fiber.gateway6", "is this gateway's own address"),
    ('address6 = "auto"', 'gateway = "1.2.3.4"', "uplinks.lte.gateway", "a static address only"),
    ('address6 = "auto"', 'gateway6 = "fe80::1"', "uplinks.lte.gateway6", "a static address6 only"),
    ('username = "event@isp"\n', "", "uplinks.dsl.username", 'is missing, and "pppoe" needs it'),
    ('address6 = "auto"', 'username = "x"', "uplinks.lte.username", 'used with address = "pppoe"'),
    ('address6 = "auto"', 'password_file = "/x"', "uplinks.lte.password_file", "only"),
    (
        'interface = "wan2"',
        'interface = "wan1"',
        "uplinks.dsl.interface",
        "by uplinks.fiber.interface",
    ),
]

HEALTH = [
    ('down_after = "2s"', 'interval = "10ms"', "lte.health.interval", "accepted: 50ms to 1m"),
    ('down_after = "2s"', 'down_after = "1h"', "lte.health.down_after", "accepted: 100ms to 10m"),
    ('down_after = "2s"', 'up_after = "2h"', "lte.health.up_after", "accepted: 0s to 1h"),
    (
        'down_after = "2s"',
        'down_after = "300ms"',
        "lte.health.down_after = ",
        "2 x interval = 400ms",
    ),
    (
        'down_after = "2s"',
        'interval = "1s"',
        'lte.health.interval = "1s"',
        "one lost probe would be",
    ),
    (
        'down_after = "2s"',
        'targets = ["icmp://1.1.1.1", "icmp://1.1.1.1"]',
        "uplinks.lte.health.targets[1]",
        "is in this list twice",
    ),
    ("[lan]", '[health]\ndown_after = "300ms"\n[lan]', "health.down_after", "400ms or more"),
]

VLANS = [
    ('port = "lan1"\n', "", "vlans.desk", "has neither id nor port"),
    ('port = "lan1"\n', 'id = 9\nport = "lan1"\n', "vlans.desk", "has both id and port"),
    ('trunk = "lan0"', LONG_TRUNK, "vlans.stream.id", "thirteen-char.10 has 16 characters"),
    ("10.10.99.1/24", "169.254.1.1/16", "vlans.desk.address", "clients cannot use"),
    ("fd10:10::1/64", "4000::1/64", "vlans.stream.address6", "clients cannot use"),
    (
        '"1.1.1.1", ',
        '"10.10.99.1", ',
        "gateway.dns[0]",
        "is the gateway itself, by vlans.desk.address",
    ),
    ('"1.1.1.1", ', '"203.0.113.2", ', "gateway.dns[0]", "by uplinks.fiber.address"),
    ('"1.1.1.1", ', '"9.9.9.9", "9.9.9.9", ', "gateway.dns[1]", "is in this list twice"),
    ("id = 40\n", "id = 10\n", "vlans.guests.id", "is the tag of [vlans.stream] already"),
    (
        'port = "lan1"',
        'port = "wan1"',
        "vlans.desk.port",
        "in use already, by uplinks.fiber.interf",
    ),
    ('port = "lan1"', 'port = "lan0"', "vlans.desk.port", "in use already, by lan.trunk"),
    ('port = "lan1"', 'port = "lan0.10"', "vlans.desk.port", "in use already, by vlans.stream.id"),
    ("10.10.99.1/24", "10.10.99.0/24", "vlans.desk.address", "is not a host's address"),
    ("10.10.99.1/24", "10.10.99.255/24", "vlans.desk.address", "is not a host's address"),
    ("10.10.99.1/24", "10.10.99.1/31", "vlans.desk.address", "a prefix length of 30 or less"),
    (
        "fd10:10::1/64",
        "fd10:10::1/128",
        "vlans.stream.address6",
        "has no addresses left for clients",
    ),
    ("fd10:10::1/64", "fd10:10::/64", "vlans.stream.address6", "is not a host's address"),
    ('policy = "spread"', 'policy = "sprad"', "vlans.guests.policy", 'did you mean "spread"?'),
    ('reach = ["stream"]', 'reach = ["steam"]', "vlans.desk.reach[0]", 'did you mean "stream"?'),
    ('reach = ["stream"]', 'reach = ["desk"]', "vlans.desk.reach[0]", "is this VLAN itself"),
    ('["stream"]', '["stream", "stream"]', "vlans.desk.reach[1]", "is in this list twice"),
    ("10.10.10.250", "10.10.11.250", "vlans.stream.dhcp.range", "is not inside 10.10.10.0/24"),
    ("10.10.10.250", "10.10.10.255", "vlans.stream.dhcp.range", "a reserved address"),
    ('"10.10.10.50-', '"10.10.10.1-', "vlans.stream.dhcp.range", "the gateway's own address"),
    ('"10.10.10.60"', '"10.10.11.60"', "vlans.stream.hosts.mixer.address", "is not inside"),
    ('"10.10.10.60"', '"10.10.10.1"', "vlans.stream.hosts.mixer.address", "gateway's own"),
    ('"10.10.10.60"', '"10.10.10.0"', "vlans.stream.hosts.mixer.address", "a reserved address"),
    ('"10.10.10.60"', '"10.10.10.20"', "vlans.stream.hosts.mixer.address", "hosts.encoder already"),
    ("00-AA", "00-20", "vlans.stream.hosts.mixer.mac", "is the mac of vlans.stream.hosts.encoder"),
    ("hosts.mixer", "hosts.wpad", "vlans.stream.hosts.wpad", "programs look up"),
    (
        'reach = ["stream"]',
        'hosts.mixer = { mac = "02:00:00:00:00:01", address = "10.10.99.7" }',
        "vlans.desk.hosts.mixer",
        "is the name of vlans.stream.hosts.mixer already",
    ),
    ('lease = "12h"', 'lease = "1m"', "vlans.stream.dhcp.lease", "accepted: 2m to 720h"),
    (
        '"40mbit" }',
        '"4mbit" }',
        "vlans.stream.upload.ceiling",
        "guaranteed, 12mbit; accepted: 12mbit",
    ),
]

POLICIES = [
    (SHOW_UPLINKS, 'uplinks = ["fiber", "dls"]', "policies.show.uplinks[1]", 'did you mean "dsl"?'),
    (
        SHOW_UPLINKS,
        'uplinks = ["fiber", "fiber"]',
        "policies.show.uplinks[1]",
        "is in this list twice",
    ),
    (SHOW_UPLINKS, "uplinks = []", "policies.show.uplinks", "names no uplink; accepted: a list of"),
    (SHOW_UPLINKS, "", "policies.show.uplinks", "names no uplink"),
    (
        SHOW_UPLINKS,
        f"{SHOW_UPLINKS}\nweights = {{ fiber = 1, dsl = 1, lte = 1 }}",
        "show.weights",
        "can be used with mode",
    ),
    (
        SHOW_UPLINKS,
        f'{SHOW_UPLINKS}\nsticky = "1m"',
        'policies.show.sticky = "1m"',
        'can be used with mode = "balance" only',
    ),
    (WEIGHTS, "weights = {}", "policies.spread.uplinks", "names no uplink"),
    (WEIGHTS, "weights = { fiber = 0, lte = 0 }", "policies.spread.weights", "all weights are 0"),
    (WEIGHTS, "weights = { fibre = 1 }", "policies.spread.weights.fibre", 'did you mean "fiber"?'),
    (
        WEIGHTS,
        f'{WEIGHTS}\nuplinks = ["fiber"]',
        "policies.spread.weights.lte",
        "is not in uplinks",
    ),
    (
        WEIGHTS,
        f'{WEIGHTS}\nuplinks = ["fiber", "lte", "dsl"]',
        "policies.spread.weights",
        'has no weight for "dsl"',
    ),
    ('sticky = "10m"', 'sticky = "721h"', "policies.spread.sticky", "accepted: 0s to 720h"),
    ('latency = "150ms"', 'latency = "0s"', "show.tolerate.latency", "no line can be that good"),
]

RULES = [
    ('from = "guests"', 'from = "guest"', "rules[0].from[0]", 'did you mean "guests"?'),
    ('from = "guests"', 'from = ["desk", "desk"]', "rules[0].from[1]", "is in this list twice"),
    (
        '"0.0.0.0/0"\npolicy = "show"',
        '"::/0"\npolicy = "no"',
        "rules[0].policy",
        "there is no [policies.no]",
    ),
    ('protocol = "tcp"\nports', "ports", "rules[0].ports = [1935]", "ports need a protocol"),
    ('protocol = "tcp"\nports', 'protocol = "gre"\nports', "rules[0].ports", "gre has no ports"),
    ("[1935]", "[1935, 1935]", "rules[0].ports[1]", "is in this list twice"),
    (RULE, 'protocol = "icmp"\nto = "::/0"', "rules[0].to[0]", "icmp does not occur in IPv6"),
    (RULE, 'protocol = "icmpv6"\nto = "0.0.0.0/0"', "rules[0].to[0]", "does not occur in IPv4"),
]

FORWARDS = [
    ("", forward_section(uplink="fibre", port=1), "forwards[1].uplink", 'did you mean "fiber"?'),
    (
        "",
        forward_section(),
        "forwards[1].port",
        "tcp port 8443 is used by forwards[0] already",
    ),
    ("", forward_section(uplink="any"), "forwards[1].port", "by forwards[0] already"),
    ("", forward_section(port=1, to="10.9.9.9:1"), "forwards[1].to", "10.9.9.9 is in no VLAN"),
    ("", forward_section(port=1, to="10.10.10.255:1"), "forwards[1].to", "is no host's address"),
    (
        "",
        forward_section(uplink="dsl", to="[fd10:10::9]:1"),
        "forwards[1].to",
        "uplink dsl has no IPv6",
    ),
]


@pytest.mark.parametrize(
    "old, new, where, what",
    UPLINKS + HEALTH + VLANS + POLICIES + RULES + FORWARDS,
)
def test_a_contradiction_is_reported(old: str, new: str, where: str, what: str) -> None:
    errors = errors_of(with_changes((old, new)))
    assert any(where in error and what in error for error in errors), errors
    assert all("; accepted: " in error for error in errors)


@pytest.mark.parametrize(
    "old, new",
    [
        (FIBER6, ""),
        (FIBER4, 'address = "203.0.113.2/32"\ngateway = "198.51.100.1"\n'),
        (FIBER4, 'address = "203.0.113.2/31"\ngateway = "203.0.113.3"\n'),
        ('"2001:db8:1::1"', '"fe80::1"'),
        (FIBER4, 'address = "external"\n'),
        ('reach = ["stream"]', 'reach = ["stream", "guests"]'),
        (
            "[policies.show]",
            "[policies.lone]\nmode = 'failover'\nuplinks = ['dsl']\n[policies.show]",
        ),
        (WEIGHTS, f'{WEIGHTS}\nuplinks = ["lte", "fiber"]'),
        (WEIGHTS, "weights = { fiber = 1, lte = 0 }"),
        (WEIGHTS, 'uplinks = ["lte", "fiber"]'),
        (RULE, 'protocol = "esp"'),
        (RULE, 'to = ["198.51.100.7", "2001:db8::/32"]'),
        ("", forward_section(port=1, to="[fd10:10::9]:1")),
        ("", forward_section(uplink="any", port=1)),
        ('ceiling = "40mbit"', 'ceiling = "12mbit"'),
        ('down_after = "2s"', 'down_after = "400ms"'),
        ('down_after = "2s"', 'interval = "50ms"\nup_after = "1h"\ndown_after = "10m"'),
        ('sticky = "10m"', 'sticky = "720h"'),
        ('lease = "12h"', 'lease = "2m"'),
        ('trunk = "lan0"', 'trunk = "twelve-chars"'),
        ("10.10.99.1/24", "10.10.99.1/30"),
        ("10.10.10.50-10.10.10.250", "10.10.10.2-10.10.10.254"),
        ("", forward_section(uplink="any", to="[fd10:10::9]:443")),
        (
            'upload = { guaranteed = "12mbit", ceiling = "40mbit" }',
            'upload = { ceiling = "1mbit" }',
        ),
    ],
)
def test_what_looks_odd_and_is_legal_is_accepted(old: str, new: str) -> None:
    assert errors_of(with_changes((old, new))) == []


def test_a_vlan_with_an_id_needs_a_trunk() -> None:
    errors = errors_of(with_changes(('[lan]\ntrunk = "lan0"\n', "")))
    assert [error.split(": ")[1] for error in errors] == [
        "vlans.stream.id = 10",
        "vlans.guests.id = 40",
    ]
    assert all("[lan] with a trunk" in error for error in errors)


def test_uplinks_may_share_subnet_gateway_and_address() -> None:
    twin = VALID_CONFIG.replace('address = "dhcp"', FIBER4.strip()).replace(
        'address6 = "auto"', FIBER6.strip()
    )
    assert errors_of(twin) == []


def test_where_nothing_is_declared_the_message_says_so() -> None:
    text = '[gateway]\nname = "x"\n[uplinks.a]\ninterface = "a"\naddress = "dhcp"\n[vlans.v]\n'
    text += 'port = "b"\naddress = "10.0.0.1/24"\npolicy = "none"\n'
    [error] = errors_of(text)
    assert "there is no [policies.none]; accepted: none; add [policies.NAME] first" in error


def test_reach_may_go_both_ways() -> None:
    assert errors_of(with_changes(("id = 10\n", 'id = 10\nreach = ["desk"]\n'))) == []


def test_an_uplink_may_have_ipv6_alone() -> None:
    text = with_changes((FIBER4, ""), ('to = "10.10.10.20:443"', 'to = "[fd10:10::9]:443"'))
    assert errors_of(text) == []
