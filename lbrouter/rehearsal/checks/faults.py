"""The faults that a rehearsal plays, and what is expected of each. Pure.

What is expected follows from the file alone: which policies should leave, within which time. The
limits are wider than what the daemon shows on an idle machine, since the venue, the load and the
gateway share this one's processors.
"""

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Interface

from lbrouter.model.config import Config, Policy, Uplink
from lbrouter.model.errors import UsageError
from lbrouter.model.targets import TargetKind
from lbrouter.rehearsal.lab.dhcp_server import REBIND_S, RENEW_S, another
from lbrouter.rehearsal.lab.isp import Isp

LOSS_PERCENT = 10.0
LATENCY_MS = 300.0
FLAPS, FLAP_S = 3, 1.0

CARRIER_MS = 1000.0
"""For a cable: an idle machine shows 50 ms, a new flow is tried every 50 ms."""

QUALITY_MS = 8000.0
"""For loss, latency and portals, which take evidence; loss shows 2.5 s at the median."""


LEASE_MS = REBIND_S * 1000 + 4000.0
"""For another lease: the client hears of it when it asks everybody; the line returns after 1 s."""


class Fault(StrEnum):
    """What happens to a line; the words of `--faults`."""

    CABLE = "cable"
    BLACKHOLE = "blackhole"
    LOSS = "loss"
    LATENCY = "latency"
    DNS = "dns"
    PORTAL = "portal"
    LEASE = "lease"
    FLAP = "flap"


TITLES = {
    Fault.CABLE: "cable pulled",
    Fault.BLACKHOLE: "black hole behind the modem",
    Fault.LOSS: "10 % loss each way",
    Fault.LATENCY: "300 ms more round trip",
    Fault.DNS: "DNS dead",
    Fault.PORTAL: "captive portal",
    Fault.LEASE: "another address by another gateway leased",
    Fault.FLAP: "cable in and out, 3 times in 3 s",
}
"""As an engineer says it."""


def chosen(text: str) -> tuple[Fault, ...]:
    """The faults of `--faults`: "all", "none", or a list. Raises UsageError."""
    if text in ("all", "none"):
        return tuple(Fault) if text == "all" else ()
    words = [word.strip() for word in text.split(",")]
    unknown = [word for word in words if word not in set(Fault)]
    if unknown:
        raise UsageError(
            f'There is no fault "{unknown[0]}".', remedy=f"all, none, or: {', '.join(Fault)}."
        )
    return tuple(dict.fromkeys(map(Fault, words)))


class Duty(StrEnum):
    """What a policy must do about a fault of one of its uplinks."""

    LEAVE = "leave"
    STAY = "stay"
    REFUSE = "refuse at once"
    RENEW = "take the new lease"
    ANY = ""
    """Nothing is promised: the row only says what was seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """What a policy must do, within how many milliseconds, and whether its flows must return.

    `because` is said where nothing can be expected.
    """

    duty: Duty
    within_ms: float = 0
    returns: bool = False
    because: str = ""


LEASED = Promise(duty=Duty.RENEW, within_ms=LEASE_MS, returns=True)
"""New flows by the line again, and streams, whether they left it in between or not."""


def happen(fault: Fault, isp: Isp) -> None:
    """Let it happen to a provider's line; `Isp.heal` undoes it."""
    if fault is Fault.CABLE:
        isp.carrier(up=False)
    elif fault is Fault.BLACKHOLE:
        isp.blackhole(on=True)
    elif fault is Fault.LOSS:
        isp.impair(loss_percent=LOSS_PERCENT)
    elif fault is Fault.LATENCY:
        isp.impair(delay_ms=LATENCY_MS / 2)
    elif fault is Fault.DNS:
        isp.impair(dns_dead=True)
    elif fault is Fault.PORTAL:
        isp.impair(portal=True)
    elif fault is Fault.LEASE:
        address, gateway = another(IPv4Interface(str(isp.home.leg4.address)))
        isp.lease(address, gateway, renew_s=RENEW_S, rebind_s=REBIND_S)
    else:
        isp.flap(times=FLAPS, period_s=FLAP_S)


def promise(
    fault: Fault, config: Config, policy: Policy, uplink: Uplink, *, others: bool, version: int = 4
) -> Promise:
    """What `policy` owes in a family when `fault` happens to `uplink`, one of its own; `others`
    says whether it has another one.
    """
    if fault is Fault.LEASE:
        return LEASED if version == 4 else Promise(duty=Duty.ANY)
    if fault in (Fault.CABLE, Fault.FLAP):
        return _gone(CARRIER_MS, others=others)
    if fault is Fault.BLACKHOLE:
        return _gone(_silence_ms(config, uplink), others=others)
    if fault is Fault.PORTAL:
        return _portal(config, uplink, others=others)
    if fault is Fault.DNS:
        return _names(config, uplink)
    return _quality(fault, policy, others=others)


def _gone(within_ms: float, *, others: bool) -> Promise:
    duty = Duty.LEAVE if others else Duty.REFUSE
    return Promise(duty=duty, within_ms=within_ms, returns=True)


def _silence_ms(config: Config, uplink: Uplink) -> float:
    """Silence is found after `down_after`, counted from the last answer, and then some."""
    health = config.health_of(uplink)
    return float(health.down_after) + 2 * float(health.interval) + 700


def _kinds(config: Config, uplink: Uplink) -> set[TargetKind]:
    return {target.kind for target in config.health_of(uplink).targets}


def _portal(config: Config, uplink: Uplink, *, others: bool) -> Promise:
    if not _kinds(config, uplink) & {TargetKind.HTTP, TargetKind.HTTPS}:
        word = "only an http:// or https:// target tells a portal from the internet: name one"
        return Promise(duty=Duty.ANY, because=word)
    if not others:
        return Promise(duty=Duty.ANY, because="there is no other uplink")
    return Promise(duty=Duty.LEAVE, within_ms=QUALITY_MS)


def _names(config: Config, uplink: Uplink) -> Promise:
    if _kinds(config, uplink) == {TargetKind.DNS}:
        return Promise(duty=Duty.ANY, because="every target is a resolver")
    return Promise(duty=Duty.STAY)


def _quality(fault: Fault, policy: Policy, *, others: bool) -> Promise:
    """Loss adds up over both ways; a jump of the round trip is jitter, too."""
    loss, latency = policy.tolerate.loss, policy.tolerate.latency
    if fault is Fault.LOSS:
        hurts = loss is not None and loss.percent < LOSS_PERCENT
        unsure = loss is not None and loss.percent < 2 * LOSS_PERCENT
    else:
        hurts = latency is not None and float(latency) < LATENCY_MS
        unsure = latency is not None or policy.tolerate.jitter is not None
    if hurts and others:
        return Promise(duty=Duty.LEAVE, within_ms=QUALITY_MS)
    if hurts:
        return Promise(duty=Duty.ANY, because="there is no other uplink")
    if unsure:
        return Promise(duty=Duty.ANY, because="at the edge of what the policy tolerates")
    return Promise(duty=Duty.STAY)
