"""Health settings of each family of an uplink from the configuration, in seconds and fractions."""

from dataclasses import dataclass
from typing import Final

from lbrouter.compile.health.family_targets import targets_of
from lbrouter.model.config import Config, Policy, Uplink
from lbrouter.model.kernel_state import AddressFamily

USUAL_PROBE_INTERVAL_S: Final = 0.2
MAX_TESTED_LOSS: Final = 0.95
"""A tolerance of this much loss or more tolerates everything: silence is handled elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToleranceLimits:
    """What one policy tolerates of this uplink; None where it does not care. Loss is a fraction."""

    policy: str
    loss: float | None = None
    latency_s: float | None = None
    jitter_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UplinkHealthSettings:
    """One family of one uplink: its settings, with what its policies tolerate."""

    family: AddressFamily
    interface: str
    identity: str
    """Interface and address: what is known belongs to these, whatever the uplink is called."""
    addressing: str
    interval_s: float
    down_after_s: float
    up_after_s: float
    metered: bool
    targets: tuple[str, ...]
    implied: bool = False
    """The file names no target of this family: these count once one of them has ever answered."""
    policies: tuple[str, ...] = ()
    limits: tuple[ToleranceLimits, ...] = ()

    @property
    def window_stretch(self) -> float:
        """Windows grow with the interval, so that they hold as many probes as they usually do."""
        return max(1.0, self.interval_s / USUAL_PROBE_INTERVAL_S)

    @property
    def loss_limits(self) -> tuple[float, ...]:
        """The different losses that policies tolerate: each is tested once, not once a policy."""
        return tuple(sorted({each.loss for each in self.limits if each.loss is not None}))


def uplink_health_settings(
    config: Config, uplink: Uplink, family: AddressFamily
) -> UplinkHealthSettings:
    """The settings of `family` of `uplink`: its own keys over those of `[health]`."""
    health = config.health_settings_of(uplink)
    users = [each for each in config.policies.values() if uplink.name in each.uplinks]
    limits = [_tolerance_limits(policy) for policy in users]
    found = targets_of(config, uplink, family)
    return UplinkHealthSettings(
        family=family,
        interface=uplink.interface,
        identity=line_identity(uplink, family),
        addressing=_addressing(uplink, family),
        interval_s=max(health.interval.seconds, 0.001),
        down_after_s=health.down_after.seconds,
        up_after_s=health.up_after.seconds,
        metered=uplink.metered,
        targets=tuple(str(target) for target in found.targets),
        implied=found.implied,
        policies=tuple(policy.name for policy in users),
        limits=tuple(each for each in limits if each != ToleranceLimits(policy=each.policy)),
    )


def line_identity(uplink: Uplink, family: AddressFamily) -> str:
    """What a line is known by: its interface, and its address or the word in place of one."""
    address = uplink.address if family is AddressFamily.V4 else uplink.address6
    return f"{uplink.place} {family} {address or uplink.addressing}"


def _addressing(uplink: Uplink, family: AddressFamily) -> str:
    """Who brings the address of a family, in words."""
    if family is AddressFamily.V6 and uplink.auto6:
        return "router advertisements"
    if family is AddressFamily.V6 and uplink.dhcp6:
        return "DHCPv6"
    return str(uplink.addressing)


def _tolerance_limits(policy: Policy) -> ToleranceLimits:
    tolerate = policy.tolerate
    loss = None if tolerate.loss is None else tolerate.loss.percent / 100
    return ToleranceLimits(
        policy=policy.name,
        loss=None if loss is None or loss >= MAX_TESTED_LOSS else loss,
        latency_s=None if tolerate.latency is None else tolerate.latency.seconds,
        jitter_s=None if tolerate.jitter is None else tolerate.jitter.seconds,
    )
