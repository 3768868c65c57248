"""Warnings: what is legal and probably not meant, with the arithmetic spelled out."""

from pathlib import Path

import pytest

from tests.kit.sample_config import EXAMPLE_FILES, VALID_CONFIG, parse_text, with_changes

SHOW_UPLINKS = 'uplinks = ["fiber", "dsl", "lte"]'
WEIGHTS = "weights = { fiber = 70, lte = 30 }"
ONE_TARGET = '[health]\ntargets = ["icmp://1.1.1.1"]\n[lan]'
V6_ONLY = 'interface = "wan9"\naddress6 = "2001:db8:9::2/64"\ngateway6 = "fe80::1"\n'
RULE = '\n[[rules]]\npolicy = "spread"\n'


def warnings_of(*changes: tuple[str, str]) -> tuple[str, ...]:
    return parse_text(with_changes(*changes)).warnings


def guests_with(keys: str) -> tuple[str, str]:
    """The change that adds `keys` to the VLAN guests."""
    return ("[vlans.desk]", f"{keys}\n[vlans.desk]")


@pytest.mark.parametrize("path", EXAMPLE_FILES, ids=lambda path: path.name)
def test_the_examples_give_no_warning(path: Path) -> None:
    assert parse_text(path.read_bytes()).warnings == ()


def test_the_valid_file_gives_no_warning() -> None:
    assert parse_text(VALID_CONFIG).warnings == ()


@pytest.mark.parametrize(
    "old, new, where, what",
    [
        ("manage = true\n", "", "vlans: ", "no VLAN has manage = true"),
        (
            "10.10.99.1/24",
            "9.10.99.1/24",
            "vlans.desk.address",
            "belongs to others on the internet",
        ),
        ("fd10:10::1/64", "fd10:10::1/56", "vlans.stream.address6", "in a /64 only"),
        ("[lan]", ONE_TARGET, "health.targets", "is the only target of uplink fiber"),
        ('down_after = "2s"', 'targets = ["tcp://a:1"]', "lte.health.targets", "of uplink lte"),
        ("[lan]", f"[uplinks.six]\n{V6_ONLY}[lan]", "health.targets", "uplink six has IPv6 alone"),
        (SHOW_UPLINKS, 'uplinks = ["fiber", "lte"]', "uplinks.dsl", "no policy uses this uplink"),
        (
            "[policies.show]",
            '[policies.idle]\nmode = "failover"\nuplinks = ["lte"]\n[policies.show]',
            "policies.idle",
            "no VLAN and no rule uses this policy",
        ),
        (
            f'{WEIGHTS}\nsticky = "10m"\n',
            'uplinks = ["fiber", "lte"]\n[uplinks.bare]\ninterface = "x"\naddress = "dhcp"\n',
            "uplinks.bare",
            "no policy uses this uplink",
        ),
        (
            'guaranteed = "10mbit"',
            'guaranteed = "200mbit"',
            "vlans: the download guarantees",
            "stream 200mbit = 200mbit, but fiber 100mbit + dsl 50mbit + lte 40mbit = 190mbit;",
        ),
        (
            SHOW_UPLINKS,
            'uplinks = ["dsl"]',
            'upload.guaranteed = "12mbit"',
            "no single line of policy show can carry it: dsl 10mbit - 5% headroom = 9.5mbit; it",
        ),
        (
            WEIGHTS,
            "weights = { fiber = 999, lte = 1 }",
            "policies.spread.weights.lte = 1",
            (
                "1 of 1000 is less than one of the 120 slots for new flows, so"
                " lte gets no new flow; accepted: 9 or more, or 0 for the last resort"
            ),
        ),
        (
            'upload = "50mbit"\ndownload = "100mbit"',
            'upload = "100mbit"\ndownload = "20mbit"',
            'uplinks.fiber.upload = "100mbit"',
            "is more than download, 20mbit; are the two swapped?",
        ),
        (
            "[lan]",
            '[health]\ntargets = ["icmp://1.1.1.1", "icmp://8.8.8.8"]\n[lan]',
            "health.targets",
            "all are icmp: a provider that drops icmp alone looks like a dead line",
        ),
        (
            'down_after = "2s"',
            'targets = ["dns://9.9.9.9", "dns://8.8.8.8"]',
            "uplinks.lte.health.targets",
            (
                "all are dns: a provider that drops dns alone looks like a dead line, and one that"
                ' lets dns alone pass looks like a good one; accepted: one of another kind, such as "icmp://1'
            ),
        ),
    ],
)
def test_a_warning_is_given(old: str, new: str, where: str, what: str) -> None:
    warnings = warnings_of((old, new))
    assert any(where in warning and what in warning for warning in warnings), warnings


