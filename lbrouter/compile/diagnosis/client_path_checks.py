"""The checks of `lbrouter why` beyond the client: its bounds, its policy, and the lines of that.

As in `client_checks`: None where a check cannot be made.
"""

from collections.abc import Iterator
from typing import Final

from lbrouter.compile.diagnosis.client_checks import ClientCause, ClientCheck
from lbrouter.compile.diagnosis.client_facts import ClientFacts, GatewayView, LocatedClient
from lbrouter.compile.report.status_types import InterfaceTraffic
from lbrouter.compile.routing.balance import select_uplinks
from lbrouter.compile.routing.usability import LineGrade, line_grade
from lbrouter.compile.shaping.demand import bandwidth
from lbrouter.model.config import Policy, Vlan
from lbrouter.model.direction import Direction
from lbrouter.model.kernel_state import AddressFamily
from lbrouter.model.messages.codes import ClientCode, ReasonCode, TextCode
from lbrouter.model.messages.message import Message, joined, message

AT_LIMIT_RATIO: Final = 0.9
"""From here on a bound is felt: the kernel counts samples of connections, rates vary."""

MIN_UNANSWERED_FLOWS: Final = 3
"""Connections without any answer that are taken for a fault, not for a host that is off."""


def limit_check(
    gateway: GatewayView, client: LocatedClient, facts: ClientFacts
) -> ClientCheck | None:
    """Whether it, or its whole VLAN, uses all that it may."""
    vlan, traffic = client.vlan, facts.traffic
    if vlan is None or traffic is None:
        return None
    over = next(_exceeded(gateway, vlan, facts), None)
    if over is not None:
        found, remedy = over
        return ClientCheck(name="limit", found=found, cause=ClientCause.LIMIT, remedy=remedy)
    found = message(ClientCode.LIMIT, connections=traffic.connections, bound=vlan.connections)
    return ClientCheck(name="limit", found=found)


def _exceeded(
    gateway: GatewayView, vlan: Vlan, facts: ClientFacts
) -> Iterator[tuple[Message, Message]]:
    """What is at its bound, and what to do."""
    traffic = facts.traffic
    assert traffic is not None
    if traffic.connections >= AT_LIMIT_RATIO * vlan.connections:
        found = message(
            ClientCode.LIMIT,
            connections=traffic.connections,
            vlan=vlan.name,
            bound_at=vlan.connections,
        )
        yield found, message(ClientCode.RAISE_LIMIT, vlan=vlan.name)
    rates = {Direction.UPLOAD: traffic.upload_bps, Direction.DOWNLOAD: traffic.download_bps}
    whole = facts.vlan_traffic.get(gateway.config.vlan_device(vlan), InterfaceTraffic())
    sums = {Direction.UPLOAD: whole.received_bps, Direction.DOWNLOAD: whole.sent_bps}
    limit = gateway.limits.get(vlan.name)
    for direction in Direction:
        asked = bandwidth(vlan, direction)
        pace = None if asked is None else asked.per_client
        if pace is not None and rates[direction] >= AT_LIMIT_RATIO * pace:
            figures = {"now_bps": rates[direction], "limit_bps": int(pace)}
            found = message(ClientCode.LIMIT, direction=str(direction), vlan=vlan.name, **figures)
            yield found, message(ClientCode.RAISE_LIMIT, paced_vlan=vlan.name)
        ceiling = None if limit is None else getattr(limit, str(direction))
        if ceiling is not None and sums[direction] >= AT_LIMIT_RATIO * ceiling:
            figures = {"now_bps": sums[direction], "limit_bps": int(ceiling)}
            found = message(
                ClientCode.LIMIT, direction=str(direction), limited_vlan=vlan.name, **figures
            )
            yield found, message(ClientCode.RAISE_LIMIT, limited_vlan=vlan.name)


def policy_check(
    gateway: GatewayView, client: LocatedClient, _facts: ClientFacts
) -> ClientCheck | None:
    """Whether the policy of its VLAN has a line that answers."""
    policy = _policy(gateway, client)
    if policy is None:
        return None
    used = _used_uplinks(gateway, policy, AddressFamily.V4)
    values = {"policy": policy.name}
    if _answers(gateway, policy, used, AddressFamily.V4):
        return ClientCheck(name="policy", found=message(ClientCode.POLICY, uplinks=used, **values))
    reasons = _reasons(gateway, policy, AddressFamily.V4)
    found = message(ClientCode.POLICY, reasons=reasons, **values)
    if used:
        found = message(ClientCode.POLICY, uplinks=used, reasons=reasons, **values)
    remedy = message(ClientCode.REPAIR_LINE)
    return ClientCheck(name="policy", found=found, cause=ClientCause.NO_LINE, remedy=remedy)


