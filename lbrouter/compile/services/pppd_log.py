"""Why a PPPoE line has no session, from pppd's log, in one sentence for a technician. Pure.

Text that the provider's end sends is not repeated: it is not trusted.
"""

import re
from typing import Final

NEW_ATTEMPT_PREFIX: Final = "PPP session is "
"""A server was found: the log from here on is about the new attempt."""

SESSION_UP_PATTERN: Final = re.compile(r"(local  IP|local  LL) address ")

PPPD_FAILURES: Final = (
    (r"Modem hangup", "the provider ended the session"),
    (r"LCP terminated by peer", "the provider ended the session"),
    (r"LCP: timeout sending Config-Requests", "the PPPoE server does not negotiate (LCP)"),
    (r"No response to \d+ echo-requests", "the provider's end fell silent: the session was ended"),
    (r"Could not determine local IP address", "the provider gave no address"),
    (r"peer refused to authenticate", "the provider asks for no password that pppd can give"),
    (r"PAP authentication failed", "authentication refused (PAP)"),
    (r"CHAP authentication failed", "authentication refused (CHAP)"),
    (r"EAP: .*[Ff]ail", "authentication refused (EAP)"),
    (r"Network is down", "{port} is down"),
    (r"PAD[OS]: [A-Za-z]+(-[A-Za-z]+)?-Error", "the PPPoE server on {port} refuses a session"),
    (r"Timeout waiting for PADS", "the PPPoE server on {port} offers a session and gives none"),
    (r"Timeout waiting for PADO", "no PPPoE server answers on {port} (no PADO)"),
)
"""Patterns and sentences. Of one attempt the last of this list counts: a refused password is
followed by the end of the session, which says no more."""

_FAILURE_PATTERNS: Final = tuple(
    (re.compile(pattern), sentence) for pattern, sentence in PPPD_FAILURES
)


def failure_reason(log: str, port: str) -> str:
    """Why there is no session on `port`, "" if the log has no failed attempt.

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
    return _FAILURE_PATTERNS[cause][1].format(port=port) if cause >= 0 else ""


def _failure_index(line: str) -> int:
    """The index of a log line in `PPPD_FAILURES`, -1 for a line without a cause."""
    matching = (n for n, (pattern, _) in enumerate(_FAILURE_PATTERNS) if pattern.match(line))
    return next(matching, -1)
