"""The sections `[policies.NAME]`, `[[rules]]`, `[[forwards]]` and `[[maps]]`."""

from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from lbrouter.model.kernel_state import IpNetwork
from lbrouter.model.sections.field_types import (
    Destination,
    HostAddress,
    NamedSection,
    Network,
    Percentage,
    Ports,
    Section,
    SectionName,
    ServiceEndpoint,
    TimeSpan,
)
from lbrouter.model.units import Duration
from lbrouter.model.validated_strings import OneOrMany

MAX_WEIGHT: Final = 1000
MAX_RULE_PORTS: Final = 1024
MAX_RULE_NETWORKS: Final = 1024
MAX_RULE_SOURCES: Final = 64
MAX_FORWARD_SOURCES: Final = 256

ANY_UPLINK: Final = "any"
"""What a forward writes for "every uplink"; no uplink may have this name."""


class PolicyMode(StrEnum):
    """How a policy picks among its healthy uplinks."""

    FAILOVER = "failover"
    BALANCE = "balance"


class LivingFlows(StrEnum):
    """What becomes of a policy's living flows when it leaves an uplink that still answers."""

    STAY = "stay"
    MOVE = "move"


class Protocol(StrEnum):
    """Protocols that a rule can tell apart."""

    TCP = "tcp"
    UDP = "udp"
    ICMP = "icmp"
    ICMPV6 = "icmpv6"
    SCTP = "sctp"
    GRE = "gre"
    ESP = "esp"


class ForwardProtocol(StrEnum):
    """Protocols that a forward can carry."""

    TCP = "tcp"
    UDP = "udp"


class Tolerance(Section):
    """What a policy puts up with; an uplink that is worse is not healthy, for this policy alone."""

    loss: Percentage | None = None
    """Probes without an answer, such as `2%`."""
    latency: TimeSpan | None = None
    """Round trip, such as `150ms`."""
    jitter: TimeSpan | None = None
    """Variation of the round trip, such as `40ms`."""


class Policy(NamedSection):
    """How new flows are given to uplinks."""

    mode: PolicyMode
    """`failover`: the first healthy uplink in the list carries all new flows.
    `balance`: all healthy ones carry their share."""
    uplinks: tuple[SectionName, ...] = ()
    """The uplinks of this policy, for failover in order. May be left out where `weights` names
    them."""
    weights: dict[SectionName, Annotated[int, Field(strict=True, ge=0, le=MAX_WEIGHT)]] | None = (
        None
    )
    """Balance only: share of the new flows, by uplink (0 to 1000). Absent means: in proportion to
    the uplinks' upload rates."""
    sticky: TimeSpan = Duration(600_000)
    """Balance only: a client keeps its uplink this long after its last new flow; `0s` means per
    flow."""
    tolerate: Tolerance = Tolerance()
    """What this policy puts up with. Absent means: anything that is not down."""
    living: LivingFlows = LivingFlows.STAY
    """`move`: when this policy leaves an uplink that exceeds `tolerate`, its living flows are moved
    as well. A TCP connection is reset, and the client opens it again by the next uplink. `stay`:
    they keep their uplink until it is down."""

    @model_validator(mode="after")
    def take_uplinks_from_weights(self) -> Self:
        """Take the uplinks from the weights where the list is left out."""
        if "uplinks" not in self.model_fields_set and self.weights:
            self.__dict__["uplinks"] = tuple(self.weights)
        return self


class PolicyRule(Section):
    """Flows that take another policy than their VLAN's. The first match wins."""

    from_: Annotated[tuple[SectionName, ...], OneOrMany()] = Field(default=(), alias="from")
    """The VLAN, or a list of VLANs, that the flow comes from. Absent means: any."""
    source: Annotated[tuple[Network, ...], Field(max_length=MAX_RULE_SOURCES), OneOrMany()] = ()
    """One host or subnet of that VLAN, or a list: the encoder alone, say. Absent means: all of
    it."""
    protocol: Protocol | None = None
    """`tcp`, `udp`, `icmp`, `icmpv6`, `sctp`, `gre` or `esp`. Absent means: any."""
    ports: Annotated[tuple[Ports, ...], Field(max_length=MAX_RULE_PORTS)] = ()
    """Destination ports and ranges, with `tcp`, `udp` or `sctp` only: `[443, "10000-20000"]`.
    Absent means: any."""
    to: Annotated[tuple[Destination, ...], Field(max_length=MAX_RULE_NETWORKS), OneOrMany()] = ()
    """The destination: a network in CIDR form, a name (and all names below it), or a list. The
    gateway learns the addresses of a name when a client asks it for them. Absent means:
    anywhere."""
    policy: SectionName
    """The policy that such flows take."""

    @property
    def networks(self) -> tuple[IpNetwork, ...]:
        """The networks among the destinations."""
        return tuple(place for place in self.to if not isinstance(place, str))

    @property
    def names(self) -> tuple[str, ...]:
        """The names among the destinations."""
        return tuple(place for place in self.to if isinstance(place, str))


class Forward(Section):
    """A service inside that can be reached from outside, and by its public address from inside."""

    uplink: SectionName
    """The uplink on which the connection comes in, or `any`."""
    protocol: ForwardProtocol
    """`tcp` or `udp`."""
    port: Ports
    """The port outside, or a range: `"9000-9010"`."""
    to: ServiceEndpoint
    """Address and port of the service, inside one of the VLANs. Without a port: the ports as
    outside. The gateway's own address in a VLAN stands for a service of the gateway itself."""
    sources: Annotated[tuple[Network, ...], Field(max_length=MAX_FORWARD_SOURCES), OneOrMany()] = ()
    """Networks that may use it. Absent means: anybody."""

    @property
    def keeps_ports(self) -> bool:
        """Whether a connection comes to the port inside that it was sent to outside."""
        return self.to.port in (None, self.port.start)


class AddressMap(Section):
    """One host inside has a public address of its own (1:1): in both directions, on all ports."""

    uplink: SectionName
    """The uplink that has the public address."""
    public: HostAddress
    """The address outside: a further one of this line, not the gateway's own."""
    to: HostAddress
    """The host inside one of the VLANs."""
