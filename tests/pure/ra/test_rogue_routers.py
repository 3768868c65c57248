"""Rogue routers on the VLANs: told once, gone when silent, and bounded."""

from ipaddress import IPv6Address

from lbrouter.compile.ra.rogue_routers import (
    MAX_ROGUE_ROUTERS,
    ROGUE_ROUTER_SILENT_AFTER_S,
    RogueRouter,
    RogueRouters,
    RogueRouterScan,
    mac_of_link_local,
    rogue_router_status,
    scan_after_advertisement,
    scan_after_silence,
)

GUESTS = frozenset({"guests"})


def rogue(number: int = 1, *, vlan: str = "guests", at: float = 0) -> RogueRouter:
    return RogueRouter(
        vlan=vlan, address=IPv6Address(f"fe80::{number:x}"), mac="02:00:00:00:00:07", heard_at=at
    )


def after(
    present: RogueRouters, router: RogueRouter, *, lifetime_s: int = 1800, prefixes: int = 1
) -> RogueRouterScan:
    return scan_after_advertisement(present, router, lifetime_s=lifetime_s, prefixes=prefixes)


def test_a_router_is_told_once_and_is_gone_when_it_takes_itself_back() -> None:
    first = after({}, rogue())
    assert first.appeared == (rogue(),)
    again = after(first.present, rogue(at=9))
    assert (again.appeared, again.disappeared) == ((), ())
    # A prefix alone does harm, too.
    assert after(again.present, rogue(), lifetime_s=0).disappeared == ()
    ended = after(again.present, rogue(at=20), lifetime_s=0, prefixes=0)
    assert (ended.present, ended.disappeared) == ({}, (rogue(at=9),))
    assert after({}, rogue(), lifetime_s=0, prefixes=0) == RogueRouterScan()


def test_a_silent_one_is_gone_and_so_is_one_of_a_vlan_that_is_gone() -> None:
    present = after({}, rogue()).present
    assert scan_after_silence(present, GUESTS, at=10).disappeared == ()
    silent = scan_after_silence(present, GUESTS, at=ROGUE_ROUTER_SILENT_AFTER_S)
    assert silent.disappeared == (rogue(),)
    assert scan_after_silence(present, frozenset(), at=10).present == {}


def test_one_machine_that_calls_itself_thousands_fills_its_own_vlan_alone() -> None:
    present: RogueRouters = {}
    for number in range(1, 1000):
        present = after(present, rogue(number)).present
    assert len(present) == MAX_ROGUE_ROUTERS
    assert after(present, rogue(vlan="crew")).appeared == (rogue(vlan="crew"),)


def test_the_status_names_it() -> None:
    present = after({}, rogue()).present
    assert rogue_router_status(present, "crew") == []
    [row] = rogue_router_status(present, "guests")
    assert row == {"mac": "02:00:00:00:00:07", "address": "fe80::1"}


def test_the_hardware_address_is_read_from_an_address_that_was_formed_of_it() -> None:
    assert mac_of_link_local(IPv6Address("fe80::ff:fe00:7")) == "02:00:00:00:00:07"
    assert mac_of_link_local(IPv6Address("fe80::1")) == ""
