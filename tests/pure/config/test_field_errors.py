"""Invalid files, section by section: each gives its error, and no other."""

import pytest

from tests.kit.sample_config import VALID_CONFIG, errors_of, with_changes

FIBER4 = 'address = "203.0.113.2/30"\ngateway = "203.0.113.1"\n'
FIBER6 = 'address6 = "2001:db8:1::2/64"\ngateway6 = "2001:db8:1::1"\n'
PPPOE = 'username = "event@isp"\npassword_file = "/etc/lbrouter/dsl.secret"\n'
HEALTH = "\n[health]\n"

FIELD_ERRORS = [
    ('name = "hall"', 'name = "Hall"', 'gateway.name = "Hall": is not a name', "lower-case letter"),
    ('name = "hall"', "", "gateway.name: is missing", "a name"),
    ('name = "hall"', "name = 5", "gateway.name = 5: is not a string", "a name"),
    (
        'name = "hall"',
        'nane = "hall"',
        'gateway.nane: is not a key here, did you mean "name"?',
        "dns",
    ),
    ('"1.1.1.1", ', '"1.1.1", ', 'gateway.dns[0] = "1.1.1": is not an IP address', "an IP address"),
    ('"1.1.1.1", ', '"127.0.0.1", ', "gateway.dns[0]", "on the network"),
    ('"1.1.1.1", ', '"1.1.1.1/32", ', "gateway.dns[0]", "has a prefix length"),
    ("[lan]", "[lann]", 'lann: is not a key here, did you mean "lan"?', "uplinks, lan"),
    ("[lan]", "lan2 = true\n[lan]", "uplinks.lte.health.lan2: is not a key", "interval"),
    ("[uplinks.dsl]", "[uplinks.Dsl]", "uplinks.Dsl: is not a name", "a name"),
    ("[uplinks.dsl]", '[uplinks."a b"]', 'uplinks."a b": is not a name', "a name"),
    ("[uplinks.dsl]", '[uplinks."[key]"]', 'uplinks."[key]": is not a name', "a name"),
    ('"wan1"', '"wan*"', 'uplinks.fiber.interface = "wan*": is not the name', "letters, digits"),
    ('"wan1"', '"$(id)"', "uplinks.fiber.interface", "is not the name of an interface"),
    ('"wan1"', '"a/b"', "uplinks.fiber.interface", "is not the name of an interface"),
    ('"wan1"', '"a b"', "uplinks.fiber.interface", "is not the name of an interface"),
    ('"wan1"', '"sixteen-letters-"', "uplinks.fiber.interface", "has 16 characters"),
    ('"wan1"', '"lo"', "uplinks.fiber.interface", "is not an interface that carries traffic"),
    ('"wan1"', '"lbr-up"', "uplinks.fiber.interface", "lbrouter's own devices"),
    ('"203.0.113.2/30"', '"203.0.113.2"', "uplinks.fiber.address", "lacks its prefix length"),
    ('"203.0.113.2/30"', '"203.0.113.2/33"', "uplinks.fiber.address", "in CIDR form"),
    ('"203.0.113.2/30"', '"203.0.113.2/255.255.255.252"', "fiber.address", "in CIDR form"),
    ('"203.0.113.2/30"', '"203.0.113.2/0"', "uplinks.fiber.address", "the whole internet"),
    ('"203.0.113.2/30"', '"224.0.0.1/24"', "uplinks.fiber.address", "that a host can have"),
    (
        '"203.0.113.2/30"',
        '"static"',
        "uplinks.fiber.address",
        '"dhcp", "pppoe", "external" or "lane"',
    ),
    ('"203.0.113.2/30"', "5", "uplinks.fiber.address = 5", "is not a string"),
    ('"2001:db8:1::2/64"', '"fe80::2/64"', "uplinks.fiber.address6", "link-local"),
    ('"2001:db8:1::2/64"', '"fe80::2%x/64"', "uplinks.fiber.address6", "in CIDR form"),
    ('"2001:db8:1::1"', '"fe80::1%eth0"', "uplinks.fiber.gateway6", "not an address that a host"),
    ('"203.0.113.1"', '"2001:db8::1"', "uplinks.fiber.gateway", "is not an IP address"),
    ('"event@isp"', '"event isp"', "uplinks.dsl.username", "is not a user name"),
    ('"/etc/lbrouter/dsl.secret"', '"dsl.secret"', "uplinks.dsl.password_file", "absolute path"),
    ('"50mbit"', '"50"', 'uplinks.fiber.upload = "50": has no unit', '"12.5mbit"'),
    ('"50mbit"', '"50MB/s"', "uplinks.fiber.upload", 'has the unit "MB/s", which counts bytes'),
    ('"50mbit"', '"50Mbps"', "uplinks.fiber.upload", 'write "50mbit"'),
    ('"50mbit"', '"50 mbit"', "uplinks.fiber.upload", "has a space in it"),
    ('"50mbit"', '"fast"', "uplinks.fiber.upload", "is not a rate"),
    ('"50mbit"', '"-5mbit"', "uplinks.fiber.upload", "is not a rate"),
    ('"50mbit"', '"0.0005kbit"', "uplinks.fiber.upload", "is finer than a rate can be"),
    ('"50mbit"', '"0mbit"', "uplinks.fiber.upload", "is less than HTB can shape"),
    ('"50mbit"', '"7.999kbit"', "uplinks.fiber.upload", "accepted: 8kbit to 100gbit"),
    ('"50mbit"', '"400gbit"', "uplinks.fiber.upload", "is more than any line carries"),
    ('"50mbit"', "50", "uplinks.fiber.upload = 50", "is not a string"),
    ('"50mbit"', "1.5", "uplinks.fiber.upload = 1.5", "is not a string"),
    (
        '"50mbit"',
        "[1, 2, 3, 4, 5, 6, 7, 8, 9]",
        "= [1, 2, 3, 4, 5, 6, 7, 8, ...]",
        "is not a string",
    ),
    ('"50mbit"', "{ a = 1 }", "uplinks.fiber.upload = a table", "is not a string"),
    ("metered = true", "metered = 1", "uplinks.lte.metered = 1", "is neither true nor false"),
    (
        'metered = true\n[uplinks.lte.health]\ndown_after = "2s"',
        "health = 1",
        "uplinks.lte.health = 1",
        "is not a table",
    ),
    ('down_after = "2s"', 'down_after = "2"', "uplinks.lte.health.down_after", "has no unit"),
    (
        'down_after = "2s"',
        "targets = []",
        "uplinks.lte.health.targets = []",
        "has too few elements",
    ),
    ('down_after = "2s"', 'targets = "x"', "uplinks.lte.health.targets", "is not a list"),
    ("id = 10\n", "id = 0\n", "vlans.stream.id = 0: is too small", "from 1 to 4094"),
    ("id = 10\n", "id = 4095\n", "vlans.stream.id = 4095: is too large", "from 1 to 4094"),
    ("id = 10\n", 'id = "10"\n', 'vlans.stream.id = "10": is not a whole number', "1 to 4094"),
    ("id = 10\n", "id = true\n", "vlans.stream.id = true: is not a whole number", "1 to 4094"),
    ("id = 10\n", f"id = 1{'0' * 30}\n", "more than 20 digits: is too large", "1 to 4094"),
    ("manage = true", "priority = 100", "vlans.desk.priority = 100: is too large", "1 to 99"),
    (
        '"02-00-00-00-00-AA"',
        '"02-00-00-00-00"',
        "vlans.stream.hosts.mixer.mac",
        "is not a hardware",
    ),
    ('"02-00-00-00-00-AA"', '"01:00:5e:00:00:01"', "vlans.stream.hosts.mixer.mac", "of one host"),
    ('"10.10.10.50-10.10.10.250"', '"10.10.10.50"', "vlans.stream.dhcp.range", "is not a range"),
    (
        '"10.10.10.50-10.10.10.250"',
        '"10.10.10.9-10.10.10.8"',
        "vlans.stream.dhcp.range",
        'ends before it starts; accepted: "10.10.10.8-10.10.10.9"',
    ),
    (
        '"failover"',
        '"failovr"',
        "policies.show.mode",
        'did you mean "failover"?; accepted: "failover"',
    ),
    ('"failover"', '"x"', "policies.show.mode", "is not one of the words for this key; accepted"),
    ('loss = "2%"', 'loss = "101%"', "policies.show.tolerate.loss", "is more than 100%"),
    ('loss = "2%"', 'loss = "2"', "policies.show.tolerate.loss", "has no unit"),
    ("fiber = 70", "fiber = -1", "policies.spread.weights.fiber = -1", "from 0 to 1000"),
    ("fiber = 70", "fiber = 1000000000", "policies.spread.weights.fiber", "is too large"),
    ("fiber = 70", "fiber = 0.7", "weights.fiber = 0.7: is not a whole number", "0 to 1000"),
    (
        "{ fiber = 70, lte = 30 }",
        "[70, 30]",
        "weights = [70, 30]: is not a table",
        "each key a name",
    ),
    ("ports = [1935]", "ports = [0]", "rules[0].ports[0] = 0", "from 1 to 65535"),
    ("ports = [1935]", "ports = 1935", "rules[0].ports = 1935", "is not a list"),
    ('to = "0.0.0.0/0"', 'to = "10.1.2.3/8"', "rules[0].to[0]", 'the network itself, "10.0.0.0/8"'),
    ('to = "0.0.0.0/0"', 'to = "not a name"', "rules[0].to[0]", "neither a network nor a name"),
    ('to = "0.0.0.0/0"', 'to = "10.0.0.0/255.0.0.0"', "rules[0].to[0]", "in CIDR form"),
    ('from = "guests"', "from = 5", "rules[0].from = 5: is not a list", "or a list of these"),
    ("port = 8443", "port = 65536", "forwards[0].port = 65536", "from 1 to 65535"),
    ('"10.10.10.20:443"', '"10.10.10"', "forwards[0].to", "is not an IP address"),
    ('"10.10.10.20:443"', '"fd10:10::20:443"', "forwards[0].to", "IPv6 stands in brackets"),
    ('"10.10.10.20:443"', '"[fd10:10::20"', "forwards[0].to", "is not an address with a port"),
    ('"10.10.10.20:443"', '"[fd10:10::20]443"', "forwards[0].to", "is not an address with a port"),
    ('"10.10.10.20:443"', '"10.10.10.20:99999"', "forwards[0].to", "not in 1 to 65535"),
    ("[[rules]]", "[rules]", "rules = a table: is not a list", "a table with the keys from"),
]

