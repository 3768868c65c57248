"""The size of the connection table, without netlink: the guard reads it early in the boot."""

from pathlib import Path
from typing import Final

from lbrouter.model.facts import DEFAULT_CONNECTION_TABLE_SIZE

CONNECTION_TABLE_SIZE_FILE: Final = Path("/proc/sys/net/netfilter/nf_conntrack_max")


def read_connection_table_size() -> int:
    """Connections that this kernel tracks at most; the usual number where it does not say."""
    try:
        return int(CONNECTION_TABLE_SIZE_FILE.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return DEFAULT_CONNECTION_TABLE_SIZE
