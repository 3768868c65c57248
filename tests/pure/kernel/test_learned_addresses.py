"""What dnsmasq learns of a name is no drift; any other change of the table is."""

import pytest

from lbrouter.kernel.netlink.raw_socket import encode_attribute
from lbrouter.kernel.read.monitor_parser import NoticeParser

NEW_GENERATION, NEW_ELEMENT, DELETED_ELEMENT = 0x0A0F, 0x0A0C, 0x0A0E
HEADER = bytes(4)


@pytest.mark.parametrize(
    "kind, table, name, noticed",
    [
        (NEW_ELEMENT, b"lbrouter", b"names_youtube.com_ip", False),
        (DELETED_ELEMENT, b"lbrouter", b"names_youtube.com_ip", True),
        (NEW_ELEMENT, b"lbrouter", b"uplinks", True),
        (NEW_ELEMENT, b"docker", b"uplinks", False),
    ],
)
def test_a_change_is_noticed(kind: int, table: bytes, name: bytes, *, noticed: bool) -> None:
    parser = NoticeParser()
    body = HEADER + encode_attribute(1, table + b"\0") + encode_attribute(2, name + b"\0")
    assert parser.parse_nftables(kind, body) == []
    assert bool(parser.parse_nftables(NEW_GENERATION, HEADER)) is noticed
