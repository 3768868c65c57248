"""What a rehearsal leaves out of rules, forwards and maps: each with a note."""

from ipaddress import ip_address

from lbrouter.model.config import Protocol
from lbrouter.rehearsal.adapt_services import without_what_the_lab_lacks
from lbrouter.rehearsal.analysis.expected import policy_for, ports_inside, ports_outside
from tests.kit.builders import TWO_LINES, config_of

MORE = """
[[rules]]
from = "stream"
source = "10.10.10.20"
policy = "show"

[[rules]]
to = "youtube.com"
policy = "show"

[[rules]]
from = "desk"
protocol = "tcp"
ports = ["9000-9010"]
to = ["youtube.com", "0.0.0.0/0"]
policy = "show"

[[forwards]]
uplink = "lte"
protocol = "tcp"
port = "2000-2009"
to = "10.10.10.20"
sources = ["192.0.2.0/24"]

[[maps]]
uplink = "lte"
public = "198.51.100.7"
to = "10.10.10.30"
"""


def test_what_the_lab_lacks_is_left_out_and_said() -> None:
    config, notes = without_what_the_lab_lacks(config_of(TWO_LINES + MORE))
    assert len(config.rules) == 5
    assert config.rules[-1].to == config.rules[-1].networks
    assert config.forwards[-1].sources == config.maps == ()
    assert [note.partition(":")[0] for note in notes] == [
        "rules.4",
        "rules.5",
        "forwards.2",
        "maps",
    ]
    assert "no hosts for its source" in notes[0]


def test_announcements_are_not_rehearsed() -> None:
    name = 'name = "two-lines"\n'
    text = TWO_LINES.replace(name, f'{name}mdns = [["stream", "desk"]]\n')
    config, [note] = without_what_the_lab_lacks(config_of(text))
    assert config.gateway.mdns == ()
    assert note.startswith("gateway.mdns: left out")


def test_a_file_that_asks_for_nothing_of_it_has_no_note() -> None:
    config = config_of(TWO_LINES)
    assert without_what_the_lab_lacks(config) == (config, [])


def test_a_range_is_tried_at_both_its_ends() -> None:
    config, _ = without_what_the_lab_lacks(config_of(TWO_LINES + MORE))
    assert [ports_outside(f) for f in config.forwards] == [[8443], [8443], [2000, 2009]]
    assert [ports_inside(f) for f in config.forwards] == [[443], [443], [2000, 2009]]
    where = ip_address("8.8.8.8")
    assert policy_for(config, "desk", Protocol.TCP, where, 9005) == "show"
    assert policy_for(config, "desk", Protocol.TCP, where, 8999) == "each"
