"""Probes: what each uplink's world answers, in the one loop, without a process or a thread each.

`Probers(emit).follow(config, numbers)` probes all uplinks; `Prober` is one of them. What is told is
in `lbrouter.model.events`: ProbeSent, then ProbeAnswered or ProbeLost, and Late.

| target | counts as an answer | comes to nothing |
|---|---|---|
| icmp | the echo reply with all that we sent, from whom we asked | "unreachable" that quotes us |
| dns | any well-formed answer to our question, "server failure" too | closed port |
| tcp | the handshake; a RST too: the host lives, the line carried it | "unreachable" |
| http, https | status 200 or 204 (204 alone where the path ends so) | portal, other status |

What could not leave is told as ProbeSent and at once as ProbeLost with UNSENT.
"""

from lbrouter.kernel.probe.prober import Prober, Probers
from lbrouter.kernel.probe.suspend_detector import SuspendDetector

__all__ = ["Prober", "Probers", "SuspendDetector"]
