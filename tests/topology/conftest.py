"""Venues for the topology ring: the same lab that `lbrouter rehearse` runs in.

`build_venue` builds a venue from the text of a configuration; `build_applied_venue` also runs
`lbrouter apply` in it. What a test builds is removed when the test ends.
"""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from lbrouter.compile.config.parse import parse
from lbrouter.rehearsal.lab.layout import VenueOptions
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.commands import require_success
from tests.kit.venues import VenueBuilder


@pytest.fixture
def build_venue() -> Iterator[VenueBuilder]:
    """Venues as they are before lbrouter is started."""
    with ExitStack() as stack:

        def build(text: str, *, style: VenueOptions | None = None) -> Venue:
            config = parse(text.encode(), source="test").config
            return stack.enter_context(Venue.build(config, options=style))

        yield build


@pytest.fixture
def build_applied_venue(build_venue: VenueBuilder) -> VenueBuilder:
    """Venues in which `lbrouter apply` has just succeeded."""

    def build(text: str, *, style: VenueOptions | None = None) -> Venue:
        venue = build_venue(text, style=style)
        require_success(venue.gateway.run_lbrouter("apply"))
        return venue

    return build
