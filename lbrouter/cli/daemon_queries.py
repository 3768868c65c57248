"""What a command asks the daemon before it looks for itself; nothing is loaded for that."""

from contextlib import suppress
from datetime import tzinfo
from typing import Final, cast

from lbrouter.cli.settings import CommandSettings
from lbrouter.compile.report.clock import zone_of_key
from lbrouter.compile.report.status_types import Status
from lbrouter.daemon.control_socket import blocking_client
from lbrouter.model.errors import LbrouterError, NotAppliedError, NotPermittedError

STATUS_REPLY_TIMEOUT_S: Final = 5.0
"""A daemon that does not answer in this time is passed over: a person wants to know now."""

ZONE_REPLY_TIMEOUT_S: Final = 1.0


def status_from_daemon(settings: CommandSettings) -> Status | None:
    """The daemon's document; None without a daemon, or where it is silent or may not be asked."""
    with suppress(NotAppliedError, NotPermittedError):
        answer = blocking_client.ask(
            settings.runtime_dir, {"verb": "status"}, timeout_s=STATUS_REPLY_TIMEOUT_S
        )
        return cast("Status | None", answer)
    return None


def display_zone(settings: CommandSettings) -> tzinfo | None:
    """In which zone a command prints times: `[gateway] timezone`, None for the machine's.

    The daemon tells it; without one, the file. It is the machine's where that cannot be read.
    """
    with suppress(LbrouterError):
        answer = blocking_client.ask(
            settings.runtime_dir, {"verb": "ping"}, timeout_s=ZONE_REPLY_TIMEOUT_S
        )
        if answer is not None:
            return zone_of_key(answer.get("timezone"))
    from lbrouter.cli.context import config_or_none  # noqa: PLC0415  -- 400 ms, without a daemon

    config = config_or_none(settings)
    return None if config is None else config.gateway.timezone
