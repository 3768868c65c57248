"""A valid file, and ways to make it invalid, for the tests of the configuration."""

from pathlib import Path

from lbrouter.compile.config.parse import ParsedConfig, parse
from lbrouter.model.errors import ConfigError
from tests.kit.translation_gaps import missing_entries

EXAMPLE_FILES = sorted((Path(__file__).parents[2] / "examples").glob("*.toml"))

VALID_CONFIG = """
[gateway]
name = "hall"
dns = ["1.1.1.1", "2606:4700:4700::1111"]

[uplinks.fiber]
interface = "wan1"
address = "203.0.113.2/30"
gateway = "203.0.113.1"
address6 = "2001:db8:1::2/64"
gateway6 = "2001:db8:1::1"
upload = "50mbit"
download = "100mbit"

[uplinks.dsl]
interface = "wan2"
address = "pppoe"
username = "event@isp"
password_file = "/etc/lbrouter/dsl.secret"
upload = "10mbit"
download = "50mbit"

[uplinks.lte]
interface = "wan3"
address = "dhcp"
address6 = "auto"
upload = "20mbit"
download = "40mbit"
metered = true
[uplinks.lte.health]
down_after = "2s"

[lan]
trunk = "lan0"

[vlans.stream]
id = 10
address = "10.10.10.1/24"
address6 = "fd10:10::1/64"
policy = "show"
upload = { guaranteed = "12mbit", ceiling = "40mbit" }
download = { guaranteed = "10mbit" }
dhcp = { range = "10.10.10.50-10.10.10.250", lease = "12h" }
hosts.encoder = { mac = "02:00:00:00:00:20", address = "10.10.10.20" }
hosts.mixer = { mac = "02-00-00-00-00-AA", address = "10.10.10.60" }

[vlans.guests]
id = 40
address = "10.10.40.1/22"
policy = "spread"

[vlans.desk]
port = "lan1"
address = "10.10.99.1/24"
policy = "spread"
manage = true
reach = ["stream"]

[policies.show]
mode = "failover"
uplinks = ["fiber", "dsl", "lte"]
tolerate = { loss = "2%", latency = "150ms", jitter = "40ms" }

[policies.spread]
mode = "balance"
weights = { fiber = 70, lte = 30 }
sticky = "10m"

[[rules]]
from = "guests"
protocol = "tcp"
ports = [1935]
to = "0.0.0.0/0"
policy = "show"

[[forwards]]
uplink = "fiber"
protocol = "tcp"
port = 8443
to = "10.10.10.20:443"
"""


def with_changes(*changes: tuple[str, str]) -> str:
    """The valid file with each `old` replaced by its `new`, once; an `old` of "" appends."""
    text = VALID_CONFIG
    for old, new in changes:
        assert old in text, f"{old!r} is not in the good file"
        text = text.replace(old, new, 1) if old else text + new
    return text


def parse_text(text: str | bytes) -> ParsedConfig:
    raw = text if isinstance(text, bytes) else text.encode()
    parsed = parse(raw, source="hall.toml")
    assert set().union(*map(missing_entries, parsed.warnings)) == set()
    return parsed


def errors_of(text: str | bytes) -> list[str]:
    """The errors of a file, a line each; none when it is valid. Each can be said in Indonesian."""
    try:
        parse_text(text)
    except ConfigError as error:
        found = error
    else:
        return []
    assert missing_entries(str(found)) == set()
    return found.message.split("\n")
