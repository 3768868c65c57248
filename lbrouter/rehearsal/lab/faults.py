"""The faults of a rehearsal, and the expected reaction to each. Pure.

The expectation follows from the file alone: which policies should leave, within which time. The
limits are wider than what the daemon shows on an idle machine, since the venue, the load and the
gateway share this one's processors.
"""

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Interface

from lbrouter.model.config import Config, Policy, Uplink
from lbrouter.model.errors import UsageError
from lbrouter.model.sections.targets import TargetKind
from lbrouter.rehearsal.lab.dhcp_server import LEASE_REBIND_S, LEASE_RENEW_S, changed_lease
from lbrouter.rehearsal.lab.isp import Isp
from lbrouter.rehearsal.lab.relay_host import RelayHost

FAULT_LOSS_PERCENT = 10.0
FAULT_LATENCY_MS = 300.0
FLAP_COUNT, FLAP_PERIOD_S = 3, 1.0

CARRIER_REACTION_LIMIT_MS = 1000.0
"""For a cable: an idle machine shows 50 ms, a new flow is tried every 50 ms."""

QUALITY_REACTION_LIMIT_MS = 8000.0
"""For loss, latency and portals, which take evidence; loss shows 2.5 s at the median."""


LEASE_REACTION_LIMIT_MS = LEASE_REBIND_S * 1000 + 4000.0
"""For another lease: the client notices it when it asks any server; the line returns after 1 s."""


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
    RELAY = "relay"
    """The one fault that is a lane's own."""


FAULT_TITLES = {
    Fault.CABLE: "cable pulled",
    Fault.BLACKHOLE: "black hole behind the modem",
    Fault.LOSS: "10 % loss each way",
    Fault.LATENCY: "300 ms more round trip",
    Fault.DNS: "DNS dead",
    Fault.PORTAL: "captive portal",
    Fault.LEASE: "another address by another gateway leased",
    Fault.FLAP: "cable in and out, 3 times in 3 s",
    Fault.RELAY: "the relay of the lane gone",
}
"""Titles for people."""


def parse_faults(text: str) -> tuple[Fault, ...]:
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


class ExpectedReaction(StrEnum):
    """What a policy must do about a fault of one of its uplinks."""

    LEAVE = "leave"
    STAY = "stay"
    REFUSE = "refuse at once"
    RENEW = "take the new lease"
    ANY = ""
    """Nothing is expected: the row only says what was seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What a policy must do, within how many milliseconds, and whether its flows must return.

    `reason` is said if nothing can be expected.
    """

    reaction: ExpectedReaction
    within_ms: float = 0
    returns: bool = False
    reason: str = ""


LEASE_EXPECTATION = Expectation(
    reaction=ExpectedReaction.RENEW, within_ms=LEASE_REACTION_LIMIT_MS, returns=True
)
"""New flows by the line again, and streams, whether they left it in between or not."""


def inject_fault(fault: Fault, host: Isp | RelayHost) -> None:
    """Inject the fault into a provider's line, or kill a relay; `restore` of the host undoes it."""
    if isinstance(host, RelayHost):
        host.set_blackhole(on=True)
    else:
        _inject_line_fault(fault, host)


def _inject_line_fault(fault: Fault, isp: Isp) -> None:
    if fault is Fault.CABLE:
        isp.set_carrier(up=False)
    elif fault is Fault.BLACKHOLE:
        isp.set_blackhole(on=True)
    elif fault is Fault.LOSS:
        isp.impair(loss_percent=FAULT_LOSS_PERCENT)
    elif fault is Fault.LATENCY:
        isp.impair(delay_ms=FAULT_LATENCY_MS / 2)
    elif fault is Fault.DNS:
        isp.impair(dns_dead=True)
    elif fault is Fault.PORTAL:
        isp.impair(portal=True)
    elif fault is Fault.LEASE:
        address, gateway = changed_lease(IPv4Interface(str(isp.initial_line.ipv4.address)))
        isp.offer_lease(address, gateway, renew_s=LEASE_RENEW_S, rebind_s=LEASE_REBIND_S)
    else:
        isp.flap(times=FLAP_COUNT, period_s=FLAP_PERIOD_S)


