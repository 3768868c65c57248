"""Router advertisements on the wire: what is read of them, and that no bytes do harm."""

from ipaddress import IPv6Address, IPv6Network
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbrouter.compile.ra.advertisement import (
    MAX_DNS_SERVERS,
    MAX_PREFIXES,
    AdvertisedPrefix,
    RouterAdvertisement,
    RouterPreference,
    decode_advertisement,
)

RESOLVER = IPv6Address("2001:db8:1::53")


def header(*, flags: int = 0, lifetime_s: int = 1800, kind: int = 134, code: int = 0) -> bytes:
    return pack("!BBHBBHII", kind, code, 0, 64, flags, lifetime_s, 0, 0)


def prefix_option(
    prefix: str, *, flags: int = 0xC0, valid_s: int = 3600, preferred_s: int = 1800
) -> bytes:
    network = IPv6Network(prefix, strict=False)
    packed = IPv6Address(prefix.partition("/")[0]).packed
    return pack("!BBBBIII16s", 3, 4, network.prefixlen, flags, valid_s, preferred_s, 0, packed)


def dns_option(*servers: IPv6Address, lifetime_s: int = 600) -> bytes:
    body = b"".join(server.packed for server in servers)
    return pack("!BBHI", 25, 1 + 2 * len(servers), 0, lifetime_s) + body


MAC_OPTION = bytes([1, 1, 2, 0, 0, 0, 0, 7])
MTU_OPTION = pack("!BBHI", 5, 1, 0, 1480)


def test_everything_that_counts_is_read() -> None:
    data = header(flags=0x80 | 0x40 | 0b01 << 3) + MAC_OPTION + MTU_OPTION
    data += prefix_option("2001:db8:1::7/64") + dns_option(RESOLVER)
    assert decode_advertisement(data) == RouterAdvertisement(
        lifetime_s=1800,
        preference=RouterPreference.HIGH,
        managed=True,
        other=True,
        mac="02:00:00:00:00:07",
        mtu=1480,
        prefixes=(
            AdvertisedPrefix(
                network=IPv6Network("2001:db8:1::/64"),
                on_link=True,
                autonomous=True,
                valid_s=3600,
                preferred_s=1800,
            ),
        ),
        dns=(RESOLVER,),
        dns_lifetime_s=600,
    )


@pytest.mark.parametrize(
    "bits, preference",
    [(0b00, "MEDIUM"), (0b01, "HIGH"), (0b10, "MEDIUM"), (0b11, "LOW")],
)
def test_a_reserved_preference_counts_as_medium(bits: int, preference: str) -> None:
    found = decode_advertisement(header(flags=bits << 3))
    assert found is not None
    assert found.preference is RouterPreference[preference]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        header()[:-1],
        header(kind=133),
        header(code=1),
        header() + b"\x03",
        header() + b"\x03\x00",
        header() + prefix_option("2001:db8::/64")[:-1],
        header() + MAC_OPTION + bytes([1, 0, 0, 0, 0, 0, 0, 0]),
    ],
)
def test_what_is_not_well_formed_is_none(data: bytes) -> None:
    assert decode_advertisement(data) is None


@pytest.mark.parametrize(
    "option",
    [
        prefix_option("fe80::/64"),
        prefix_option("ff02::/16"),
        prefix_option("::1/128"),
        prefix_option("2001:db8::/64", valid_s=10, preferred_s=11),
        prefix_option("2001:db8::/64").replace(b"\x03\x04\x40", b"\x03\x04\x81", 1),
        prefix_option("2001:db8::/64")[:8].replace(b"\x03\x04", b"\x03\x01", 1),
        dns_option(),
        dns_option(IPv6Address("::1"), IPv6Address("ff02::fb")),
        bytes([1, 2]) + bytes(14),
        bytes([5, 2]) + bytes(14),
        bytes([200, 1]) + bytes(6),
    ],
)
def test_options_that_make_no_sense_are_passed_over(option: bytes) -> None:
    assert decode_advertisement(header() + option) == decode_advertisement(
        header() + option + bytes([200, 1]) + bytes(6)
    )
    found = decode_advertisement(header() + option)
    assert found is not None
    assert (found.prefixes, found.dns, found.mac, found.mtu) == ((), (), "", 0)


def test_of_many_prefixes_and_resolvers_the_first_count() -> None:
    data = header() + b"".join(prefix_option(f"2001:db8:{n:x}::/64") for n in range(40))
    data += dns_option(*(IPv6Address(f"2001:db8::{n:x}") for n in range(1, 9)))
    found = decode_advertisement(data)
    assert found is not None
    assert [each.network for each in found.prefixes] == [
        IPv6Network(f"2001:db8:{n:x}::/64") for n in range(MAX_PREFIXES)
    ]
    assert len(found.dns) == MAX_DNS_SERVERS


@given(st.binary(max_size=300), st.booleans())
def test_no_bytes_raise(data: bytes, with_header: bool) -> None:  # noqa: FBT001  -- drawn
    found = decode_advertisement(header() + data if with_header else data)
    assert found is None or len(found.prefixes) <= MAX_PREFIXES
