"""The segment that makes a client's stack answer, byte by byte, against another decoder."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import IPv6

from lbrouter.kernel.l2.tcp_challenge import encode_challenge

ENDS = [("1.1.1.1", "10.10.40.17"), ("2606:4700:4700::1111", "fd10:40::17")]


def _packet(
    source: str, destination: str, *, sequence: int = 7, with_timestamp: bool = False
) -> bytes:
    return encode_challenge(
        source=ip_address(source).packed,
        source_port=443,
        destination=ip_address(destination).packed,
        destination_port=50123,
        sequence=sequence,
        acknowledgement=0xFFFF_FFFF,
        with_timestamp=with_timestamp,
    )


@pytest.mark.parametrize("with_timestamp", [False, True])
@pytest.mark.parametrize("source, destination", ENDS)
def test_it_says_what_it_should_and_its_checksums_are_right(
    source: str, destination: str, *, with_timestamp: bool
) -> None:
    packet = _packet(source, destination, sequence=0x8000_0001, with_timestamp=with_timestamp)
    layer = IP if ip_address(source).version == 4 else IPv6
    read = layer(packet)
    assert (read.src, read.dst) == (source, destination)
    segment = read[TCP]
    assert (segment.sport, segment.dport, segment.flags) == (443, 50123, "A")
    assert (segment.seq, segment.ack) == (0x8000_0001, 0xFFFF_FFFF)
    options = [("NOP", None), ("NOP", None), ("Timestamp", (1, 0))]
    assert segment.options == (options if with_timestamp else [])
    assert not segment.payload
    for part in ("chksum", "len") if layer is IP else ("plen",):
        delattr(read, part)
    del segment.chksum
    assert bytes(read) == packet, "filled in by another program, it is the same"


@pytest.mark.parametrize("source, destination", ENDS)
def test_no_sequence_number_makes_it_another_length(source: str, destination: str) -> None:
    sizes = {len(_packet(source, destination, sequence=n)) for n in (0, 1, 2**31, 2**32 - 1)}
    head = 20 if isinstance(ip_address(source), IPv4Address) else 40
    assert sizes == {head + 20}
    assert isinstance(ip_address(source), IPv4Address | IPv6Address)
