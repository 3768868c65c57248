"""A builder of venues, and questions that several tests ask of a venue."""

from typing import Protocol

from lbrouter.rehearsal.lab import process_netns
from lbrouter.rehearsal.lab.layout import VenueOptions
from lbrouter.rehearsal.lab.venue import Venue


class VenueBuilder(Protocol):
    """Builds a venue from the text of a configuration file."""

    def __call__(self, text: str, *, style: VenueOptions | None = None) -> Venue: ...


def uplink_of_new_flow(venue: Venue) -> str | None:
    """The uplink that a new flow takes; its error where it fails, so that a test can poll."""
    [row] = venue.client("stream").open_flows(count=1)
    return f"none: {row['error']}" if row["error"] else venue.uplink_of(row["seen"])


def leftover_namespaces(prefix: str) -> list[str]:
    """Namespaces of a venue that still exist, and processes in them."""
    return [name for name in process_netns._lab_namespaces() if name.startswith(prefix)]
