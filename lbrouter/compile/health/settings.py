"""What the brain needs of the configuration, per uplink, in seconds and fractions."""

from dataclasses import dataclass
from typing import Final

from lbrouter.model.config import Config, Policy, Uplink

USUAL_INTERVAL_S: Final = 0.2
CERTAIN: Final = 0.95
"""A tolerance of this much loss or more tolerates everything: silence is judged elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one policy tolerates of this uplink; None where it does not care. Loss is a fraction."""

    policy: str
    loss: float | None = None
    latency_s: float | None = None
    jitter_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One uplink's settings, with what its policies tolerate."""

    interface: str
    addressing: str
    interval_s: float
    down_after_s: float
    up_after_s: float
    metered: bool
    targets: tuple[str, ...]
    policies: tuple[str, ...] = ()
    limits: tuple[Limits, ...] = ()

    @property
    def stretch(self) -> float:
        """Windows grow with the interval, so that they hold as many probes as they usually do."""
        return max(1.0, self.interval_s / USUAL_INTERVAL_S)

    @property
    def losses(self) -> tuple[float, ...]:
        """The different losses that policies tolerate: each is tested once, not once a policy."""
        return tuple(sorted({each.loss for each in self.limits if each.loss is not None}))


def settings_of(config: Config, uplink: Uplink) -> Settings:
    """The settings of `uplink`: its own keys over those of `[health]`."""
    health = config.health_of(uplink)
    users = [each for each in config.policies.values() if uplink.name in each.uplinks]
    limits = [_limits(policy) for policy in users]
    return Settings(
        interface=uplink.interface,
        addressing=str(uplink.addressing),
        interval_s=max(health.interval.seconds, 0.001),
        down_after_s=health.down_after.seconds,
        up_after_s=health.up_after.seconds,
        metered=uplink.metered,
        targets=tuple(str(target) for target in health.targets),
        policies=tuple(policy.name for policy in users),
        limits=tuple(each for each in limits if each != Limits(policy=each.policy)),
    )


def _limits(policy: Policy) -> Limits:
    tolerate = policy.tolerate
    loss = None if tolerate.loss is None else tolerate.loss.percent / 100
    return Limits(
        policy=policy.name,
        loss=None if loss is None or loss >= CERTAIN else loss,
        latency_s=None if tolerate.latency is None else tolerate.latency.seconds,
        jitter_s=None if tolerate.jitter is None else tolerate.jitter.seconds,
    )
