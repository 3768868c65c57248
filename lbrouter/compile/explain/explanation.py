"""What one flow gets, and what becomes of it when its uplink dies: pure, from the file and health.

`explain` says what the compiled rules will do. It does not ask the kernel.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypedDict

from lbrouter.compile.explain.flow import GATEWAY, Flow, Judgement, Verdict, judge
from lbrouter.compile.report.status import percentages
from lbrouter.compile.routing.balance import best_of_all, choose
from lbrouter.compile.routing.uplink_addressing import way_out
from lbrouter.compile.shaping.build import shape
from lbrouter.model.config import Config, PolicyMode
from lbrouter.model.facts import Allocation, Facts
from lbrouter.model.health import Health, UplinkHealth, UplinkState
from lbrouter.model.kernel_state import Elements
from lbrouter.model.reserved_ids import OWN_TABLE, mark_of, table_of


class FlowDocument(TypedDict):
    """The flow that was asked about. `port` is null where none was given, or there are none."""

    source: str
    destination: str
    protocol: str
    port: int | None


class Way(TypedDict):
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
    ways: list[Way]
    if_down: dict[str, dict[str, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What an explanation rests on, beside the configuration."""

    allocation: Allocation
    health: Health
    facts: Facts


def explain(config: Config, flow: Flow, known: Known) -> Explanation:
    """Verdict, reason and ways of `flow`."""
    judgement = judge(config, known.facts, flow)
    shares = _shares(config, flow, judgement, known)
    verdict, because = judgement.verdict, judgement.because
    if verdict in (Verdict.FORWARDED, Verdict.OWN) and _needs_uplink(judgement) and not shares:
        verdict, because = Verdict.UNREACHABLE, f"{because}; {_why_not(config, known)}"
    policy = None if judgement.policy is None else config.policies[judgement.policy]
    balanced = policy is not None and policy.mode is PolicyMode.BALANCE
    return {
        "flow": _flow(flow),
        "verdict": str(verdict),
        "because": because,
        "vlan": flow.vlan,
        "rule": judgement.rule,
        "forward": judgement.forward,
        "policy": judgement.policy,
        "mode": None if policy is None else str(policy.mode),
        "sticky_s": policy.sticky / 1000 if policy is not None and balanced else None,
        "ways": list(_ways(config, flow, known, shares, own=verdict is Verdict.OWN)),
        "if_down": _if_down(config, flow, judgement, known, shares),
    }


def without(health: Health, uplink: str) -> Health:
    """`health` as it would be with `uplink` dead."""
    dead = UplinkHealth(state=UplinkState.DOWN, reason="supposed dead", alive=False)
    return replace(health, uplinks={**health.uplinks, uplink: dead})


def _why_not(config: Config, known: Known) -> str:
    """Why no uplink carries a flow: what is known of each."""
    reasons = (f"{name}: {known.health.uplinks[name].reason}" for name in config.uplinks)
    return f"no uplink of it can carry this flow ({', '.join(reasons)})"


def _needs_uplink(judgement: Judgement) -> bool:
    return judgement.policy is not None or judgement.verdict is Verdict.OWN


def _shares(config: Config, flow: Flow, judgement: Judgement, known: Known) -> dict[str, int]:
    """Uplinks with their shares in percent."""
    if judgement.uplink is not None and judgement.verdict is Verdict.FORWARDED:
        return {judgement.uplink: 100}
    if judgement.verdict is Verdict.OWN:
        best = best_of_all(config, known.health, flow.family, known.facts)
        return {} if best is None else {best: 100}
    if judgement.policy is None:
        return {}
    policy = config.policies[judgement.policy]
    shares = choose(config, policy, known.health, flow.family, known.facts)
    return percentages({share.uplink: share.weight for share in shares})


def _if_down(
    config: Config, flow: Flow, judgement: Judgement, known: Known, shares: Mapping[str, int]
) -> dict[str, dict[str, int]]:
    """Shares of new flows with each uplink dead. A flow from outside has no other way in."""
    if judgement.uplink is not None:
        return {}
    return {
        name: _shares(config, flow, judgement, replace(known, health=without(known.health, name)))
        for name in shares
    }


def _ways(
    config: Config, flow: Flow, known: Known, shares: Mapping[str, int], *, own: bool
) -> Iterator[Way]:
    shaped = shape(
        config, allocation=known.allocation, health=known.health, facts=known.facts
    ).elements
    for name, percent in shares.items():
        uplink, number = config.uplinks[name], known.allocation.uplinks[name]
        way = way_out(uplink, flow.family, known.facts)
        device = None if flow.vlan is None else config.device_of(config.vlans[flow.vlan])
        yield {
            "uplink": name,
            "share_percent": percent,
            "interface": uplink.device,
            "gateway": None if way is None or way.gateway is None else str(way.gateway),
            "mark": f"{mark_of(number):#010x}",
            "table": OWN_TABLE if own else table_of(number),
            "source_address": None if way is None else str(way.address.ip),
            "upload_class": _class(shaped, device, uplink.device),
            "download_class": _class(shaped, uplink.device, device),
        }


def _class(shaped: Elements, incoming: str | None, outgoing: str | None) -> str | None:
    """Class that the map `class_of` gives to packets from one interface to the other."""
    return dict(shaped).get(f"{incoming} . {outgoing}")


def _flow(flow: Flow) -> FlowDocument:
    return {
        "source": GATEWAY if flow.from_gateway else str(flow.source),
        "destination": str(flow.destination),
        "protocol": str(flow.protocol),
        "port": flow.port,
    }
