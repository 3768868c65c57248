"""Why a PPPoE line has no session, from pppd's log, for a technician. Pure.

Text that the provider's end sends is not repeated: it is not trusted.
"""

import re
from collections.abc import Mapping
from typing import Final

from lbrouter.model.messages.codes import AddressCode
from lbrouter.model.messages.message import Message, message

NEW_ATTEMPT_PREFIX: Final = "PPP session is "
"""A server was found: the log from here on is about the new attempt."""

SESSION_UP_PATTERN: Final = re.compile(r"(local  IP|local  LL) address ")

_ON_PORT: Final = {"interface": ""}
"""The message names the port of the line."""

PPPD_FAILURES: Final[tuple[tuple[str, AddressCode, Mapping[str, str]], ...]] = (
    (r"Modem hangup", AddressCode.PPPOE_SESSION_ENDED, {}),
    (r"LCP terminated by peer", AddressCode.PPPOE_SESSION_ENDED, {}),
    (r"LCP: timeout sending Config-Requests", AddressCode.PPPOE_NO_NEGOTIATION, {}),
    (r"No response to \d+ echo-requests", AddressCode.PPPOE_SILENT, {}),
    (r"Could not determine local IP address", AddressCode.PPPOE_NO_ADDRESS, {}),
    (r"peer refused to authenticate", AddressCode.PPPOE_NO_PASSWORD_ASKED, {}),
    (r"PAP authentication failed", AddressCode.PPPOE_LOGIN_REFUSED, {"protocol": "PAP"}),
    (r"CHAP authentication failed", AddressCode.PPPOE_LOGIN_REFUSED, {"protocol": "CHAP"}),
    (r"EAP: .*[Ff]ail", AddressCode.PPPOE_LOGIN_REFUSED, {"protocol": "EAP"}),
    (r"Network is down", AddressCode.PPPOE_PORT_DOWN, _ON_PORT),
    (r"PAD[OS]: [A-Za-z]+(-[A-Za-z]+)?-Error", AddressCode.PPPOE_REFUSED, _ON_PORT),
    (r"Timeout waiting for PADS", AddressCode.PPPOE_NO_SESSION_GIVEN, _ON_PORT),
    (r"Timeout waiting for PADO", AddressCode.PPPOE_NO_SERVER, _ON_PORT),
)
"""Patterns and messages. Of one attempt the last of this list counts: a refused password is
followed by the end of the session, which says no more."""

_FAILURE_PATTERNS: Final = tuple(
    (re.compile(pattern), code, values) for pattern, code, values in PPPD_FAILURES
)


def failure_reason(log: str, port: str) -> Message | None:
    """Why there is no session on `port`, None if the log has no failed attempt.

    The cause of the last attempt that has one; an attempt that goes on has none yet.
    """
    cause, fresh = -1, True
    for line in log.splitlines():
        if line.startswith(NEW_ATTEMPT_PREFIX):
            fresh = True
        elif SESSION_UP_PATTERN.match(line):
            cause, fresh = -1, True
        elif (rank := _failure_index(line)) >= 0 and (fresh or rank > cause):
            cause, fresh = rank, False
    if cause < 0:
        return None
    _, code, values = _FAILURE_PATTERNS[cause]
    return message(code, **(dict.fromkeys(values, port) if values is _ON_PORT else values))


def _failure_index(line: str) -> int:
    """The index of a log line in `PPPD_FAILURES`, -1 for a line without a cause."""
    matching = (n for n, (pattern, _, _) in enumerate(_FAILURE_PATTERNS) if pattern.match(line))
    return next(matching, -1)
