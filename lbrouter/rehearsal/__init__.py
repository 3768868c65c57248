"""`lbrouter rehearse`: the same configuration in network namespaces, with real traffic.

The simulated venue (`Venue`) serves two users: the rehearsal, and the tests of the topology ring.
"""

from lbrouter.rehearsal.faults import Fault, chosen
from lbrouter.rehearsal.play import rehearse
from lbrouter.rehearsal.report import Check, Report, Verdict, render
from lbrouter.rehearsal.site import Style
from lbrouter.rehearsal.stage import Options
from lbrouter.rehearsal.venue import Venue

__all__ = [
    "Check",
    "Fault",
    "Options",
    "Report",
    "Style",
    "Venue",
    "Verdict",
    "chosen",
    "rehearse",
    "render",
]
