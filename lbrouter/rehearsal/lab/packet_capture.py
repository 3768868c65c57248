"""An observer outside the gateway: records whole frames on one interface of a host."""

import ctypes
import os
import select
import socket
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from lbrouter.kernel.l2.frame import ETH_P_ALL
from lbrouter.kernel.netlink.uapi import CLONE_NEWNET
from lbrouter.rehearsal.lab.process_netns import NETNS_DIR

_libc = ctypes.CDLL(None, use_errno=True)


def packet_socket_in(namespace: str, interface: str) -> socket.socket:
    """A packet socket on an interface of another namespace.

    A socket belongs for life to the namespace in which it was opened, and a thread enters a
    namespace for itself alone: so one goes there, opens the socket, and ends. See packet(7),
    setns(2). Raises OSError when either does not exist.
    """
    opened: list[socket.socket | OSError] = []

    def enter() -> None:
        try:
            opened.append(_open_packet_socket(NETNS_DIR / namespace, interface))
        except OSError as error:
            opened.append(error)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    if isinstance(opened[0], OSError):
        raise opened[0]
    return opened[0]


def _open_packet_socket(path: Path, interface: str) -> socket.socket:
    handle = os.open(path, os.O_RDONLY)
    try:
        if _libc.setns(handle, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"cannot enter {path}")
    finally:
        os.close(handle)
    made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
    made.bind((interface, 0))
    return made


class PacketCapture:
    """Frames of an interface, both directions, from its making to `stop`."""

    def __init__(self, namespace: str, interface: str) -> None:
        self.frames: list[tuple[float, bytes]] = []
        self._socket = packet_socket_in(namespace, interface)
        self._stop_read_fd, self._stop_write_fd = os.pipe()
        self._thread = threading.Thread(target=self._read_frames, daemon=True)
        self._thread.start()

    def _read_frames(self) -> None:
        frames = self._socket.fileno()
        while True:
            ready, _, _ = select.select([frames, self._stop_read_fd], [], [])
            if frames in ready:
                self.frames.append((time.monotonic(), self._socket.recv(65535)))
            elif ready:
                return

    def stop(self) -> list[bytes]:
        """Every frame so far, from its Ethernet header on; what was queued is read first."""
        if self._socket.fileno() >= 0:
            os.write(self._stop_write_fd, b".")
            self._thread.join()
            self._socket.close()
            os.close(self._stop_read_fd)
            os.close(self._stop_write_fd)
        return [frame for _, frame in self.frames]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
