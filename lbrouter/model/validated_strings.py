"""How a value that the file writes as a string becomes a type, for pydantic and for JSON Schema."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lbrouter.model.messages.phrase import phrase

if TYPE_CHECKING:  # a rate on a command line is read without pydantic, which takes 50 ms to load
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema


class InvalidValueError(ValueError):
    """A value that is not taken: the reason, and what would be accepted instead."""

    def __init__(self, reason: str, accepted: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.accepted = accepted


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedString:
    """Annotation of a field that the file writes as a string.

    `parse` reads the string or raises `InvalidValueError`; `str` of the value writes it.
    """

    parse: Callable[[str], object]
    accepted: str
    pattern: str = ""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: "GetCoreSchemaHandler"
    ) -> "CoreSchema":
        from pydantic_core import core_schema  # noqa: PLC0415  -- pydantic, which asks, has loaded it

        return core_schema.no_info_plain_validator_function(
            lambda value: self.decode(value, source),
            serialization=core_schema.plain_serializer_function_ser_schema(str),
        )

    def __get_pydantic_json_schema__(
        self, schema: "CoreSchema", handler: "GetJsonSchemaHandler"
    ) -> "JsonSchemaValue":
        string_schema: JsonSchemaValue = {"type": "string"}
        if self.pattern:
            string_schema["pattern"] = f"^{self.pattern}$"
        return string_schema

    def decode(self, value: object, source: Any) -> object:
        """`value`, a string or of type `source` already, as `source`."""
        if not isinstance(value, str):
            if isinstance(value, source):
                return value
            raise InvalidValueError("is not a string", self.accepted)
        try:
            return self.parse(value)
        except InvalidValueError as refused:
            raise InvalidValueError(refused.reason, refused.accepted or self.accepted) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class OneOrMany:
    """Annotation of a tuple that the file may also write as its one element, unbracketed."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: "GetCoreSchemaHandler"
    ) -> "CoreSchema":
        from pydantic_core import core_schema  # noqa: PLC0415  -- pydantic, which asks, has loaded it

        return core_schema.no_info_before_validator_function(self.wrap_single, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: "CoreSchema", handler: "GetJsonSchemaHandler"
    ) -> "JsonSchemaValue":
        many = handler(schema)
        return {"anyOf": [many["items"], many]}

    def wrap_single(self, value: object) -> object:
        """A string as a tuple of one; anything else as it is."""
        return (value,) if isinstance(value, str) else value


NAME_PATTERN = "[a-z][a-z0-9_-]{0,30}"
INTERFACE_PATTERN = "[A-Za-z0-9][A-Za-z0-9_.@-]{0,14}"
MAC_PATTERN = "[0-9a-f]{2}(:[0-9a-f]{2}){5}"

MAX_TAG = 4094
"""802.1Q: twelve bits, of which 0 means "no VLAN" and 4095 is reserved."""

OWN_DEVICE_PREFIX = "lbr-"
"""How the names of devices begin that lbrouter makes for itself."""

# Directories of /proc/sys/net/ipv4/conf that are no interfaces, and the one that leads nowhere.
_PSEUDO_INTERFACES = frozenset({"all", "default", "lo"})


def parse_name(text: str) -> str:
    """The name of a thing in the file: a lower-case word of at most 31 characters."""
    if re.fullmatch(NAME_PATTERN, text) is None:
        raise InvalidValueError("is not a name")
    return text


def parse_interface(text: str) -> str:
    """The name of a network interface.

    The kernel takes more (dev_valid_name in net/core/dev.c), but nft reads `x*` as a prefix, and
    a shell may execute `$(id)`. IFNAMSIZ leaves 15 characters.
    """
    if len(text) > 15:
        raise InvalidValueError(
            phrase("has {length} characters, the kernel takes 15", length=len(text))
        )
    if re.fullmatch(INTERFACE_PATTERN, text) is None:
        raise InvalidValueError("is not the name of an interface")
    if text.startswith(OWN_DEVICE_PREFIX):
        raise InvalidValueError(
            phrase(
                "has a name that starts with {prefix}, as lbrouter's own devices do",
                prefix=OWN_DEVICE_PREFIX,
            )
        )
    if text in _PSEUDO_INTERFACES:
        raise InvalidValueError("is not an interface that carries traffic")
    return text


def parse_mac(text: str) -> str:
    """The hardware address of one host, in lower case with colons."""
    plain = text.lower().replace("-", ":")
    if re.fullmatch(MAC_PATTERN, plain) is None:
        raise InvalidValueError("is not a hardware address")
    if int(plain[:2], 16) & 1 or plain == "00:00:00:00:00:00":
        raise InvalidValueError("is not the hardware address of one host")
    return plain


def parse_path(text: str) -> str:
    """An absolute path, without characters that another program's files could trip over."""
    if not text.startswith("/") or not _is_plain_ascii(text):
        raise InvalidValueError("is not an absolute path")
    return text


def parse_username(text: str) -> str:
    """A PPPoE user name. It goes into pppd's options: no quotes, spaces or backslashes."""
    if not text or len(text) > 255 or not _is_plain_ascii(text):
        raise InvalidValueError("is not a user name")
    return text


def _is_plain_ascii(text: str) -> bool:
    """Whether each character is printable ASCII, without spaces, quotes and backslashes."""
    return all("!" <= char <= "~" and char not in "\"'\\`" for char in text)
