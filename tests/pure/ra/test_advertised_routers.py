"""The routers of a line: who ranks first, until when they count, and that they are bounded."""

from dataclasses import replace
from ipaddress import IPv6Address, IPv6Network
from math import inf

from hypothesis import given
from hypothesis import strategies as st

from lbrouter.compile.ra.advertised_routers import (
    MAX_ROUTERS,
    SILENT_ROUTER_PAUSE_S,
    AdvertisedRouters,
    current_routers,
    routers_after,
    with_silent_router,
)
from lbrouter.compile.ra.advertisement import (
    MAX_PREFIXES,
    AdvertisedPrefix,
    RouterAdvertisement,
    RouterPreference,
)

ONE, TWO = IPv6Address("fe80::1"), IPv6Address("fe80::2")
RESOLVER = IPv6Address("2001:db8:1::53")


def prefix(text: str = "2001:db8:1::/64", *, valid_s: int = 3600) -> AdvertisedPrefix:
    return AdvertisedPrefix(
        network=IPv6Network(text),
        on_link=True,
        autonomous=True,
        valid_s=valid_s,
        preferred_s=min(valid_s, 1800),
    )


PREFIXES = [prefix(f"2001:db8:{number:x}::/64") for number in range(12)]

SAYS = RouterAdvertisement(
    lifetime_s=1800, prefixes=(prefix(),), dns=(RESOLVER,), dns_lifetime_s=600, mtu=1480
)


def heard(
    known: AdvertisedRouters,
    advertisement: RouterAdvertisement = SAYS,
    source: IPv6Address = ONE,
    at: float = 0,
) -> AdvertisedRouters:
    return routers_after(known, advertisement, source=source, at=at)


def test_a_router_counts_as_long_as_it_says() -> None:
    known = heard(AdvertisedRouters())
    [router] = known.routers
    assert (router.address, router.until, router.mtu, router.dns) == (ONE, 1800, 1480, (RESOLVER,))
    assert current_routers(known, 1799).routers[0].dns == ()  # 600 s
    assert len(current_routers(known, 599).routers[0].prefixes) == 1
    assert current_routers(known, 1800).routers == ()
    assert heard(known, replace(SAYS, lifetime_s=0)).routers == ()


def test_what_a_router_is_silent_of_stays_and_what_it_says_again_counts() -> None:
    known = heard(AdvertisedRouters())
    [router] = heard(known, RouterAdvertisement(lifetime_s=1800, mtu=1000), at=10).routers
    assert (router.dns, router.dns_until, router.mtu) == ((RESOLVER,), 600, 0)
    assert [each.valid_until for each in router.prefixes] == [3600]
    ended = replace(SAYS, prefixes=(prefix(valid_s=0), prefix("2001:db8:2::/64")))
    [router] = heard(known, ended, at=10).routers
    assert [str(each.network) for each in router.prefixes] == ["2001:db8:2::/64"]
    forever = replace(SAYS, prefixes=(prefix(valid_s=0xFFFFFFFF),))
    assert heard(known, forever).routers[0].prefixes[0].valid_until == inf


def test_an_equal_router_that_comes_later_takes_no_place() -> None:
    known = heard(heard(AdvertisedRouters()), source=TWO)
    assert [router.address for router in known.routers] == [ONE, TWO]
    assert heard(known, at=5) != known
    assert [router.address for router in heard(known, at=5).routers] == [ONE, TWO]
    high = replace(SAYS, preference=RouterPreference.HIGH)
    assert heard(known, high, source=TWO).routers[0].address == TWO
    # One that offers no address ranks behind, whatever it wants.
    empty = RouterAdvertisement(lifetime_s=1800, preference=RouterPreference.HIGH)
    assert heard(known, empty, source=IPv6Address("fe80::3")).routers[0].address == ONE


def test_a_router_that_does_not_answer_ranks_behind_for_a_while() -> None:
    """Whatever it prefers, and however often it advertises itself again."""
    high = replace(SAYS, preference=RouterPreference.HIGH)
    known = heard(heard(AdvertisedRouters()), high, source=TWO)
    known = with_silent_router(known, TWO, at=0)
    assert known.routers[0].address == ONE
    assert heard(known, high, source=TWO, at=30).routers[0].address == ONE
    later = current_routers(known, SILENT_ROUTER_PAUSE_S)
    assert later.routers[0].address == TWO


def test_of_three_hundred_routers_the_first_are_kept() -> None:
    known = heard(AdvertisedRouters())
    for number in range(300):
        known = heard(known, source=IPv6Address(f"fe80::{0x1000 + number:x}"))
    assert len(known.routers) == MAX_ROUTERS
    assert known.routers[0].address == ONE
    assert known.left_out == 301 - MAX_ROUTERS
    assert current_routers(known, 1e6) == AdvertisedRouters()


@given(
    st.lists(
        st.tuples(
            st.integers(1, 20),
            st.sampled_from([0, 1, 1800, 65535]),
            st.sampled_from(RouterPreference),
            st.lists(st.integers(0, 11), max_size=3),
            st.integers(0, 500),
        ),
        max_size=15,
    )
)
def test_whatever_is_heard_the_table_is_bounded_and_its_first_is_the_best(
    steps: list[tuple[int, int, RouterPreference, list[int], int]],
) -> None:
    known, at = AdvertisedRouters(), 0.0
    for source, lifetime_s, preference, prefixes, pause_s in steps:
        at += pause_s
        said = RouterAdvertisement(
            lifetime_s=lifetime_s,
            preference=preference,
            prefixes=tuple(PREFIXES[number] for number in prefixes),
        )
        known = heard(known, said, source=IPv6Address(f"fe80::{source:x}"), at=at)
        assert len(known.routers) <= MAX_ROUTERS
        assert all(router.until > at for router in known.routers)
        assert all(len(router.prefixes) <= MAX_PREFIXES for router in known.routers)
        ranks = [(not each.forms_addresses, each.preference) for each in known.routers]
        assert ranks == sorted(ranks)
        assert len({router.address for router in known.routers}) == len(known.routers)
