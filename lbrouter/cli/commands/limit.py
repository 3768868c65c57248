"""`lbrouter limit`: a ceiling for a while, which the daemon holds."""

from collections.abc import Sequence
from typing import Final

from lbrouter.cli.commands import apply
from lbrouter.cli.settings import CommandSettings
from lbrouter.daemon.control_socket.protocol import Document
from lbrouter.model.errors import UsageError
from lbrouter.model.sections.field_types import parse_line_rate
from lbrouter.model.units import Rate

LIMIT_OFF: Final = "off"


def limit_request(vlan: str, rate: str, *, time: str, directions: Sequence[str]) -> Document:
    """What the daemon is asked. Raises UsageError for a rate or a time that makes no sense."""
    within = apply.parse_time_option(time, option="--for")
    if rate == LIMIT_OFF and within is not None:
        raise UsageError("A limit ends at once: `off` takes no --for.")
    return {
        "verb": "limit",
        "vlan": vlan,
        "rate": 0 if rate == LIMIT_OFF else int(_parse_limit_rate(rate)),
        "for_ms": 0 if within is None else int(within),
        "directions": list(directions),
    }


async def limit(settings: CommandSettings, asked: Document) -> int:
    """Set or end a limit. Raises UnavailableError without a daemon."""
    return await apply.send_operator_command(settings, asked, named="lbrouter limit")


def _parse_limit_rate(text: str) -> Rate:
    try:
        return parse_line_rate(text)
    except ValueError as error:
        raise UsageError(
            f'The rate "{text}" {error}.', remedy='Say "5mbit", say, or off.'
        ) from error
