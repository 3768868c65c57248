"""ICMP answers and errors, and DNS answers: what is taken, and what of an enemy is not."""

from ipaddress import ip_address

import pytest

from lbrouter.compile.wire.dns_message import (
    DNS_HEADER,
    ROOT_NS_QUESTION,
    RecordType,
    encode_question,
    is_answer,
    parse_dns_addresses,
)
from lbrouter.compile.wire.http_exchange import HttpExchange, HttpRequest, NotHttpError
from lbrouter.compile.wire.icmp_message import (
    ICMP_ECHO_HEADER,
    ICMP_NUMBERS_V4,
    ICMP_NUMBERS_V6,
    IcmpEchoReply,
    IcmpError,
    IcmpNumbers,
    parse_icmp_packet,
)

TARGET4, TARGET6 = ip_address("8.8.8.8"), ip_address("2001:4860:4860::8888")
IPV4_FROM_ROUTER = bytes([0x45]) + bytes(19)
ASKED = encode_question("stream.example", RecordType.A)


def quoted(numbers: IcmpNumbers, *, kind: int | None = None, protocol: int | None = None) -> bytes:
    """The start of our own echo request, as an error quotes it."""
    request = numbers.request if kind is None else kind
    inner = numbers.protocol if protocol is None else protocol
    echo = ICMP_ECHO_HEADER.pack(request, 0, 0, 7, 9)
    if numbers.version == 4:
        return bytes([0x45, *bytes(8), inner, *bytes(6)]) + TARGET4.packed + echo
    return bytes([0x60, *bytes(5), inner, 0, *bytes(16)]) + TARGET6.packed + echo


def packet(numbers: IcmpNumbers, kind: int, code: int, rest: bytes) -> bytes:
    """What a raw socket gives."""
    before = IPV4_FROM_ROUTER if numbers.version == 4 else b""
    return before + bytes([kind, code]) + bytes(6) + rest


@pytest.mark.parametrize("numbers", [ICMP_NUMBERS_V4, ICMP_NUMBERS_V6], ids=["v4", "v6"])
class TestIcmp:
    def test_an_answer_is_taken_with_what_it_carries(self, numbers: IcmpNumbers) -> None:
        before = IPV4_FROM_ROUTER if numbers.version == 4 else b""
        answer = before + ICMP_ECHO_HEADER.pack(numbers.reply, 0, 0, 7, 9) + b"token"
        expected = IcmpEchoReply(identifier=7, sequence=9, body=b"token")
        assert parse_icmp_packet(answer, numbers) == expected

    def test_an_error_that_quotes_us_is_taken(self, numbers: IcmpNumbers) -> None:
        reasons = {
            (numbers.unreachable, 3): numbers.unreachable_reasons[3],
            (numbers.unreachable, 13): "refused by a router",
            (numbers.time_exceeded, 0): "time exceeded: a routing loop",
        }
        target = TARGET4 if numbers.version == 4 else TARGET6
        for (kind, code), reason in reasons.items():
            expected = IcmpError(identifier=7, sequence=9, destination=str(target), reason=reason)
            assert (
                parse_icmp_packet(packet(numbers, kind, code, quoted(numbers)), numbers) == expected
            )

    def test_anything_else_is_nothing(self, numbers: IcmpNumbers) -> None:
        for kind, rest in (
            (200, quoted(numbers)),
            (numbers.unreachable, quoted(numbers, kind=numbers.reply)),
            (numbers.unreachable, quoted(numbers, protocol=6)),
        ):
            assert parse_icmp_packet(packet(numbers, kind, 0, rest), numbers) is None
        whole = packet(numbers, numbers.unreachable, 0, quoted(numbers))
        for cut in range(len(whole)):
            assert parse_icmp_packet(whole[:cut], numbers) is None

    def test_a_quoted_header_that_claims_too_much_is_nothing(self, numbers: IcmpNumbers) -> None:
        wrong = bytes([0x4F]) + quoted(numbers)[1:] if numbers.version == 4 else bytes(10)
        for rest in (wrong, bytes([0x41]) + bytes(30)):
            found = parse_icmp_packet(packet(numbers, numbers.unreachable, 0, rest), numbers)
            assert found is None


def answer(*records: bytes, count: int | None = None) -> bytes:
    many = len(records) if count is None else count
    return DNS_HEADER.pack(7, 0x8180, 1, many, 0, 0) + ASKED + b"".join(records)


def record(kind: RecordType, data: bytes, name: bytes = b"\xc0\x0c") -> bytes:
    return name + kind.to_bytes(2) + bytes.fromhex("00010000003c") + len(data).to_bytes(2) + data


def test_addresses_of_an_answer() -> None:
    long_name = b"\x03www" + b"\x07example\0"
    text = answer(
        record(RecordType.NS, b"\x01x\0"),
        record(RecordType.A, TARGET4.packed, long_name),
        record(RecordType.A, TARGET6.packed),
        record(RecordType.AAAA, TARGET6.packed),
    )
    assert parse_dns_addresses(text, ASKED, RecordType.A) == [TARGET4]
    assert parse_dns_addresses(text, ASKED, RecordType.AAAA) == [TARGET6]


@pytest.mark.parametrize(
    "message",
    [
        b"",
        answer()[:11],
        answer(count=65535),
        answer(b"\x3f"),
        answer(b"\x01a" * 200 + record(RecordType.A, TARGET4.packed)),
        answer(record(RecordType.A, TARGET4.packed)[:-1]),
    ],
)
def test_an_answer_that_is_cut_off_or_has_names_without_end_has_none(message: bytes) -> None:
    assert parse_dns_addresses(message, ASKED, RecordType.A) == []


def test_only_an_answer_to_our_question_is_one() -> None:
    good = answer()
    assert is_answer(good, 7, ASKED)
    assert not is_answer(good, 8, ASKED)
    assert not is_answer(good, 7, ROOT_NS_QUESTION)
    assert not is_answer(good[:8], 7, ASKED)
    assert not is_answer(good[:2] + b"\x01" + good[3:], 7, ASKED)
    assert not is_answer(good[:2] + b"\x89" + good[3:], 7, ASKED)
    assert is_answer(DNS_HEADER.pack(7, 0x8181, 0, 0, 0, 0), 7, ASKED)


def test_a_request_that_may_not_be_sent_is_refused_and_a_body_may_be_sent_later() -> None:
    with pytest.raises(NotHttpError):
        HttpExchange(HttpRequest(method="GET", host="probe.example", path="/ \r\nX: y"))
    upload = HttpRequest(method="POST", host="probe.example", path="/", body_length=9)
    assert HttpExchange(upload).request_bytes.endswith(b"Content-Length: 9\r\n\r\n")
