"""Probes of all uplinks, in the one asyncio loop, without a process or a thread each.

`Probers(emit).apply_config(config, numbers, ...)` probes all uplinks, with a `Prober` for each
family. Events
are those of `lbrouter.model.events`: ProbeSent, then ProbeAnswered or ProbeLost; ProcessDelayed.

| target | counts as an answer | comes to nothing |
|---|---|---|
| icmp | the echo reply with all that we sent, from whom we asked | "unreachable" that quotes us |
| dns | any well-formed answer to our question, "server failure" too | closed port |
| tcp | the handshake; a RST too: the host lives, the line carried it | "unreachable" |
| http, https | status 200 or 204 (204 alone where the path ends so) | portal, other status |

A probe that could not leave is reported as ProbeSent and at once as ProbeLost with NOT_SENT.
"""

from lbrouter.kernel.probe.prober import Prober, Probers
from lbrouter.kernel.probe.suspend_detector import SuspendDetector

__all__ = ["Prober", "Probers", "SuspendDetector"]