@pytest.mark.parametrize(
    "old, new",
    [('guaranteed = "10mbit"', 'guaranteed = "95mbit"'), (SHOW_UPLINKS, 'uplinks = ["dsl"]')],
)
def test_guarantees_that_can_just_be_kept_give_no_warning(old: str, new: str) -> None:
    warnings = warnings_of((old, new), ('guaranteed = "12mbit"', 'guaranteed = "9.5mbit"'))
    assert not any("carry" in warning for warning in warnings)


@pytest.mark.parametrize(
    "rate, why",
    [
        ("50mbit", "; it holds only while several of them work"),
        ("67mbit", "; nor can all together: fiber 47.5mbit + lte 19mbit = 66.5mbit"),
    ],
)
def test_a_guarantee_that_takes_several_lines_at_once_gives_a_warning(rate: str, why: str) -> None:
    warnings = warnings_of(guests_with(f'upload = {{ guaranteed = "{rate}" }}'))
    terms = "fiber 50mbit - 5% headroom = 47.5mbit, lte 20mbit - 5% headroom = 19mbit"
    said = f"no single line of policy spread can carry it: {terms}{why}"
    assert [each for each in warnings if f'guests.upload.guaranteed = "{rate}": {said}' in each]


def test_guarantees_of_one_failover_policy_that_no_line_carries_together_give_a_warning() -> None:
    spread = ('policy = "spread"', 'policy = "show"\nupload = { guaranteed = "40mbit" }')
    [warning] = [each for each in warnings_of(spread) if "single line" in each]
    assert (
        "the upload guarantees of its VLANs are stream 12mbit + guests 40mbit = 52mbit" in warning
    )
    assert "policy show can carry it: fiber 50mbit - 5% headroom = 47.5mbit, dsl 10mbit" in warning


def test_a_long_list_of_lines_is_cut() -> None:
    lines = [f"l{n}" for n in range(9)]
    sections = "".join(
        f'[uplinks.{name}]\ninterface = "{name}"\naddress = "dhcp"\nupload = "5mbit"\n'
        for name in lines
    )
    names = ", ".join(f'"{name}"' for name in lines)
    warnings = warnings_of((SHOW_UPLINKS, f"uplinks = [{names}]"), ("[lan]", f"{sections}[lan]"))
    assert any("l7 5mbit - 5% headroom = 4750kbit, ...;" in each for each in warnings)


STREAM_FIRST = ('policy = "show"', 'policy = "show"\npriority = 1')
STREAM_CEILING = 'upload = { guaranteed = "12mbit", ceiling = "40mbit" }'


@pytest.mark.parametrize(
    "changes, directions",
    [
        ((STREAM_FIRST,), ["download"]),
        ((STREAM_FIRST, (STREAM_CEILING, "")), ["upload", "download"]),
        ((STREAM_FIRST, ('ceiling = "40mbit"', 'ceiling = "48mbit"')), ["upload", "download"]),
        ((STREAM_FIRST, guests_with('download = { guaranteed = "1mbit" }')), []),
        ((STREAM_FIRST, guests_with('download = { ceiling = "1mbit" }')), ["download"]),
        ((STREAM_FIRST, guests_with("priority = 1")), []),
        ((STREAM_FIRST, ('download = "100mbit"\n', "")), []),
        ((STREAM_FIRST, (SHOW_UPLINKS, 'uplinks = ["dsl", "fiber", "lte"]')), []),
        ((STREAM_FIRST, ("metered = true", "metered = false")), []),
        ((STREAM_FIRST, ("fiber = 70, lte = 30", "fiber = 0, lte = 30")), []),
    ],
    ids=range(10),
)
def test_a_vlan_that_others_can_starve_gives_a_warning(
    changes: tuple[tuple[str, str], ...], directions: list[str]
) -> None:
    warnings = [each for each in warnings_of(*changes) if ": vlans.guests: has no " in each]
    assert [each.split(" has no ")[1].split()[0] for each in warnings] == directions
    assert all('"stream" is served first without a ceiling' in each for each in warnings)


