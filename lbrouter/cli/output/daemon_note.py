"""What a command notes where no daemon runs."""

from typing import Final

NO_DAEMON_NOTE: Final = (
    "no daemon runs: uplinks are judged by carrier alone, [health] needs the daemon"
)
