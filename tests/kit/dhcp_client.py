"""A DHCP client without socket and clock, and what a server sends it."""

from dataclasses import replace
from ipaddress import IPv4Address

from lbrouter.compile.dhcp.client_machine import (
    step,
)
from lbrouter.compile.dhcp.client_state import (
    CarrierDown,
    CarrierUp,
    DhcpClientState,
    DhcpMessageReceived,
    DhcpPhase,
    DhcpTimerExpired,
    OutgoingDhcpMessage,
    Randomness,
)
from lbrouter.compile.wire.dhcp_message import (
    DhcpMessage,
    DhcpMessageType,
    DhcpOption,
)
from lbrouter.model.lease import UplinkLease
from lbrouter.model.messages.message import Message

MAC = bytes.fromhex("020000000001")
SERVER = IPv4Address("192.0.2.1")
USUAL_OPTIONS = {
    DhcpOption.SUBNET_MASK: bytes((255, 255, 255, 0)),
    DhcpOption.ROUTER: SERVER.packed,
    DhcpOption.SERVER_ID: SERVER.packed,
    DhcpOption.LEASE_TIME: (3600).to_bytes(4),
}


def offer(yours: str = "192.0.2.77", **options: bytes | None) -> DhcpMessage:
    wanted = {**USUAL_OPTIONS, **{DhcpOption[key]: value for key, value in options.items()}}
    return DhcpMessage(
        message_type=DhcpMessageType.OFFER,
        xid=7,
        chaddr=MAC,
        yiaddr=IPv4Address(yours),
        options={key: value for key, value in wanted.items() if value is not None},
    )


SERVER_MAC = "02:00:00:00:00:09"
OTHER_SERVER = IPv4Address("192.0.2.2")


class ClientHarness:
    """A client, its clock and its last messages; `lease_error` is what is wrong with any lease."""

    def __init__(self, lease: UplinkLease | None = None) -> None:
        self.client = DhcpClientState(lease=lease)
        self.at = 1000.0
        self.lease_error: Message | None = None
        self.sent: tuple[OutgoingDhcpMessage, ...] = ()
        self.step_count = 0

    def process(
        self, event: CarrierUp | CarrierDown | DhcpMessageReceived | DhcpTimerExpired
    ) -> "ClientHarness":
        self.step_count += 1
        randomness = Randomness(xid=self.step_count, jitter=0.5)
        self.client, self.sent = step(
            self.client, event, randomness, lambda _lease: self.lease_error
        )
        return self

    def plug(self) -> "ClientHarness":
        return self.process(CarrierUp(at=self.at, hardware_address=MAC))

    def unplug(self) -> "ClientHarness":
        return self.process(CarrierDown(at=self.at))

    def advance_to_deadline(self) -> "ClientHarness":
        """Advance the clock to the client's next deadline."""
        self.at = self.client.next_event_at
        return self.process(DhcpTimerExpired(at=self.at))

    def receive(
        self, kind: DhcpMessageType, yours: str = "192.0.2.77", **options: bytes | None
    ) -> "ClientHarness":
        message = replace(offer(yours, **options), message_type=kind, xid=self.client.xid)
        return self.process(DhcpMessageReceived(at=self.at, message=message, station=SERVER_MAC))

    def bind(self) -> "ClientHarness":
        return self.plug().receive(DhcpMessageType.OFFER).receive(DhcpMessageType.ACK)

    @property
    def sent_message(self) -> DhcpMessage:
        [send] = self.sent
        return send.message

    @property
    def phase(self) -> DhcpPhase:
        return self.client.phase
