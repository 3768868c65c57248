"""`RelayNames`: looks up the relays that have a name, by every line, as long as the daemon runs."""

import asyncio
from collections.abc import Callable
from ipaddress import IPv4Address
from pathlib import Path
from typing import Final

from lbrouter.compile.relay.silence_reasons import unresolved_name
from lbrouter.compile.wire.dns_message import RecordType
from lbrouter.daemon.events.journal import Journal
from lbrouter.daemon.lanes.applied_lanes import LaneInputs
from lbrouter.daemon.lanes.relay_addresses import RelayAddresses
from lbrouter.kernel.probe.bound_socket import UplinkBinding
from lbrouter.kernel.probe.resolver import NameResolver, system_resolvers
from lbrouter.model.config import Uplink
from lbrouter.model.kernel_state import IpAddress
from lbrouter.model.messages.codes import LaneCode
from lbrouter.model.messages.message import Message, message

UNRESOLVED_AFTER_S: Final = 6.0
"""A name is asked for every two seconds: this is the third question without an address."""


class RelayNames:
    """The last address of a name stays until there is another one."""

    def __init__(
        self, journal: Journal, request_resync: Callable[[], None], state_dir: Path
    ) -> None:
        self._journal, self._request_resync = journal, request_resync
        self._addresses = RelayAddresses(state_dir)
        self._resolvers: dict[tuple[UplinkBinding, tuple[IpAddress, ...]], NameResolver] = {}
        self._resolved_at: dict[str, float] = {}

    def close(self) -> None:
        """Stop asking."""
        for resolver in self._resolvers.values():
            resolver.close()
        self._resolvers.clear()

    def check(self, lane: Uplink, now: LaneInputs) -> None:
        """Ask, and take another address where there is one."""
        if lane.relay is None or lane.relay.address is not None:
            return
        host = lane.relay.host
        servers = tuple(now.config.gateway.dns) or system_resolvers()
        resolvers = [self._resolver(binding, servers) for _, binding in now.bindings(lane)]
        answers = [each.look_up(host) for each in resolvers]
        moment = asyncio.get_running_loop().time()
        known = any(each.resolves(host) for each in resolvers)
        self._resolved_at[host] = moment if known else self._resolved_at.get(host, moment)
        new = next((each for each in answers if isinstance(each, IPv4Address)), None)
        if new is not None and new != self._addresses.load(lane):
            self._addresses.save(lane, new)
            said = message(LaneCode.RELAY_ADDRESS, host=host, address=str(new))
            self._journal.log("lane", said, subject=lane.name)
            self._request_resync()

    def trouble(self, lane: Uplink, relay_address: IPv4Address) -> Message | None:
        """Said where the name of the relay does not resolve."""
        if lane.relay is None or lane.relay.host not in self._resolved_at:
            return None
        silent_s = asyncio.get_running_loop().time() - self._resolved_at[lane.relay.host]
        if silent_s < UNRESOLVED_AFTER_S:
            return None
        return unresolved_name(lane, str(relay_address))

    def _resolver(self, binding: UplinkBinding, servers: tuple[IpAddress, ...]) -> NameResolver:
        key = (binding, servers)
        if key not in self._resolvers:
            self._resolvers[key] = NameResolver(binding, servers, RecordType.A)
        return self._resolvers[key]
