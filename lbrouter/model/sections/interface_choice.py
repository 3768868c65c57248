"""How the file says which interface a line is plugged into: by name, by MAC address, by path.

A stick or a phone comes back under another name. Its MAC address stays, and so does the path of
the socket that it is plugged into.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from lbrouter.model.messages.phrase import as_phrase, phrase
from lbrouter.model.validated_strings import (
    INTERFACE_PATTERN,
    InvalidValueError,
    ParsedString,
    parse_interface,
    parse_mac,
)

MAC_EXAMPLE: Final = '{ mac = "02:00:c0:ff:ee:01" }'
PATH_EXAMPLE: Final = '{ path = "pci-0000:00:14.0-usb-0:2:1.0" }'
ACCEPTED_TABLE: Final = phrase("{mac} or {path}", mac=MAC_EXAMPLE, path=PATH_EXAMPLE)
ACCEPTED_CHOICE: Final = phrase(
    "the name of an interface (1 to 15 letters, digits and _ . @ -, a letter or digit first),"
    " {mac} or {path}",
    mac=MAC_EXAMPLE,
    path=PATH_EXAMPLE,
)
DEVICE_PATH_PATTERN: Final = "[A-Za-z0-9][A-Za-z0-9_.:+-]{1,99}"
MAC_INPUT_PATTERN: Final = "[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}"


@dataclass(frozen=True, slots=True, kw_only=True)
class InterfaceChoice:
    """An interface by what stays when its name changes: `mac`, or `path` as udev's ID_PATH."""

    mac: str = ""
    path: str = ""

    def __str__(self) -> str:
        return f"MAC {self.mac}" if self.mac else f"path {self.path}"

    @property
    def key(self) -> str:
        """The same without spaces, to know the line by."""
        return f"mac={self.mac}" if self.mac else f"path={self.path}"

    def toml_value(self) -> dict[str, str]:
        """As the file writes it."""
        return {"mac": self.mac} if self.mac else {"path": self.path}


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedInterface(ParsedString):
    """Annotation of an interface: its name, or a table with `mac` or `path`."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            decode_interface,
            serialization=core_schema.plain_serializer_function_ser_schema(toml_value),
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        tables = [
            {
                "type": "object",
                "properties": {
                    key: {"type": "string", "pattern": f"^{pattern}$", "description": meaning}
                },
                "required": [key],
                "additionalProperties": False,
            }
            for key, pattern, meaning in (
                ("mac", MAC_INPUT_PATTERN, "The hardware address of the interface."),
                ("path", DEVICE_PATH_PATTERN, "Where it is plugged in: udev's ID_PATH."),
            )
        ]
        return {"anyOf": [{"type": "string", "pattern": f"^{INTERFACE_PATTERN}$"}, *tables]}


def toml_value(value: str | InterfaceChoice) -> str | dict[str, str]:
    """The choice as the file writes it."""
    return value if isinstance(value, str) else value.toml_value()


def decode_interface(value: object) -> str | InterfaceChoice:
    """The interface that the file writes as `value`. Raises InvalidValueError."""
    if isinstance(value, InterfaceChoice):
        return value
    try:
        if isinstance(value, str):
            return parse_interface(value)
        if isinstance(value, Mapping):
            return _decode_table(value)
    except InvalidValueError as refused:
        raise InvalidValueError(refused.reason, refused.accepted or ACCEPTED_CHOICE) from None
    raise InvalidValueError("is neither a name nor a table", ACCEPTED_CHOICE)


def _decode_table(table: Mapping[str, object]) -> InterfaceChoice:
    if set(table) not in ({"mac"}, {"path"}):
        raise InvalidValueError("is a table that needs one key, mac or path", ACCEPTED_TABLE)
    [(key, text)] = table.items()
    if not isinstance(text, str):
        raise InvalidValueError(phrase("has a {key} that is not a string", key=key))
    if key == "mac":
        try:
            return InterfaceChoice(mac=parse_mac(text))
        except InvalidValueError as refused:
            why = phrase(
                'has the mac "{text}", which {reason}',
                text=text[:40],
                reason=as_phrase(refused.reason),
            )
            raise InvalidValueError(why, MAC_EXAMPLE) from None
    if re.fullmatch(DEVICE_PATH_PATTERN, text) is None:
        why = phrase(
            'has the path "{text}", which is not a path as udev writes it (ID_PATH)', text=text[:40]
        )
        raise InvalidValueError(why, PATH_EXAMPLE)
    return InterfaceChoice(path=text)