def test_two_vlans_that_fill_a_line_together_are_both_named() -> None:
    both = 'priority = 2\ndownload = { guaranteed = "1mbit", ceiling = "60mbit" }'
    stream = ('download = { guaranteed = "10mbit" }', both)
    desk = ("manage = true", f"manage = true\n{both}")
    [warning] = [each for each in warnings_of(stream, desk) if "vlans.guests: has no down" in each]
    assert '"stream", "desk" are served first without a ceiling' in warning
    assert "while they fill the lines, VLAN guests gets almost nothing" in warning


def test_balance_by_rates_that_are_not_all_known_gives_a_warning() -> None:
    [warning] = warnings_of((WEIGHTS, 'uplinks = ["fiber", "lte"]'), ('upload = "20mbit"\n', ""))
    assert 'policies.spread: has no weights, and no upload rate for "lte"' in warning


def test_bandwidth_without_any_rated_uplink_gives_a_warning() -> None:
    text = "\n".join(
        line
        for line in VALID_CONFIG.split("\n")
        if not line.startswith(('upload = "', 'download = "'))
    )
    found = parse_text(text).warnings
    assert ["no uplink has upload" in found[0], "no uplink has download" in found[1]] == [
        True,
        True,
    ]


def test_a_long_sum_is_cut() -> None:
    many = "".join(
        f'\n[vlans.v{n}]\nid = {100 + n}\naddress = "10.20.{n}.1/24"\npolicy = "show"\n'
        'upload = { guaranteed = "20mbit" }\n'
        for n in range(9)
    )
    [warning] = warnings_of(("", many))
    assert (
        "v6 20mbit + ... = 192mbit, but fiber 50mbit + dsl 10mbit + lte 20mbit = 80mbit" in warning
    )


@pytest.mark.parametrize("targets", ["icmp://[2606:4700:4700::1111]", "https://example.com/"])
def test_a_line_of_ipv6_alone_is_content_with_a_target_it_can_reach(targets: str) -> None:
    section = (
        f'[uplinks.six]\n{V6_ONLY}[uplinks.six.health]\ntargets = ["{targets}", "tcp://b:1"]\n[lan]'
    )
    warnings = warnings_of(("[lan]", section), (SHOW_UPLINKS, f'{SHOW_UPLINKS[:-1]}, "six"]'))
    [warning] = warnings
    assert 'only IPv6 by "six"' in warning
    assert "target" not in warning


@pytest.mark.parametrize(
    "first, second, shadowed",
    [
        ("", "", True),
        ("", 'protocol = "tcp"\nports = [1]', True),
        ('protocol = "tcp"', "", False),
        ('protocol = "tcp"', 'protocol = "tcp"\nports = [1]', True),
        ('protocol = "tcp"\nports = [1, 2]', 'protocol = "tcp"\nports = [2]', True),
        ('protocol = "tcp"\nports = [1]', 'protocol = "tcp"\nports = [2]', False),
        ('protocol = "tcp"\nports = [1]', 'protocol = "tcp"', False),
        ('protocol = "tcp"\nports = [1]', 'protocol = "udp"\nports = [1]', False),
        ('from = "desk"', 'from = "desk"', True),
        ('from = "desk"', 'from = ["desk", "guests"]', False),
        ('from = "desk"', "", False),
        ('from = ["desk", "guests", "stream"]', "", True),
        ('to = "10.0.0.0/8"', 'to = "10.1.0.0/16"', True),
        ('to = "10.1.0.0/16"', 'to = "10.0.0.0/8"', False),
        ('to = "10.0.0.0/16"', 'to = "10.0.0.0/8"', False),
        ('to = "10.255.0.0/16"', 'to = "10.0.0.0/8"', False),
        ('to = "0.0.0.0/0"', "", False),
        ('to = ["0.0.0.0/0", "::/0"]', "", True),
        ('to = "0.0.0.0/0"', 'to = "::/0"', False),
    ],
)
def test_a_rule_that_an_earlier_one_shadows_gives_a_warning(
    first: str, second: str, *, shadowed: bool
) -> None:
    rules = f'\n[[rules]]\n{first}\npolicy = "spread"\n[[rules]]\n{second}\npolicy = "show"\n'
    warnings = warnings_of(("", rules))
    is_warned = any(
        "rules[2]: never matches: rules[1] takes the same flows" in warning for warning in warnings
    )
    assert is_warned == shadowed


def test_rules_of_very_many_networks_are_not_compared() -> None:
    networks = ", ".join(f'"10.{n}.0.0/16"' for n in range(100))
    rule = f'\n[[rules]]\nto = [{networks}]\npolicy = "spread"\n'
    assert warnings_of(("", rule * 2)) == ()
