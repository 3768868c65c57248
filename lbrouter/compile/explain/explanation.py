"""What happens to one flow, and to new ones if its uplink fails. Pure: from the file and health.

`explain` says what the compiled rules will do. It does not ask the kernel.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypedDict

from lbrouter.compile.explain.flow import (
    GATEWAY_ENDPOINT,
    Flow,
    FlowDecision,
    FlowVerdict,
    decide_flow,
)
from lbrouter.compile.health.carrier_only import no_nexthop_reason
from lbrouter.compile.health.family_targets import uplink_families
from lbrouter.compile.report.policy_shares import percentages
from lbrouter.compile.routing.balance import gateway_uplink, select_uplinks
from lbrouter.compile.routing.uplink_addressing import has_nexthop, uplink_nexthop
from lbrouter.compile.routing.usability import Usability, usability
from lbrouter.compile.shaping.build import build_shaping
from lbrouter.model.config import Config, PolicyMode, Uplink
from lbrouter.model.facts import Allocation, Facts
from lbrouter.model.health import GatewayHealth, UplinkHealth, UplinkState
from lbrouter.model.kernel_state import AddressFamily, NftElements
from lbrouter.model.messages.message import Message, told
from lbrouter.model.messages.phrase import Phrase, as_phrase, joined_phrases, phrase
from lbrouter.model.reserved_ids import GATEWAY_TABLE, uplink_mark, uplink_table


class FlowDocument(TypedDict):
    """The flow that was asked about. `port` is null where none was given, or there are none."""

    source: str
    destination: str
    protocol: str
    port: int | None


class FlowPath(TypedDict):
    """One uplink that the flow may take: `share_percent` of such flows do.

    `mark` is hexadecimal, to be read under the mask 0x0f000000. `source_address` is what the far
    end sees. Classes are HTB classes ("4c01:1012"), null where nothing is shaped.
    """

    uplink: str
    share_percent: int
    interface: str
    gateway: str | None
    mark: str
    table: int
    source_address: str | None
    upload_class: str | None
    download_class: str | None


class Explanation(TypedDict):
    """The whole document of `explain --json`.

    `rule` and `forward` are places in the file, counted from 0. `if_down` says for each uplink of
    `ways` which uplinks new flows take when it is down, in percent; empty: answered as unreachable.
    A flow from outside comes in by one uplink or not at all, so it has no `if_down`.
    """

    flow: FlowDocument
    verdict: str
    because: str
    vlan: str | None
    rule: int | None
    forward: int | None
    policy: str | None
    mode: str | None
    sticky_s: float | None
    ways: list[FlowPath]
    if_down: dict[str, dict[str, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainContext:
    """What an explanation is made from, beside the configuration."""

    allocation: Allocation
    health: GatewayHealth
    facts: Facts


def explain(config: Config, flow: Flow, context: ExplainContext) -> Explanation:
    """Verdict, reason and paths of `flow`."""
    judgement = decide_flow(config, context.facts, flow)
    shares = _uplink_shares(config, flow, judgement, context)
    verdict, because = judgement.verdict, judgement.because
    if (
        verdict in (FlowVerdict.FORWARDED, FlowVerdict.OWN)
        and (judgement.policy is not None or judgement.verdict is FlowVerdict.OWN)
        and not shares
    ):
        verdict, because = (
            FlowVerdict.UNREACHABLE,
            phrase(
                "{because}; {reason}",
                because=as_phrase(because),
                reason=_no_uplink_reason(config, flow, context),
            ),
        )
    notes = _unfit_notes(config, flow, judgement, context, shares)
    because = joined_phrases("; ", [because, *notes])
    policy = None if judgement.policy is None else config.policies[judgement.policy]
    balanced = policy is not None and policy.mode is PolicyMode.BALANCE
    # Shares of new flows with each uplink down. A flow from outside has no other uplink.
    if judgement.uplink is not None:
        shares_if_down = {}
    else:
        shares_if_down = {
            name: _uplink_shares(
                config,
                flow,
                judgement,
                replace(context, health=with_uplink_down(context.health, name)),
            )
            for name in shares
        }
    return {
        "flow": {
            "source": GATEWAY_ENDPOINT if flow.from_gateway else str(flow.source),
            "destination": str(flow.destination),
            "protocol": str(flow.protocol),
            "port": flow.port,
        },
        "verdict": str(verdict),
        "because": because,
        "vlan": flow.vlan,
        "rule": judgement.rule,
        "forward": judgement.forward,
        "policy": judgement.policy,
        "mode": None if policy is None else str(policy.mode),
        "sticky_s": policy.sticky / 1000 if policy is not None and balanced else None,
        "ways": list(_flow_paths(config, flow, context, shares, own=verdict is FlowVerdict.OWN)),
        "if_down": shares_if_down,
    }


def with_uplink_down(health: GatewayHealth, uplink: str) -> GatewayHealth:
    """`health` as it would be with `uplink` down."""
    dead = UplinkHealth(
        state=UplinkState.DOWN, why=told("supposed dead"), alive=False, carrier=False
    )
    return replace(health, uplinks={**health.uplinks, uplink: dead})


def _unfit_notes(
    config: Config,
    flow: Flow,
    decision: FlowDecision,
    context: ExplainContext,
    shares: Mapping[str, int],
) -> list[Phrase]:
    """What is unusual about the uplinks of a policy: a pin that waits, a last resort."""
    if decision.policy is None:
        return []
    pin = context.health.pins.get(decision.policy)
    notes = (
        [phrase("the pin to {pin} waits, it is not fit", pin=pin)]
        if pin and pin not in shares
        else []
    )
    unfit = [
        name
        for name in shares
        if usability(
            config, name, flow.family, context.health, context.facts, policy=decision.policy
        )
        is not Usability.FIT
    ]
    notes += [
        phrase(
            "no uplink of {policy} is fit, {name} is the best of them",
            policy=decision.policy,
            name=name,
        )
        for name in unfit
    ]
    return notes


def _no_uplink_reason(config: Config, flow: Flow, context: ExplainContext) -> str:
    """Why no uplink carries a flow: the state of each, in the flow's family."""
    family = AddressFamily.of_version(flow.destination.version)
    reasons = (
        phrase("{uplink}: {reason}", uplink=name, reason=_family_reason(uplink, family, context))
        for name, uplink in config.uplinks.items()
    )
    return phrase(
        "no uplink of it can carry this flow ({reasons})", reasons=joined_phrases(", ", reasons)
    )


