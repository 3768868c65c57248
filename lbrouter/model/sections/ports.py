"""Ports as rules and forwards write them: one number, or a range in quotes."""

import re
from dataclasses import dataclass
from typing import Any, Final

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from lbrouter.model.messages.phrase import phrase
from lbrouter.model.validated_strings import InvalidValueError, ParsedString

MAX_PORT: Final = 65535

ACCEPTED_PORTS: Final = 'a whole number from 1 to 65535, or a range such as "9000-9010"'
PORT_RANGE_PATTERN: Final = "[0-9]{1,5}-[0-9]{1,5}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PortRange:
    """Ports from `start` to `end` (1 to 65535), both included. One port has both alike."""

    start: int
    end: int

    def __str__(self) -> str:
        return str(self.start) if self.is_single else f"{self.start}-{self.end}"

    def __contains__(self, port: object) -> bool:
        return isinstance(port, int) and self.start <= port <= self.end

    @property
    def is_single(self) -> bool:
        """Whether it is one port."""
        return self.start == self.end

    def toml_value(self) -> int | str:
        """The range as the file writes it."""
        return self.start if self.is_single else str(self)

    def overlaps(self, other: "PortRange") -> bool:
        """Whether both have a port in common."""
        return self.start <= other.end and other.start <= self.end

    def covers(self, other: "PortRange") -> bool:
        """Whether all ports of `other` are in this range."""
        return self.start <= other.start and other.end <= self.end


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedPorts(ParsedString):
    """Annotation of a `PortRange`: a whole number, or a string with a range."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            decode_ports,
            serialization=core_schema.plain_serializer_function_ser_schema(PortRange.toml_value),
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        number = {"type": "integer", "minimum": 1, "maximum": MAX_PORT}
        return {"anyOf": [number, {"type": "string", "pattern": f"^{PORT_RANGE_PATTERN}$"}]}


def decode_ports(value: object) -> PortRange:
    """The ports that the file writes as `value`. Raises InvalidValueError."""
    if isinstance(value, PortRange):
        return value
    if isinstance(value, str):
        return parse_ports(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidValueError("is neither a port nor a range of ports", ACCEPTED_PORTS)
    if not 1 <= value <= MAX_PORT:
        raise InvalidValueError("is not in 1 to 65535", ACCEPTED_PORTS)
    return PortRange(start=value, end=value)


def parse_ports(text: str) -> PortRange:
    """A range of ports, the lower one first. Raises InvalidValueError."""
    if re.fullmatch("[0-9]{1,5}", text):
        raise InvalidValueError("is a number in quotes", phrase("the number, {text}", text=text))
    if re.fullmatch(PORT_RANGE_PATTERN, text) is None:
        raise InvalidValueError("is not a range of ports", ACCEPTED_PORTS)
    first, last = map(int, text.split("-"))
    if not (1 <= first <= MAX_PORT and 1 <= last <= MAX_PORT):
        raise InvalidValueError("is not in 1 to 65535", ACCEPTED_PORTS)
    if first > last:
        raise InvalidValueError("ends before it starts", f'"{last}-{first}"')
    return PortRange(start=first, end=last)
