"""What an uplink's DHCP client says of itself: its host name and its client identifier."""

import re
from dataclasses import dataclass
from typing import Final

from lbrouter.model.messages.phrase import phrase
from lbrouter.model.validated_strings import InvalidValueError

HOSTNAME_PATTERN: Final = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
ACCEPTED_HOSTNAME: Final = '1 to 63 letters, digits and hyphens, such as "event-box"'

MAX_CLIENT_ID_BYTES: Final = 254
TEXT_TYPE: Final = b"\0"
"""RFC 2132, 9.14: type 0 says that the identifier is no hardware address."""
HEX_BYTES_PATTERN: Final = "[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2})+"
ACCEPTED_CLIENT_ID: Final = (
    'a text such as "customer-4711", or bytes such as "01:02:00:00:00:00:07"'
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientId:
    """A client identifier: as the file writes it, and the bytes of option 61."""

    text: str
    content: bytes

    def __str__(self) -> str:
        return self.text


def parse_hostname(text: str) -> str:
    """One label of a host name (RFC 952, RFC 1123)."""
    if re.fullmatch(HOSTNAME_PATTERN, text) is None:
        raise InvalidValueError("is not a host name")
    return text


def parse_client_id(text: str) -> ClientId:
    """Pairs of hexadecimal digits with colons are bytes, type first; other text has type 0."""
    if re.fullmatch(HEX_BYTES_PATTERN, text) is not None:
        content = bytes.fromhex(text.replace(":", ""))
    else:
        if not text or not all(" " <= char <= "~" for char in text):
            raise InvalidValueError("is not a client identifier")
        content = TEXT_TYPE + text.encode()
    if len(content) > MAX_CLIENT_ID_BYTES:
        raise InvalidValueError(phrase("has more than {most} bytes", most=MAX_CLIENT_ID_BYTES))
    return ClientId(text=text, content=content)
