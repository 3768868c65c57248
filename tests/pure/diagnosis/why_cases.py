"""A client with internet, as facts, and what `why` says of it."""

from dataclasses import replace
from ipaddress import IPv4Address, ip_address
from typing import Any

from lbrouter.compile.diagnosis.client_facts import (
    ClientFacts,
    ClientTraffic,
    GatewayView,
    HeardFrame,
)
from lbrouter.compile.diagnosis.why import CheckDocument, WhyDocument, why_document
from lbrouter.compile.services.dnsmasq_leases import LanLease
from lbrouter.model.health import UplinkHealth, UplinkState
from lbrouter.model.messages.message import Message
from tests.kit.builders import TWO_LINES, config_of, facts_of, health_of

MAC, OTHER = "02:00:00:00:00:10", "02:00:00:00:00:11"
ADDRESS = ip_address("10.10.40.50")

TEXT = TWO_LINES.replace(
    'policy = "spread"\n',
    'policy = "show"\naddress6 = "fd10:40::1/64"\n'
    'dhcp = { range = "10.10.40.20-10.10.40.24" }\n'
    'download = { guaranteed = "1mbit", per_client = "2mbit" }\n',
    1,
).replace(
    "[vlans.desk]",
    '[vlans.stream.hosts]\nencoder = { mac = "02:00:00:00:00:ee", address = "10.10.10.9" }\n'
    "[vlans.desk]",
)
CONFIG = config_of(TEXT)
HEARD = HeardFrame(interface="lan2", mac=MAC, address=ADDRESS)
LEASE = LanLease(expires=0, mac=MAC, address=IPv4Address("10.10.40.50"))
BY_ADDRESS = ClientFacts(
    asked="10.10.40.50",
    asked_address=ADDRESS,
    heard=(HEARD,),
    leases=(LEASE,),
    traffic=ClientTraffic(connections=3),
    names_answered=True,
)
BY_MAC = replace(BY_ADDRESS, asked=MAC, mac=MAC, asked_address=None)


def view(**lines: UplinkHealth) -> GatewayView:
    """Both lines are up, but for `lines`."""
    health = health_of(CONFIG)
    return GatewayView(
        config=CONFIG,
        health=replace(health, uplinks={**health.uplinks, **lines}),
        facts=facts_of(CONFIG),
    )


def line(state: UplinkState, why: Message, **more: Any) -> UplinkHealth:
    return UplinkHealth(state=state, why=why, **more)


def answer(facts: ClientFacts, gateway: GatewayView | None = None) -> WhyDocument:
    return why_document(gateway or view(), facts)


def check(document: WhyDocument, name: str) -> CheckDocument:
    [found] = [each for each in document["checks"] if each["name"] == name]
    return found


def cause(facts: ClientFacts, gateway: GatewayView | None = None) -> str | None:
    return answer(facts, gateway)["cause"]
