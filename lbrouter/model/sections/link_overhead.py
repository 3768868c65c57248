"""What a line adds to each packet: the bytes that a modem sends and that the kernel never sees."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from lbrouter.model.messages.phrase import phrase
from lbrouter.model.validated_strings import InvalidValueError, ParsedString

MAX_OVERHEAD_BYTES: Final = 256
"""Bytes. AAL5 in LLC mode with PPPoE, the worst that is in use, adds 44."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkOverhead:
    """Bytes on the line for each IP packet beside the packet itself, and how the line codes them.

    A packet takes `min_packet_bytes` at the least. Of 65 bytes that a line with `ptm` coding sends,
    64 carry something.
    """

    packet_bytes: int
    min_packet_bytes: int = 0
    ptm: bool = False
    name: str = ""

    def extra_bytes(self, counted: int) -> int:
        """Bytes to add where the kernel already counts `counted` (14 on Ethernet, 0 on PPP)."""
        return max(0, self.packet_bytes - counted)

    def packet_rate(self, rate: int) -> int:
        """What is left of `rate` (bits per second) for the packets and their overhead."""
        return rate * 64 // 65 if self.ptm else rate

    def toml_value(self) -> str | int:
        """As the file writes it."""
        return self.name or self.packet_bytes

    def __str__(self) -> str:
        return str(self.toml_value())


LINK_OVERHEADS: Final[Mapping[str, LinkOverhead]] = {
    # preamble and start 8, header 14, checksum 4, gap 12; the shortest frame is 64 without them
    "ethernet": LinkOverhead(name="ethernet", packet_bytes=38, min_packet_bytes=84),
    # a cable operator counts from the header to the checksum
    "docsis": LinkOverhead(name="docsis", packet_bytes=18, min_packet_bytes=64),
    # VDSL2: PPP 2, PPPoE 6, header 14, checksum 4, PTM 4
    "pppoe-ptm": LinkOverhead(name="pppoe-ptm", packet_bytes=30, ptm=True),
}

# The words and their bytes are those of tc-cake(8).

_LINK_KIND_WORDS: Final = ", ".join(f'"{kind}"' for kind in LINK_OVERHEADS)
ACCEPTED_OVERHEAD: Final = phrase(
    "{words} or a number of bytes, 0 to {most}",
    words=_LINK_KIND_WORDS,
    most=MAX_OVERHEAD_BYTES,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedOverhead(ParsedString):
    """Annotation of a `LinkOverhead`: one of a few words, or a number of bytes."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            decode_overhead,
            serialization=core_schema.plain_serializer_function_ser_schema(LinkOverhead.toml_value),
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        number = {"type": "integer", "minimum": 0, "maximum": MAX_OVERHEAD_BYTES}
        return {"anyOf": [{"enum": list(LINK_OVERHEADS)}, number]}


def decode_overhead(value: object) -> LinkOverhead:
    """The overhead that the file writes as `value`. Raises InvalidValueError."""
    if isinstance(value, LinkOverhead):
        return value
    if isinstance(value, str):
        return parse_overhead(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidValueError(
            "is neither a kind of line nor a number of bytes", ACCEPTED_OVERHEAD
        )
    if not 0 <= value <= MAX_OVERHEAD_BYTES:
        raise InvalidValueError("is no overhead of a line that is in use", ACCEPTED_OVERHEAD)
    return LinkOverhead(packet_bytes=value)


def parse_overhead(text: str) -> LinkOverhead:
    """The overhead of a kind of line, by its word. Raises InvalidValueError."""
    if text not in LINK_OVERHEADS:
        raise InvalidValueError("is not a kind of line that is known here", ACCEPTED_OVERHEAD)
    return LINK_OVERHEADS[text]
