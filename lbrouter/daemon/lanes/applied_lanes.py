"""What the watch over the lanes looks at, and the lines of a lane that can be asked."""

from collections.abc import Iterator
from dataclasses import dataclass

from lbrouter.compile.routing.uplink_addressing import has_nexthop
from lbrouter.kernel.probe.bound_socket import UplinkBinding
from lbrouter.model.config import Config, Uplink
from lbrouter.model.facts import Allocation, Facts
from lbrouter.model.health import GatewayHealth
from lbrouter.model.kernel_state import AddressFamily


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneInputs:
    """The file, and the last state that was applied."""

    config: Config
    allocation: Allocation
    facts: Facts
    health: GatewayHealth

    def bindings(self, lane: Uplink) -> Iterator[tuple[str, UplinkBinding]]:
        """The lines of `lane` that have an IPv4 next hop, by name."""
        for name in lane.over:
            uplink = self.config.uplinks[name]
            if has_nexthop(uplink, AddressFamily.V4, self.facts):
                number = self.allocation.uplinks[name]
                yield name, UplinkBinding(interface=uplink.device, number=number)
