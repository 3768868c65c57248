"""In which zone a command prints times: `[gateway] timezone`, else the machine's."""

from datetime import tzinfo

from lbrouter.cli.context import config_or_none
from lbrouter.cli.settings import CommandSettings


def display_zone(settings: CommandSettings) -> tzinfo | None:
    """The zone of the file; None (the machine's) where it names none or cannot be read."""
    config = config_or_none(settings)
    return None if config is None else config.gateway.timezone
