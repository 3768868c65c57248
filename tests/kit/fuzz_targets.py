"""What strangers' bytes reach: a row for each decoder, for `make fuzz` and for the pure ring.

A decoder may refuse its input by an error that its row names, and may raise no other one. What it
gives is looked at as its callers do. A new decoder is one row here (and a seed, if it has a form
that chance does not find); `make fuzz` then makes its corpus, and the pure ring replays it.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any, Final

from lbrouter.compile.wire import dhcp_message, dns_message, icmp_message
from lbrouter.compile.wire.dns_message import RecordType, encode_question


@dataclass(frozen=True, slots=True, kw_only=True)
class FuzzTarget:
    """A decoder: `function` of `module`, called with the bytes, or as `call` says."""

    name: str
    module: str
    function: str
    call: Callable[[Callable[..., Any], bytes], object] = lambda function, data: function(data)
    refusals: tuple[type[Exception], ...] = ()
    seeds: tuple[bytes, ...] = ()

    def run(self, data: bytes) -> None:
        """Decode `data`. Raises what it must not raise."""
        function = getattr(import_module(self.module), self.function)
        with suppress(*self.refusals):
            self.call(function, data)


ASKED: Final = encode_question("stream.example", RecordType.A)
DNS_ANSWER: Final = (
    bytes.fromhex("000781800001000100000000") + ASKED
    + bytes.fromhex("c00c000100010000003c0004c0000250")
)  # fmt: skip
OFFER: Final = dhcp_message.BOOTP_HEADER.pack(
    2, 1, 6, 0, 7, 0, 0, bytes(4), b"\xc0\x00\x02\x50", bytes(4), bytes(4), bytes(16), b"", b"",
    dhcp_message.DHCP_MAGIC_COOKIE,
) + bytes.fromhex("3501020104ffffff000304c00002013604c0000201330400000e10ff")  # fmt: skip
DATAGRAM: Final = (
    bytes.fromhex("4500") + (28 + len(OFFER)).to_bytes(2) + bytes.fromhex("00000000401100")
    + bytes.fromhex("00c0000201ffffffff00430044") + (8 + len(OFFER)).to_bytes(2) + bytes(2) + OFFER
)  # fmt: skip
UNREACHABLE: Final = bytes.fromhex(
    "4500003800000000400100000a0000010a000002030100000000 0000"
    "4500001c00000000400100000a000002080808080800000000070001"
)  # fmt: skip
ADVERTISEMENT: Final = bytes.fromhex(
    "86000000 4048 0708 00000000 00000000"
    "0101020000000066"
    "05010000000005dc"
    "030440c0 00000e10 00000708 00000000 20010db8000100000000000000000000"
    "19030000 00000258 20010db8000000000000000000000053"
)
"""A router with its address, an MTU, a prefix and a resolver."""

ARP_REQUEST: Final = bytes.fromhex(
    "ffffffffffff020000000001080600010800060400010200000000010a0a28140000000000000a0a2801"
)

CHUNKED: Final = b"\x30HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"


def _read_dns(_: Callable[..., Any], data: bytes) -> None:
    dns_message.is_answer(data, 7, ASKED)
    for kind in RecordType:
        for address in dns_message.parse_dns_addresses(data, ASKED, kind):
            assert address.version in (4, 6)


def _read_dhcp(function: Callable[..., Any], data: bytes) -> None:
    """As the client does: a message becomes a lease, or is refused."""
    from lbrouter.compile.dhcp.lease_validation import InvalidLeaseError, lease_from_message

    message = function(data)
    if message is not None:
        for value in message.options.values():
            dhcp_message.parse_addresses(value)
            dhcp_message.parse_number(value)
        with suppress(InvalidLeaseError):
            lease_from_message(message, at=0.0, station="")


def _read_packet(function: Callable[..., Any], data: bytes) -> None:
    payload = function(data)
    assert payload is None or len(payload) <= len(data)


def _read_icmp(version: int, function: Callable[..., Any], data: bytes) -> None:
    numbers = icmp_message.ICMP_NUMBERS_V4 if version == 4 else icmp_message.ICMP_NUMBERS_V6
    function(data, numbers)


def _read_http(_: Callable[..., Any], data: bytes) -> None:
    """In two pieces, cut where the first byte says; then the end of the connection."""
    from lbrouter.compile.wire.http_exchange import HttpExchange, HttpRequest, NotHttpError

    exchange = HttpExchange(HttpRequest(method="GET", host="probe.example", path="/"))
    cut = 1 + (data[0] if data else 0)
    with suppress(NotHttpError):
        status = None
        for piece in (data[1:cut], data[cut:], b""):
            if status is None:
                status = exchange.receive_status(piece) if piece else None
            else:
                exchange.receive_body(piece)
        assert status is None or 200 <= status <= 999


def _text(function: Callable[..., Any], data: bytes) -> None:
    function(data.decode("utf-8", errors="replace"))


def _pppd_log(function: Callable[..., Any], data: bytes) -> None:
    function(data.decode("utf-8", errors="replace"), "wan1")


def _on_lan(function: Callable[..., Any], data: bytes) -> None:
    function(data, "lan1")


_WIRE: Final = "lbrouter.compile.wire"

FUZZ_TARGETS: Final = (
    FuzzTarget(name="dhcp_message", module=f"{_WIRE}.dhcp_message", function="decode",
               call=_read_dhcp, seeds=(OFFER,)),
    FuzzTarget(name="dhcp_packet", module=f"{_WIRE}.dhcp_packet", function="decode_packet",
               call=_read_packet, seeds=(DATAGRAM,)),
    FuzzTarget(name="dhcp_offer", module="lbrouter.kernel.l2.dhcp_probe", function="parse_offer",
               call=_on_lan, seeds=(bytes(14) + DATAGRAM,)),
    FuzzTarget(name="icmp", module=f"{_WIRE}.icmp_message", function="parse_icmp_packet",
               call=partial(_read_icmp, 4), seeds=(UNREACHABLE,)),
    FuzzTarget(name="icmp6", module=f"{_WIRE}.icmp_message", function="parse_icmp_packet",
               call=partial(_read_icmp, 6), seeds=(b"\x81" + bytes(15),)),
    FuzzTarget(name="ra", module="lbrouter.compile.ra.advertisement",
               function="decode_advertisement", seeds=(ADVERTISEMENT,)),
    FuzzTarget(name="client_frame", module="lbrouter.kernel.l2.client_listener",
               function="parse_frame", call=_on_lan, seeds=(bytes(14) + DATAGRAM, ARP_REQUEST)),
    FuzzTarget(name="dns", module=f"{_WIRE}.dns_message", function="is_answer",
               call=_read_dns, seeds=(DNS_ANSWER,)),
    FuzzTarget(name="http", module=f"{_WIRE}.http_exchange", function="HttpExchange",
               call=_read_http,
               seeds=(b"\x09HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", CHUNKED)),
    FuzzTarget(name="leases", module="lbrouter.compile.services.dnsmasq_leases",
               function="parse_leases", call=_text,
               seeds=(b"1764460800 02:00:00:00:00:01 10.10.40.20 phone 01:02\n",)),
    FuzzTarget(name="pppd_log", module="lbrouter.compile.services.pppd_log",
               function="failure_reason", call=_pppd_log,
               seeds=(b"PPP session is 1\nCHAP authentication failed\nModem hangup\n",)),
)  # fmt: skip