def expectation_for(
    fault: Fault, config: Config, policy: Policy, uplink: Uplink, *, others: bool, version: int = 4
) -> Expectation:
    """What `policy` must do in a family when `fault` happens to `uplink`, one of its own; `others`
    says whether it has another one.
    """
    if fault is Fault.LEASE:
        return LEASE_EXPECTATION if version == 4 else Expectation(reaction=ExpectedReaction.ANY)
    if fault in (Fault.CABLE, Fault.FLAP):
        return _outage_expectation(CARRIER_REACTION_LIMIT_MS, others=others)
    if fault is Fault.BLACKHOLE and not others:
        word = "there is no other uplink, and this one is tried while its next hop answers"
        return Expectation(reaction=ExpectedReaction.ANY, returns=True, reason=word)
    if fault in (Fault.BLACKHOLE, Fault.RELAY):
        # Silence is found after `down_after`, counted from the last answer, with an allowance.
        health = config.health_settings_of(uplink)
        limit_ms = float(health.down_after) + 2 * float(health.interval) + 700
        return _outage_expectation(limit_ms, others=others)
    if fault is Fault.PORTAL:
        return _portal_expectation(config, uplink, others=others)
    if fault is Fault.DNS:
        if _target_kinds(config, uplink) == {TargetKind.DNS}:
            return Expectation(reaction=ExpectedReaction.ANY, reason="every target is a resolver")
        return Expectation(reaction=ExpectedReaction.STAY)
    return _quality_expectation(fault, policy, others=others)


def _outage_expectation(within_ms: float, *, others: bool) -> Expectation:
    reaction = ExpectedReaction.LEAVE if others else ExpectedReaction.REFUSE
    return Expectation(reaction=reaction, within_ms=within_ms, returns=True)


def _target_kinds(config: Config, uplink: Uplink) -> set[TargetKind]:
    return {target.kind for target in config.health_settings_of(uplink).targets}


def _portal_expectation(config: Config, uplink: Uplink, *, others: bool) -> Expectation:
    if not _target_kinds(config, uplink) & {TargetKind.HTTP, TargetKind.HTTPS}:
        word = "only an http:// or https:// target tells a portal from the internet: name one"
        return Expectation(reaction=ExpectedReaction.ANY, reason=word)
    if not others:
        return Expectation(reaction=ExpectedReaction.ANY, reason="there is no other uplink")
    return Expectation(reaction=ExpectedReaction.LEAVE, within_ms=QUALITY_REACTION_LIMIT_MS)


def _quality_expectation(fault: Fault, policy: Policy, *, others: bool) -> Expectation:
    """Loss adds up over both ways; a jump of the round trip is jitter, too."""
    loss, latency = policy.tolerate.loss, policy.tolerate.latency
    if fault is Fault.LOSS:
        hurts = loss is not None and loss.percent < FAULT_LOSS_PERCENT
        unsure = loss is not None and loss.percent < 2 * FAULT_LOSS_PERCENT
    else:
        hurts = latency is not None and float(latency) < FAULT_LATENCY_MS
        unsure = latency is not None or policy.tolerate.jitter is not None
    if hurts and others:
        return Expectation(reaction=ExpectedReaction.LEAVE, within_ms=QUALITY_REACTION_LIMIT_MS)
    if hurts:
        return Expectation(reaction=ExpectedReaction.ANY, reason="there is no other uplink")
    if unsure:
        return Expectation(
            reaction=ExpectedReaction.ANY, reason="at the edge of what the policy tolerates"
        )
    return Expectation(reaction=ExpectedReaction.STAY)
