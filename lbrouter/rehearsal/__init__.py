"""`lbrouter rehearse`: the same configuration in network namespaces, with real traffic.

The simulated venue (`Venue`) serves two users: the rehearsal, and the tests of the topology ring.
"""

from lbrouter.rehearsal.checks.context import Options
from lbrouter.rehearsal.checks.faults import Fault, chosen
from lbrouter.rehearsal.checks.runner import rehearse
from lbrouter.rehearsal.lab.layout import Style
from lbrouter.rehearsal.lab.venue import Venue
from lbrouter.rehearsal.report.tables import Check, Report, Verdict, render

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