SECTION_ERRORS = [
    (f'{HEALTH}targets = ["ftp://1.1.1.1"]', "health.targets[0]", "which is no kind of probe"),
    (f'{HEALTH}targets = ["1.1.1.1"]', "health.targets[0]", "is not the URL of a target"),
    (f'{HEALTH}targets = ["icmp://one.one"]', "health.targets[0]", "must work without a resolver"),
    (f'{HEALTH}targets = ["icmp://1.1.1.1:5"]', "health.targets[0]", "ICMP knows none"),
    (f'{HEALTH}targets = ["icmp://1.1.1.1/x"]', "health.targets[0]", "has a path"),
    (f'{HEALTH}targets = ["tcp://1.1.1.1"]', "health.targets[0]", "lacks its port"),
    (f'{HEALTH}targets = ["tcp://1.1.1.1:x"]', "health.targets[0]", "not in 1 to 65535"),
    (f'{HEALTH}targets = ["http://-x"]', "health.targets[0]", "names no host"),
    (f'{HEALTH}targets = ["http://x/a b"]', "health.targets[0]", "a URL cannot hold"),
    ("\n[policies.x]\n", "policies.x.mode", 'is missing; accepted: "failover" or "balance"'),
    ("\n[[forwards]]\n", "forwards[1].uplink", "is missing"),
]