def _family_reason(uplink: Uplink, family: AddressFamily, context: ExplainContext) -> Message | str:
    if has_nexthop(uplink, family, context.facts) or uplink.device not in context.facts.interfaces:
        return context.health.uplinks[uplink.name].of(family).why
    if family in uplink_families(uplink) and not uplink.is_lane:
        return no_nexthop_reason(uplink, context.facts, family)
    return phrase("no IPv{version}", version=str(family.version))


def _uplink_shares(
    config: Config, flow: Flow, decision: FlowDecision, context: ExplainContext
) -> dict[str, int]:
    """Uplinks with their shares in percent."""
    if decision.uplink is not None and decision.verdict is FlowVerdict.FORWARDED:
        return {decision.uplink: 100}
    if decision.verdict is FlowVerdict.OWN:
        best = gateway_uplink(config, context.health, flow.family, context.facts)
        return {} if best is None else {best: 100}
    if decision.policy is None:
        return {}
    policy = config.policies[decision.policy]
    shares = select_uplinks(config, policy, context.health, flow.family, context.facts)
    return percentages({share.uplink: share.weight for share in shares})


def _flow_paths(
    config: Config, flow: Flow, context: ExplainContext, shares: Mapping[str, int], *, own: bool
) -> Iterator[FlowPath]:
    shaped = build_shaping(
        config, allocation=context.allocation, health=context.health, facts=context.facts
    ).elements
    for name, percent in shares.items():
        uplink, number = config.uplinks[name], context.allocation.uplinks[name]
        way = uplink_nexthop(uplink, flow.family, context.facts)
        device = None if flow.vlan is None else config.vlan_device(config.vlans[flow.vlan])
        yield {
            "uplink": name,
            "share_percent": percent,
            "interface": uplink.device,
            "gateway": None if way is None or way.gateway is None else str(way.gateway),
            "mark": f"{uplink_mark(number):#010x}",
            "table": GATEWAY_TABLE if own else uplink_table(number),
            "source_address": None if way is None else str(way.address.ip),
            "upload_class": _htb_class(shaped, device, uplink.device),
            "download_class": _htb_class(shaped, uplink.device, device),
        }


def _htb_class(class_of: NftElements, incoming: str | None, outgoing: str | None) -> str | None:
    """Class that the map `class_of` gives to packets from one interface to the other."""
    return dict(class_of).get(f"{incoming} . {outgoing}")
