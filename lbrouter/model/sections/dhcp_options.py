"""DHCP options that a VLAN's clients get beside those of the gateway: by number, with text."""

import re
from typing import Final

from lbrouter.model.messages.phrase import phrase
from lbrouter.model.validated_strings import InvalidValueError

MAX_OPTION_TEXT: Final = 255

ACCEPTED_OPTION_NUMBER: Final = "the number of a DHCP option, 1 to 254"
OPTION_NUMBER_PATTERN: Final = "[1-9][0-9]{0,2}"
ACCEPTED_OPTION_VALUE: Final = 'an address or text, such as "10.20.2.5"'

GATEWAY_OPTIONS: Final = {
    1: phrase("the netmask is the VLAN's"),
    3: phrase("the router is the gateway"),
    6: phrase("write vlans.NAME.dns"),
    28: phrase("the broadcast address is the VLAN's"),
    50: phrase("the client asks for it"),
    51: phrase("write dhcp.lease"),
    52: phrase("it belongs to the protocol itself"),
    53: phrase("it belongs to the protocol itself"),
    54: phrase("it is the gateway"),
    55: phrase("the client asks for it"),
    56: phrase("it belongs to the protocol itself"),
    57: phrase("the client asks for it"),
    58: phrase("it follows from dhcp.lease"),
    59: phrase("it follows from dhcp.lease"),
    61: phrase("it is the client's"),
    82: phrase("it is the relay's"),
}
"""Options that the gateway or the protocol sets, each with what to do instead."""


def parse_option_number(text: str) -> str:
    """The number of an option that the file may set, as text. Raises InvalidValueError."""
    if re.fullmatch(OPTION_NUMBER_PATTERN, text) is None or int(text) > 254:
        raise InvalidValueError("is not the number of a DHCP option")
    if int(text) in GATEWAY_OPTIONS:
        raise InvalidValueError(
            phrase("is set by the gateway: {why}", why=GATEWAY_OPTIONS[int(text)]),
            "another option, such as 66",
        )
    return text


def parse_option_value(text: str) -> str:
    """One value of an option. It goes into dnsmasq's file: no comma, quote or line break.

    Raises InvalidValueError.
    """
    if not text or len(text) > MAX_OPTION_TEXT:
        raise InvalidValueError(
            phrase("is empty, or has more than {most} characters", most=MAX_OPTION_TEXT)
        )
    if any(not " " <= char <= "~" or char in "\"'`\\,#" for char in text):
        raise InvalidValueError(
            "has a sign that an option cannot hold", "letters, digits and . - _ /"
        )
    return text
