"""What a line adds to each packet: the bytes that a modem sends and that the kernel never sees."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from lbrouter.model.validated_strings import RefusedError, Text

MOST: Final = 256
"""Bytes. AAL5 in LLC mode with PPPoE, the worst that is in use, adds 44."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overhead:
    """Bytes on the line for each IP packet beside the packet itself, and how the line codes them.

    A packet takes `least` bytes at the least. Of 65 bytes that a line with `ptm` coding sends, 64
    carry something.
    """

    packet: int
    least: int = 0
    ptm: bool = False
    name: str = ""

    def on_top(self, counted: int) -> int:
        """Bytes to add where the kernel already counts `counted` (14 on Ethernet, 0 on PPP)."""
        return max(0, self.packet - counted)

    def carried(self, rate: int) -> int:
        """What is left of `rate` (bits per second) for the packets and their overhead."""
        return rate * 64 // 65 if self.ptm else rate

    def in_file(self) -> str | int:
        """As the file writes it."""
        return self.name or self.packet

    def __str__(self) -> str:
        return str(self.in_file())


KINDS: Final[Mapping[str, Overhead]] = {
    # preamble and start 8, header 14, checksum 4, gap 12; the shortest frame is 64 without them
    "ethernet": Overhead(name="ethernet", packet=38, least=84),
    # a cable operator counts from the header to the checksum
    "docsis": Overhead(name="docsis", packet=18, least=64),
    # VDSL2: PPP 2, PPPoE 6, header 14, checksum 4, PTM 4
    "pppoe-ptm": Overhead(name="pppoe-ptm", packet=30, ptm=True),
}

# The words and their bytes are those of tc-cake(8).

_WORDS: Final = ", ".join(f'"{kind}"' for kind in KINDS)
AN_OVERHEAD: Final = f"{_WORDS} or a number of bytes, 0 to {MOST}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire(Text):
    """Annotation of an `Overhead`: one of a few words, or a number of bytes."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            read,
            serialization=core_schema.plain_serializer_function_ser_schema(Overhead.in_file),
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        number = {"type": "integer", "minimum": 0, "maximum": MOST}
        return {"anyOf": [{"enum": list(KINDS)}, number]}


def read(value: object) -> Overhead:
    """The overhead that the file writes as `value`. Raises RefusedError."""
    if isinstance(value, Overhead):
        return value
    if isinstance(value, str):
        return parse_overhead(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise RefusedError("is neither a kind of line nor a number of bytes", AN_OVERHEAD)
    if not 0 <= value <= MOST:
        raise RefusedError("is no overhead of a line that is in use", AN_OVERHEAD)
    return Overhead(packet=value)


def parse_overhead(text: str) -> Overhead:
    """The overhead of a kind of line, by its word. Raises RefusedError."""
    if text not in KINDS:
        raise RefusedError("is not a kind of line that is known here", AN_OVERHEAD)
    return KINDS[text]
