"""What each lane is made from, gathered for `Facts`: keys, the relay's address, the handshake."""

import time
from dataclasses import replace
from pathlib import Path

from lbrouter.compile.routing.lane_lines import lane_mtu
from lbrouter.daemon.lanes.relay_addresses import RelayAddresses
from lbrouter.kernel.backend import LinuxKernel
from lbrouter.kernel.objects import wireguard_program
from lbrouter.model.config import Config, Uplink
from lbrouter.model.errors import LbrouterError
from lbrouter.model.facts import Facts
from lbrouter.model.lane import LaneFacts
from lbrouter.model.messages.codes import AddressCode
from lbrouter.model.messages.message import Message, message, told
from lbrouter.services import lane_keys


async def facts_with_lanes(
    config: Config, facts: Facts, kernel: LinuxKernel, state_dir: Path
) -> Facts:
    """`facts` with each lane that can be set up; of the others, why not."""
    found: dict[str, LaneFacts] = {}
    reasons = dict(facts.no_address_reasons)
    for lane in config.lanes():
        known = _lane_facts(config, lane, facts, state_dir)
        if isinstance(known, Message):
            reasons[lane.name] = known
            continue
        found[lane.name] = await _with_handshake(lane, known, facts, kernel)
    return replace(facts, lanes=found, no_address_reasons=reasons) if found or reasons else facts


def missing_wireguard(facts: Facts) -> str:
    """Why no lane can be set up on this machine; "" where one can."""
    if "wireguard" in facts.features or wireguard_program.available():
        return ""
    return wireguard_program.WIREGUARD_MISSING


def _lane_facts(config: Config, lane: Uplink, facts: Facts, state_dir: Path) -> LaneFacts | Message:
    """The lane, or what it lacks."""
    lacks = missing_wireguard(facts)
    if lacks:
        return told(lacks)
    try:
        keys = lane_keys.read_keys(lane, state_dir)
    except LbrouterError as error:
        return told(str(error).splitlines()[0])
    if lane.relay is None:
        return message(AddressCode.LANE_NO_RELAY, lane=lane.name)
    address = lane.relay.address or RelayAddresses(state_dir).load(lane)
    if address is None:
        return message(AddressCode.LANE_RELAY_UNKNOWN, relay=lane.relay.host)
    mtu = lane_mtu(config, lane, facts)
    return LaneFacts(keys=keys, relay_address=address, mtu=mtu)


async def _with_handshake(
    lane: Uplink, known: LaneFacts, facts: Facts, kernel: LinuxKernel
) -> LaneFacts:
    device = facts.interfaces.get(lane.device)
    if device is None or not device.ours:
        return known
    counted = await kernel.peer_readings(lane.device, device.kind)
    moment = None if counted is None else counted.last_handshake_at
    if moment is None:
        return known
    return replace(known, handshake_age_s=max(0.0, time.time() - moment), handshake_at=moment)
