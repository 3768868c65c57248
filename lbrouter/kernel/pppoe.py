"""Whether this kernel speaks PPPoE."""

import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import Final

PPPOE_MISSING: Final = "This kernel has no PPPoE (modules pppoe, ppp_generic)."
PPPOE_REMEDY: Final = "Run a kernel that has it, as Debian's: apt install linux-image-amd64"

AF_PPPOX: Final = 24
PX_PROTO_OE: Final = 0
"""linux/socket.h, linux/if_pppox.h; Python names neither."""

PPPOE_MODULE_ALIAS: Final = "net-pf-24-proto-0"
"""What the module pppoe answers to when a socket of its family is asked for."""


def available() -> bool:
    """Whether a PPPoE socket can be had, if need be by loading the module.

    A hardened daemon may not open one (RestrictAddressFamilies), but pppd, which runs apart, may:
    there a module that waits on the disk is enough.
    """
    with suppress(OSError):
        socket.socket(AF_PPPOX, socket.SOCK_STREAM, PX_PROTO_OE).close()
        return True
    aliases = Path("/lib/modules") / os.uname().release / "modules.alias"
    with suppress(OSError):
        return PPPOE_MODULE_ALIAS in aliases.read_text(encoding="utf-8", errors="replace")
    return False
