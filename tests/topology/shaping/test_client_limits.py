"""Limits of single clients: one connection or eight, up or down, each client has its own."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from lbrouter.compile.config.parse import parse
from lbrouter.compile.firewall import client_limits
from lbrouter.kernel.objects.nft_elements import elements_to_script
from tests.kit.shaping_gateway import CONFIG_TEMPLATE, UNTAGGED_PORTS
from tests.kit.shaping_venue import ShapingVenue

pytestmark = pytest.mark.needs("htb", "nft")

CEILING = "6mbit"
PER_CLIENT = f'upload = {{ per_client = "{CEILING}" }}\ndownload = {{ per_client = "{CEILING}" }}'
MAX_MBIT = 6 * 1.05 + 128 * 0.008192 / 3
"""In Mbit/s over three seconds, with the 128 kB that a client may send at once after a pause."""
SECOND_CLIENT_ADDRESS = "10.0.2.8"
"""Another address among the guests: another client."""


@pytest.fixture(scope="module")
def venue() -> Iterator[ShapingVenue]:
    built = ShapingVenue(UNTAGGED_PORTS)
    with ExitStack() as stack:
        stack.callback(built.tear_down)
        built.build()
        built.batch(
            [f"addr add {SECOND_CLIENT_ADDRESS}/24 dev {UNTAGGED_PORTS['guests']}"], "guests"
        )
        built.run("gw", "nft", "-f", "-", stdin=client_limit_ruleset(built))
        yield built


def client_limit_ruleset(built: ShapingVenue) -> str:
    """The one part of our table that this is about."""
    text = CONFIG_TEMPLATE.format(**{**built.sections, "guests": PER_CLIENT})
    config = parse(text.encode(), source="per-client.toml").config
    elements = client_limits.elements(config) | {"uplinks": frozenset({("ua", ""), ("ub", "")})}
    return "\n".join(
        [
            "table inet lbrouter { set uplinks { type ifname; }; }",
            *client_limits.structure(config),
            *(
                f"add element inet lbrouter {name} {{ {elements_to_script(each)} }}"
                for name, each in elements.items()
            ),
        ]
    )


@pytest.mark.parametrize("direction", ["up", "down"])
def test_a_client_is_held_to_its_ceiling_however_many_connections_it_opens(
    venue: ShapingVenue, direction: str, capsys: pytest.CaptureFixture[str]
) -> None:
    reverse = ["-R"] if direction == "down" else []
    one = venue.start_flow("guests", "a", 5401, "-B", "10.0.2.9", "-t", "3", *reverse)
    eight = venue.start_flow(
        "guests", "a", 5402, "-B", SECOND_CLIENT_ADDRESS, "-P", "8", "-t", "3", *reverse
    )
    free = venue.start_flow("stream", "a", 5403, "-t", "3", *reverse)
    single, several, other = one.rate() / 1e6, eight.rate() / 1e6, free.rate() / 1e6
    with capsys.disabled():
        sys.stdout.write(
            f"\n  {direction}, of {CEILING}: one connection {single:.2f},"
            f" eight {several:.2f}, another VLAN {other:.0f} Mbit/s\n"
        )
    assert 0.5 * 6 < single < MAX_MBIT
    assert 0.5 * 6 < several < MAX_MBIT
    assert other > 20
