"""Programs and scripts that tests start in a venue."""

import re
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
