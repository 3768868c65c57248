"""Copies of the configuration for fault checks: a short `up_after`, an uplink by DHCP. Pure."""

from lbrouter.model.config import Config
from lbrouter.model.sections.addresses import Addressing
from lbrouter.model.units import Duration

REHEARSAL_UP_AFTER_MS = 1000
"""In the rehearsed copy: with the file's own ten seconds each fault would take longer."""


def with_short_up_after(config: Config) -> Config:
    """A copy in which uplinks return after `REHEARSAL_UP_AFTER_MS`."""
    up_after = Duration(REHEARSAL_UP_AFTER_MS)
    uplinks = {
        name: uplink.model_copy(
            update={
                "health": uplink.health.model_copy(
                    update={"up_after": None if uplink.health.up_after is None else up_after}
                )
            }
        )
        for name, uplink in config.uplinks.items()
    }
    health = config.health.model_copy(update={"up_after": up_after})
    return config.model_copy(update={"uplinks": uplinks, "health": health})


def with_dhcp_uplink(config: Config, uplink: str) -> Config:
    """A copy for the lease fault: the uplink asks a DHCP server for its address."""
    change = {"address": Addressing.DHCP, "gateway": None}
    uplinks = {**config.uplinks, uplink: config.uplinks[uplink].model_copy(update=change)}
    return config.model_copy(update={"uplinks": uplinks})