def ipv6_check(
    gateway: GatewayView, client: LocatedClient, facts: ClientFacts
) -> ClientCheck | None:
    """Whether IPv6 works as well, where the VLAN has it."""
    policy, vlan = _policy(gateway, client), client.vlan
    if policy is None or vlan is None:
        return None
    if vlan.address6 is None:
        return ClientCheck(name="ipv6", found=message(ClientCode.IPV6, vlan=vlan.name))
    if not any(gateway.config.uplinks[name].address6 for name in policy.uplinks):
        return ClientCheck(name="ipv6", found=message(ClientCode.IPV6, policy=policy.name))
    used = _used_uplinks(gateway, policy, AddressFamily.V6)
    found = message(ClientCode.IPV6, uplinks=used)
    if not _answers(gateway, policy, used, AddressFamily.V6):
        reasons = _reasons(gateway, policy, AddressFamily.V6)
        found = message(ClientCode.IPV6, policy=policy.name, reasons=reasons)
    elif _is_silent(facts):
        assert facts.traffic is not None
        found = message(ClientCode.IPV6, flows=facts.traffic.ipv6_flows)
    else:
        return ClientCheck(name="ipv6", found=found)
    remedy = message(ClientCode.REPAIR_LINE)
    return ClientCheck(name="ipv6", found=found, cause=ClientCause.IPV6, remedy=remedy)


def _is_silent(facts: ClientFacts) -> bool:
    traffic = facts.traffic
    if traffic is None or traffic.ipv6_answers:
        return False
    return traffic.ipv6_flows >= MIN_UNANSWERED_FLOWS


def portal_check(
    gateway: GatewayView, client: LocatedClient, _facts: ClientFacts
) -> ClientCheck | None:
    """Whether a line that it uses shows the login page of a provider."""
    policy = _policy(gateway, client)
    if policy is None:
        return None
    for uplink, reason in _line_reasons(gateway, policy):
        if reason.code is ReasonCode.CAPTIVE_PORTAL:
            return ClientCheck(
                name="captive portal",
                found=message(ClientCode.PORTAL, uplink=uplink, reason=reason),
                cause=ClientCause.CAPTIVE_PORTAL,
                remedy=message(ClientCode.LOG_IN, uplink=uplink),
            )
    return ClientCheck(name="captive portal", found=message(ClientCode.PORTAL))


def mtu_check(
    gateway: GatewayView, client: LocatedClient, _facts: ClientFacts
) -> ClientCheck | None:
    """Whether a line that it uses loses large packets, or has never answered any."""
    policy = _policy(gateway, client)
    if policy is None:
        return None
    for uplink, reason in _line_reasons(gateway, policy):
        unanswered = reason.code is ReasonCode.ANSWERING and "size" in reason.values
        if reason.code is ReasonCode.MTU_BLACK_HOLE or unanswered:
            return ClientCheck(
                name="mtu",
                found=message(ClientCode.MTU, uplink=uplink, reason=reason),
                cause=ClientCause.MTU,
                remedy=message(ClientCode.SET_MTU, uplink=uplink),
            )
    return ClientCheck(name="mtu", found=message(ClientCode.MTU))


def _policy(gateway: GatewayView, client: LocatedClient) -> Policy | None:
    return None if client.vlan is None else gateway.config.policies[client.vlan.policy]


def _used_uplinks(gateway: GatewayView, policy: Policy, family: AddressFamily) -> tuple[str, ...]:
    shares = select_uplinks(gateway.config, policy, gateway.health, family, gateway.facts)
    return tuple(share.uplink for share in shares)


def _answers(
    gateway: GatewayView, policy: Policy, used: tuple[str, ...], family: AddressFamily
) -> bool:
    """Whether any line in use answers; a last resort that is silent does not."""
    view = (gateway.config, family, gateway.health, gateway.facts)
    config, _, health, facts = view
    return any(
        line_grade(config, name, family, health, facts, policy=policy.name)
        > LineGrade.NEXTHOP_ANSWERS
        for name in used
    )


def _reasons(gateway: GatewayView, policy: Policy, family: AddressFamily) -> Message:
    """Why each line of the policy is in its state."""
    return joined(
        [
            message(
                TextCode.FAMILY,
                family=name,
                reason=gateway.health.uplinks[name].of(family).why,
            )
            for name in policy.uplinks
        ]
    )


def _line_reasons(gateway: GatewayView, policy: Policy) -> Iterator[tuple[str, Message]]:
    """Each reason of each line that the policy uses for IPv4."""
    for name in _used_uplinks(gateway, policy, AddressFamily.V4):
        why = gateway.health.uplinks[name].of(AddressFamily.V4).why
        for reason in (why, *why.also):
            yield name, reason
