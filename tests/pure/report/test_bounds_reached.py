"""Who is told of at a bound on connections, and in which words."""

from hypothesis import given
from hypothesis import strategies as st

from lbrouter.compile.report.bound_state import BoundState
from lbrouter.compile.report.bounds_reached import (
    MAX_CLIENTS_TOLD,
    NOTHING_REACHED,
    BoundsReached,
    ClientNames,
    bound_clients,
    client_messages,
    vlan_message,
)
from lbrouter.compile.services.dnsmasq_leases import parse_leases
from tests.kit.builders import TWO_LINES, config_of

HOSTS = """
[vlans.guests.hosts]
kiosk = { mac = "02:00:00:00:00:ab", address = "10.10.40.30" }
"""
CONFIG = config_of(TWO_LINES.replace("[vlans.desk]", f"{HOSTS}\n[vlans.desk]"))
GUESTS = CONFIG.vlans["guests"]
LEASES = """\
0 02:00:00:00:00:01 10.10.40.21 anna-laptop *
0 02:00:00:00:00:02 10.10.40.22 * *
0 02:00:00:00:00:ab 10.10.40.30 its-own-name *
"""
NAMES = ClientNames(CONFIG, parse_leases(LEASES))
ANNA, SILENT, KIOSK = "02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:00:00:ab"

STATES = st.dictionaries(
    st.integers(0, 200).map(lambda n: f"02:00:00:00:00:{n:02x}"), st.sampled_from(BoundState)
)


def told(now: dict[str, BoundState], before: dict[str, BoundState]) -> list[str]:
    messages = client_messages(
        GUESTS, BoundsReached(clients=now), BoundsReached(clients=before), NAMES
    )
    return [message.text for message in messages]


def test_a_client_has_the_files_name_or_its_own() -> None:
    assert [NAMES.text(mac) for mac in (ANNA, SILENT, KIOSK)] == [
        f"anna-laptop ({ANNA})",
        SILENT,
        f"kiosk ({KIOSK})",
    ]


def test_a_client_is_told_near_and_at_its_bound_and_when_it_is_over() -> None:
    near, at = {ANNA: BoundState.NEAR}, {ANNA: BoundState.AT}
    who, count = f"client anna-laptop ({ANNA}) of VLAN guests", GUESTS.connections
    assert told(near, {}) == [
        f"{who} has over 80 % of the {count} connections that one client may have"
    ]
    assert told(at, near) == [
        f"{who} has all {count} connections that one client may have: new ones are refused"
    ]
    assert told({}, at) == [f"{who} is no longer near its bound of connections"]
    assert told(at, at) == []


def test_those_at_their_bound_are_told_before_those_near_it() -> None:
    said = told({ANNA: BoundState.NEAR, KIOSK: BoundState.AT}, {})
    assert ["all" in sentence for sentence in said] == [True, False]


@given(now=STATES, before=STATES)
def test_what_is_told_is_bounded_and_counts_all(
    now: dict[str, BoundState], before: dict[str, BoundState]
) -> None:
    changed = {mac for mac in {*now, *before} if now.get(mac) != before.get(mac)}
    said = told(now, before)
    assert len(said) == min(len(changed), MAX_CLIENTS_TOLD + 1)
    if len(changed) > MAX_CLIENTS_TOLD:
        left = len(changed) - MAX_CLIENTS_TOLD
        assert said[-1].startswith("VLAN guests: more clients came near the bound")
        assert f"left it: {left} " in said[-1]


def test_a_vlan_is_told_near_and_at_its_budget_and_when_it_is_over() -> None:
    assert [
        vlan_message("guests", state, budget=65_536).text
        for state in (BoundState.NEAR, BoundState.AT, None)
    ] == [
        (
            "the clients of VLAN guests have over 80 % of the 65536 connections that they may have"
            " together"
        ),
        (
            "the clients of VLAN guests have all 65536 connections that they may have together:"
            " new ones are refused"
        ),
        "VLAN guests is no longer near its bound of connections",
    ]


def test_status_lists_those_at_their_bound_first() -> None:
    found = BoundsReached(clients={SILENT: BoundState.NEAR, KIOSK: BoundState.AT})
    rows = bound_clients(found, NAMES, limit=20)
    assert rows == [
        {"name": "kiosk", "mac": KIOSK, "bound": "at"},
        {"name": None, "mac": SILENT, "bound": "near"},
    ]
    assert bound_clients(found, NAMES, limit=1) == rows[:1]
    assert bound_clients(NOTHING_REACHED, NAMES, limit=20) == []
