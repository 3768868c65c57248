"""Netlink messages read by hand: the fixed header as a tuple, the attributes as bytes by number.

Without pyroute2, which decodes every attribute of every message into objects, 0.1 to 0.5 ms each; a
repair reads five attributes of hundreds of messages.
"""

import sys
from collections.abc import Iterator
from struct import Struct
from typing import Any, Final

NLMSGHDR: Final = Struct("=IHHII")
"""linux/netlink.h: length, type, flags, sequence number, port."""

NLATTR: Final = Struct("=HH")
NLA_TYPE_MASK: Final = 0x3FFF
"""The two highest bits of an attribute's type are flags (nested, network byte order)."""

NLMSG_MIN_TYPE: Final = 16
"""Types below belong to netlink itself: the end of a dump, an error."""


class RawMessage(dict[str, Any]):
    """One message; a dict because pyroute2 looks for its own header in it."""

    @property
    def fields(self) -> tuple[int, ...]:
        """The fixed header, in the order of the C structure."""
        fields: tuple[int, ...] = self["fields"]
        return fields

    def raw(self, number: int) -> bytes:
        """Attribute `number`; empty where it is absent."""
        found: bytes = self["attributes"].get(number, b"")
        return found

    def integer(self, number: int) -> int:
        """Attribute `number` as an unsigned integer; 0 where it is absent."""
        return native_uint(self.raw(number))

    def text(self, number: int) -> str:
        """Attribute `number` as a string; empty where it is absent."""
        return self.raw(number).rstrip(b"\0").decode()

    def nested(self, *path: int) -> bytes:
        """The attribute at the end of `path`; empty where one of them is absent."""
        content = self.raw(path[0])
        for number in path[1:]:
            content = dict(parse_attributes(content)).get(number, b"")
        return content


def native_uint(content: bytes) -> int:
    """An unsigned integer of any width, in this machine's byte order."""
    return int.from_bytes(content, sys.byteorder)


def parse_attributes(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Attributes in `content`: their numbers and what they hold."""
    start = 0
    while start + NLATTR.size <= len(content):
        length, kind = NLATTR.unpack_from(content, start)
        if length < NLATTR.size:
            return
        yield kind & NLA_TYPE_MASK, content[start + NLATTR.size : start + length]
        start += (length + 3) & ~3