@pytest.mark.parametrize("old, new, where, what", FIELD_ERRORS)
def test_a_field_error_names_path_value_reason_and_remedy(
    old: str, new: str, where: str, what: str
) -> None:
    errors = errors_of(with_changes((old, new)))
    assert any(where in error and what in error for error in errors), errors
    assert all(error.startswith("hall.toml:") for error in errors)
    assert all("; accepted: " in error for error in errors)


@pytest.mark.parametrize("text, where, what", SECTION_ERRORS)
def test_an_error_in_an_added_section_is_reported(text: str, where: str, what: str) -> None:
    errors = errors_of(VALID_CONFIG + text)
    assert any(f"{where}" in error and what in error for error in errors), errors


def test_the_good_file_is_good() -> None:
    assert errors_of(VALID_CONFIG) == []


def test_an_error_is_reported_with_its_line() -> None:
    line = VALID_CONFIG.split("\n").index('upload = "50mbit"') + 1
    [error] = errors_of(with_changes(('"50mbit"', '"50mb"')))
    assert error.startswith(f"hall.toml:{line}: uplinks.fiber.upload")


def test_field_errors_and_contradictions_are_reported_in_one_run_in_file_order() -> None:
    errors = errors_of(
        with_changes(
            ('name = "hall"', 'nane = "hall"'),
            ('"50mbit"', '"50mb"'),
            ("id = 10\n", "id = 40\n"),
            ('reach = ["stream"]', 'reach = ["studio"]'),
            ("ports = [1935]", "ports = [0]"),
            ('uplink = "fiber"', 'uplink = "fibre"'),
        )
    )
    fields = [error.split(": ")[1].split(" = ")[0] for error in errors]
    assert fields == [
        "gateway.name",
        "gateway.nane",
        "uplinks.fiber.upload",
        "vlans.guests.id",
        "vlans.desk.reach[0]",
        "rules[0].ports[0]",
        "forwards[0].uplink",
    ]


@pytest.mark.parametrize(
    "change",
    [
        ("[uplinks.dsl]", "[uplinks.DSL]"),
        ('address = "pppoe"', 'address = "ppoe"'),
        ('username = "event@isp"', 'username = ""'),
        ("[vlans.stream]", "[vlans.Stream]"),
        ('address = "10.10.10.1/24"', 'address = "10.10.10.1"'),
        ("id = 10\n", 'id = "10"\n'),
        ('trunk = "lan0"', "trunk = 5"),
        ('uplinks = ["fiber", "dsl", "lte"]', 'uplinks = ["fiber", "DSL", "lte"]'),
        ("weights = { fiber = 70, lte = 30 }", "weights = { fiber = 70, lte = 3000 }"),
        ('mode = "balance"', 'mode = "balanced"'),
        ('protocol = "tcp"\nports', 'protocol = "tpc"\nports'),
        ('to = "10.10.10.20:443"', 'to = "10.10.10"'),
        ('gateway = "203.0.113.1"', 'gateway = "203.0.113"'),
    ],
)
def test_one_error_is_reported_once(change: tuple[str, str]) -> None:
    assert len(errors_of(with_changes(change))) == 1
