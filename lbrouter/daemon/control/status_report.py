"""The document of `status`, with what only the daemon knows."""

from math import ceil

from lbrouter.compile import health
from lbrouter.compile.dhcp import rogue_servers
from lbrouter.compile.dhcp.rogue_servers import Round
from lbrouter.compile.report.status import Measured, Seen, Status
from lbrouter.compile.report.status import status as compose
from lbrouter.daemon.health.tracker import Mind
from lbrouter.daemon.overrides.temporary_limits import Limits
from lbrouter.daemon.reconcile.reconciler import Held


def status(
    held: Held,
    mind: Mind,
    measured: Measured,
    *,
    limits: Limits,
    others: Round,
    pending_s: float | None,
) -> Status:
    """Contract, section 3; the health as it is now, the rest as the last round found it."""
    seen = Seen(
        allocation=held.found.allocation,
        facts=held.found.facts,
        observed=held.state,
        health=mind.health,
        measured=measured,
        digest=held.file.digest,
        moment="",
    )
    composed = compose(held.file.config, seen)
    composed["daemon"] = True
    composed["pending_confirm_s"] = None if pending_s is None else ceil(pending_s)
    for name, uplink in composed["uplinks"].items():
        readings = health.readings(mind.brain, name)
        uplink["since"] = mind.since[name]
        uplink["rtt_ms"] = _rounded(readings.rtt_ms)
        uplink["jitter_ms"] = _rounded(readings.jitter_ms)
        uplink["loss_percent"] = _rounded(readings.loss_percent)
    for name, vlan in composed["vlans"].items():
        vlan["limit"] = limits.status(name)
        vlan["other_dhcp_servers"] = rogue_servers.status(others, name)
    return composed


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
