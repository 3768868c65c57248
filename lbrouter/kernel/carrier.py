"""Asking for carriers, beside hearing of them: the kernel may keep the news for up to a second.

It announces a lost carrier at once only when none was announced in the second before, anywhere on
the machine (net/core/link_watch.c): when a switch dies and takes three lines with it, the second
and third are told a second late. Asking by ETHTOOL_GLINK makes it look now
(linkwatch_sync_dev in net/ethtool/ioctl.c).
"""

import array
import errno
import fcntl
import socket
import struct
from collections.abc import Iterable, Mapping
from typing import Final

SIOCETHTOOL: Final = 0x8946
ETHTOOL_GLINK: Final = 0x0000000A
IFREQ: Final = struct.Struct("16sP16x")
"""struct ifreq: the name, and a pointer to struct ethtool_value."""


def carriers(interfaces: Iterable[str]) -> Mapping[str, bool]:
    """Whether each interface has a carrier now; those that cannot be asked are left out.

    Takes the kernel's lock on all network devices: call it from a thread of its own.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as opened:
        asked = {name: _carrier(opened, name) for name in interfaces}
    return {name: found for name, found in asked.items() if found is not None}


def _carrier(opened: socket.socket, interface: str) -> bool | None:
    value = array.array("I", [ETHTOOL_GLINK, 0])
    try:
        fcntl.ioctl(opened, SIOCETHTOOL, IFREQ.pack(interface.encode(), value.buffer_info()[0]))
    except OSError as error:
        # Gone, or a driver that does not tell: the announcements must do.
        if error.errno in (errno.ENODEV, errno.EOPNOTSUPP):
            return None
        raise
    return bool(value[1])
