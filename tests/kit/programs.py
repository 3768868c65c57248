"""Programs and scripts that tests start in a venue."""

import re
import sys
from pathlib import Path

UNIT = (Path(__file__).parents[2] / "packaging/lbrouter.service").read_text(encoding="utf-8")
[BOUNDING_SET] = re.findall("^CapabilityBoundingSet=(.*)$", UNIT, re.MULTILINE)
KEPT_CAPABILITIES = [f"+{name.removeprefix('CAP_').lower()}" for name in BOUNDING_SET.split()]
UNIT_RIGHTS_ARGV = (
    *("setpriv", "--no-new-privs", "--inh-caps", "-all"),
    *("--bounding-set", ",".join(["-all", *KEPT_CAPABILITIES])),
)

NO_EXEC_MEMORY_SCRIPT = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(65, 1, 0, 0, 0)
os.umask(0o077)
os.execvp(sys.argv[1], sys.argv[1:])
"""
"""PR_SET_MDWE (Linux 6.3), which is what MemoryDenyWriteExecute asks for; older ones ignore it."""

RESOLVER = "9.9.9.99"
"""In the lab's internet, beside the addresses on which its own server listens."""

UDHCPC_SCRIPT = """#!/bin/sh
[ "$1" = bound ] || exit 0
ip -4 address flush dev "$interface"
ip address add "$ip/$mask" dev "$interface"
ip route replace default via "$router"
echo "$ip $mask $router $dns $lease"
"""

UPSTREAM_RESOLVER_ARGV = (
    *("dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts"),
    *("--bind-interfaces", "--except-interface=lo", f"--listen-address={RESOLVER}", "--pid-file"),
    *(
        "--user=root",
        "--address=/stream.example/192.0.2.80",
        "--local-ttl=60",
        "--log-queries=extra",
    ),
)

FEED_PORT = 7105
UDP_FEED_SCRIPT = """
import socket, sys, time
feed = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
feed.bind((sys.argv[1], int(sys.argv[2])))
_, subscriber = feed.recvfrom(64)
while True:
    feed.sendto(bytes(200), subscriber)
    time.sleep(0.02)
"""
"""A hundred packets in two seconds for the first who asks, as a contribution feed comes."""

UDP_SUBSCRIBER_SCRIPT = """
import json, socket, sys
asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asking.settimeout(0.2)
received = 0
while not received:
    asking.sendto(b"go", (sys.argv[1], int(sys.argv[2])))
    try:
        received = len(asking.recv(2000))
    except TimeoutError:
        pass
print(json.dumps({"received": received}), flush=True)
asking.settimeout(None)
while True:
    asking.recv(2000)
"""


def udp_feed(address: str) -> list[str]:
    """The command of a feed at `address`."""
    return [sys.executable, "-c", UDP_FEED_SCRIPT, address, str(FEED_PORT)]


def udp_subscriber(address: str) -> list[str]:
    """The command of one who asks for the feed once, and prints a line when it comes."""
    return [sys.executable, "-c", UDP_SUBSCRIBER_SCRIPT, address, str(FEED_PORT)]
