"""Polls carriers, beside the announcements: the kernel may delay those for up to a second.

It announces a lost carrier at once only when none was announced in the second before, anywhere on
the machine (net/core/link_watch.c): when a switch dies and takes three lines with it, the second
and third are announced a second late. Asking by ETHTOOL_GLINK makes it check now
(linkwatch_sync_dev in net/ethtool/ioctl.c).
"""

import array
import errno
import fcntl
import socket
import struct
import threading
from collections.abc import Callable, Iterable
from typing import Final

SIOCETHTOOL: Final = 0x8946
ETHTOOL_GLINK: Final = 0x0000000A
CARRIER_POLL_INTERVAL_S: Final = 0.04
"""Half of this on average, plus the map swap: a median of 50 ms from a lost carrier on."""

CARRIER_LOST_REPEAT_POLLS: Final = 12

IFREQ: Final = struct.Struct("16sP16x")
"""struct ifreq: the name, and a pointer to struct ethtool_value."""


class CarrierPoller:
    """Polls the carriers every `CARRIER_POLL_INTERVAL_S`, in a thread of its own, for ever.

    In a thread because asking takes the kernel's lock on all network devices, which another program
    may hold for long; in one that stays, since a new one each time would cost ten times as much as
    the poll.
    """

    def __init__(self, on_carrier_lost: Callable[[str], object]) -> None:
        """`on_carrier_lost` is called, in that thread, with an interface that lost its carrier.

        As long as it has none it is called again every half second: a late announcement of a
        carrier that came and went meanwhile may have been taken as current.
        """
        self._interfaces: tuple[str, ...] = ()
        self._on_carrier_lost = on_carrier_lost
        self._stop_requested = threading.Event()

    def watch(self, interfaces: Iterable[str]) -> None:
        """Poll these from now on."""
        self._interfaces = tuple(interfaces)

    def stop(self) -> None:
        """The thread returns soon."""
        self._stop_requested.set()

    def run(self) -> None:
        """The thread's work. Raises OSError."""
        self._stop_requested.clear()
        polls_without: dict[str, int] = {}
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as opened:
            while not self._stop_requested.wait(CARRIER_POLL_INTERVAL_S):
                gone = [each for each in self._interfaces if _has_carrier(opened, each) is False]
                polls_without = {each: polls_without.get(each, -1) + 1 for each in gone}
                for interface, count in polls_without.items():
                    if count % CARRIER_LOST_REPEAT_POLLS == 0:
                        self._on_carrier_lost(interface)


def _has_carrier(opened: socket.socket, interface: str) -> bool | None:
    """Whether it has a carrier; None where it cannot be asked."""
    value = array.array("I", [ETHTOOL_GLINK, 0])
    try:
        fcntl.ioctl(opened, SIOCETHTOOL, IFREQ.pack(interface.encode(), value.buffer_info()[0]))
    except OSError as error:
        # Gone, or a driver that does not answer: the announcements must do.
        if error.errno in (errno.ENODEV, errno.EOPNOTSUPP):
            return None
        raise
    return bool(value[1])
