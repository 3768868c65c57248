"""The layout of a venue for a configuration."""

from lbrouter.rehearsal.adapt_config import adapt_config
from lbrouter.rehearsal.lab.layout import VenueLayout, VenueOptions, plan_layout
from tests.kit.builders import config_of


def layout_of(text: str, *, tags: bool = True, style: VenueOptions | None = None) -> VenueLayout:
    return plan_layout(adapt_config(config_of(text), tags=tags), options=style or VenueOptions())
