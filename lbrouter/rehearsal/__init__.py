"""`lbrouter rehearse`: the same configuration in network namespaces, with real traffic.

The simulated venue (`Venue`) serves two users: the rehearsal, and the tests of the topology ring.
"""

from lbrouter.rehearsal.checks.context import RehearsalOptions
from lbrouter.rehearsal.checks.runner import rehearse
from lbrouter.rehearsal.lab.faults import Fault, parse_faults
from lbrouter.rehearsal.lab.layout import VenueOptions
from lbrouter.rehearsal.lab.venue import Venue
from lbrouter.rehearsal.report.tables import Check, CheckVerdict, RehearsalReport, render_report

__all__ = [
    "Check",
    "CheckVerdict",
    "Fault",
    "RehearsalOptions",
    "RehearsalReport",
    "Venue",
    "VenueOptions",
    "parse_faults",
    "rehearse",
    "render_report",
]
