"""Pulls a cable at a known moment: sets an interface down, and says when.

`cable.py INTERFACE` says `true` when it is ready; at the next line on standard input the interface
goes down and the monotonic times before and after that are printed.
"""

import fcntl
import json
import socket
import struct
import sys
import time

SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
"""From linux/sockios.h and linux/if.h."""


def pull(interface: str) -> tuple[float, float]:
    """Set `interface` down; the times before and after."""
    control = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    request = struct.pack("16sH22x", interface.encode(), 0)
    flags = struct.unpack("16sH22x", fcntl.ioctl(control, SIOCGIFFLAGS, request))[1]
    down = struct.pack("16sH22x", interface.encode(), flags & ~IFF_UP)
    before = time.monotonic()
    fcntl.ioctl(control, SIOCSIFFLAGS, down)
    return before, time.monotonic()


if __name__ == "__main__":
    print("true", flush=True)
    if sys.stdin.readline():
        print(json.dumps(pull(sys.argv[1])), flush=True)
