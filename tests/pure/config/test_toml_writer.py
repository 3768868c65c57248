"""What is written reads back as the same: parse, render, parse."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lbrouter.compile.config.toml_writer import render_toml
from lbrouter.model.config import Config
from tests.kit.sample_config import EXAMPLE_FILES, VALID_CONFIG, parse_text

NAMES = ("alpha", "b", "c-3", "d_4")
TIMES = st.sampled_from(["400ms", "1s", "90s", "2m", "1.5s"])
RATES = st.integers(8_000, 10**11).map(lambda bits: f"{bits}bit")
FLAGS = st.booleans()
TARGETS = st.lists(
    st.sampled_from(["icmp://1.1.1.1", "dns://[2001:db8::1]:5353", "tcp://a.b:1", "https://c/?d"]),
    min_size=1,
    max_size=4,
    unique=True,
)


def optional_keys(**keys: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Tables with any of these keys."""
    return st.fixed_dictionaries({}, optional=keys)


def required_keys(**keys: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Tables with all of these keys."""
    return st.fixed_dictionaries(keys)


def merged_tables(*parts: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.tuples(*parts).map(
        lambda found: {key: v for each in found for key, v in each.items()}
    )


HEALTH = optional_keys(targets=TARGETS, up_after=TIMES, down_after=TIMES)
STATIC = required_keys(address=st.just("192.168.1.9/24"), gateway=st.just("192.168.1.1"))
PPPOE = required_keys(
    address=st.just("pppoe"), username=st.sampled_from(["a@b", "c#1"]), password_file=st.just("/s")
)
KEYWORD_ADDRESS = required_keys(address=st.sampled_from(["dhcp", "external"]))
IPV6_ADDRESS = st.sampled_from(
    [{}, {"address6": "auto"}, {"address6": "2001:db8::2/64", "gateway6": "fe80::1"}]
)
UPLINK = merged_tables(
    st.one_of(STATIC, PPPOE, KEYWORD_ADDRESS),
    IPV6_ADDRESS,
    optional_keys(upload=RATES, download=RATES, metered=FLAGS, health=HEALTH),
)
SHARE = required_keys(guaranteed=st.just("1mbit"), ceiling=st.sampled_from(["2mbit", "1.5mbit"]))
TOLERATE = optional_keys(loss=st.sampled_from(["0.5%", "100%"]), latency=TIMES, jitter=TIMES)
BALANCE = merged_tables(
    required_keys(mode=st.just("balance"), weights=required_keys(alpha=st.integers(1, 1000))),
    optional_keys(sticky=TIMES, tolerate=TOLERATE),
)
FAILOVER = merged_tables(
    required_keys(mode=st.just("failover"), uplinks=st.just(["alpha"])),
    optional_keys(tolerate=TOLERATE),
)
RULE = merged_tables(
    required_keys(policy=st.just("alpha")),
    optional_keys(
        **{
            "from": st.sampled_from(["alpha", ["alpha"]]),
            "to": st.sampled_from(["::/0", ["1.2.3.4"]]),
        }
    ),
    st.sampled_from([{}, {"protocol": "gre"}, {"protocol": "udp", "ports": [1, 65535]}]),
)
ALERTS = optional_keys(
    webhook=st.just("https://a.example/b?c=1"),
    command=st.sampled_from([["/bin/a"], ["/bin/a", 'b "c"', "$(d)"]]),
    on=st.sampled_from([["down"], ["up", "move"]]),
    language=st.sampled_from(["en", "id"]),
)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Files that are good: each section with any of its keys."""
    uplinks, vlans = {}, {}
    for number, name in enumerate(NAMES[: draw(st.integers(1, 4))]):
        uplinks[name] = {"interface": f"wan{number}", **draw(UPLINK)}
    for number, name in enumerate(NAMES[: draw(st.integers(1, 4))]):
        own = optional_keys(priority=st.integers(1, 99), manage=FLAGS, upload=SHARE, download=SHARE)
        lease = optional_keys(
            lease=st.just("2h"), range=st.just(f"10.0.{number}.9-10.0.{number}.12")
        )
        leases = draw(lease.map(lambda found: {"dhcp": found} if "range" in found else {}))
        place = draw(st.sampled_from([{"id": number + 1}, {"port": f"lan{number}"}]))
        common = {"address": f"10.0.{number}.1/24", "policy": "alpha", **draw(own)}
        vlans[name] = {**place, **common, **leases}
    policies = {
        name: draw(st.one_of(BALANCE, FAILOVER)) for name in NAMES[: draw(st.integers(1, 4))]
    }
    return {
        "gateway": {"name": "x", **draw(optional_keys(dns=st.just(["9.9.9.9", "2620:fe::9"])))},
        "uplinks": uplinks,
        "lan": {"trunk": "trunk0"},
        "vlans": vlans,
        "policies": policies,
        **draw(optional_keys(health=HEALTH, rules=st.lists(RULE, max_size=3), alerts=ALERTS)),
    }


@given(documents())
@settings(max_examples=100, deadline=None)
def test_what_is_rendered_reads_back_as_the_same(document: dict[str, Any]) -> None:
    config = Config.model_validate(document)
    text = render_toml(config)
    again = parse_text(text).config
    assert again == config
    assert render_toml(again) == text


@pytest.mark.parametrize("text", [path.read_text() for path in EXAMPLE_FILES] + [VALID_CONFIG])
def test_files_as_people_write_them_read_back_as_the_same(text: str) -> None:
    config = parse_text(text).config
    assert parse_text(render_toml(config)).config == config


def test_a_file_is_rendered_as_a_person_would_write_it() -> None:
    text = render_toml(parse_text(Path(EXAMPLE_FILES[0]).read_text()).config)
    assert '[uplinks.fiber]\ninterface = "enp1s0"\n' in text
    assert 'upload = { guaranteed = "12mbit", ceiling = "40mbit" }\n' in text
    assert '\n[uplinks.lte.health]\ndown_after = "2s"\n' in text
    assert '\n[[rules]]\nfrom = ["guests"]\n' in text
    assert "[uplinks]" not in text
