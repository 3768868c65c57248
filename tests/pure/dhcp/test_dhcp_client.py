"""The DHCP client, step by step: no socket, no clock."""

from dataclasses import replace
from ipaddress import IPv4Address
from math import inf

import pytest

from lbrouter.compile.dhcp.client_machine import (
    MAX_DHCP_REQUESTS,
    MAX_DHCP_RETRY_PAUSE_S,
    drop_lease,
    step,
)
from lbrouter.compile.dhcp.client_state import (
    IPV4_BROADCAST,
    CarrierDown,
    CarrierUp,
    DhcpClientState,
    DhcpMessageReceived,
    DhcpPhase,
    DhcpTimerExpired,
    OutgoingDhcpMessage,
    Randomness,
)
from lbrouter.compile.dhcp.failure_reasons import no_lease_reason
from lbrouter.compile.dhcp.message import (
    UNSPECIFIED_ADDRESS,
    DhcpMessage,
    DhcpMessageType,
    DhcpOption,
)
from lbrouter.model.lease import UplinkLease
from tests.pure.dhcp.test_dhcp_messages import MAC, SERVER, offer

SERVER_MAC = "02:00:00:00:00:09"
OTHER_SERVER = IPv4Address("192.0.2.2")


class ClientHarness:
    """A client, its clock and its last messages; `fault` is what is wrong with any lease."""

    def __init__(self, lease: UplinkLease | None = None) -> None:
        self.client = DhcpClientState(lease=lease)
        self.at = 1000.0
        self.lease_error = ""
        self.sent: tuple[OutgoingDhcpMessage, ...] = ()
        self.step_count = 0

    def process(
        self, event: CarrierUp | CarrierDown | DhcpMessageReceived | DhcpTimerExpired
    ) -> "ClientHarness":
        self.step_count += 1
        dice = Randomness(xid=self.step_count, jitter=0.5)
        self.client, self.sent = step(self.client, event, dice, lambda _lease: self.lease_error)
        return self

    def plug(self) -> "ClientHarness":
        return self.process(CarrierUp(at=self.at, hardware_address=MAC))

    def unplug(self) -> "ClientHarness":
        return self.process(CarrierDown(at=self.at))

    def advance_to_deadline(self) -> "ClientHarness":
        """Until something is due."""
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


@pytest.fixture
def harness() -> ClientHarness:
    return ClientHarness()


def test_a_first_lease_takes_four_messages(harness: ClientHarness) -> None:
    asked = harness.plug().sent_message
    assert (asked.message_type, asked.ciaddr, harness.sent[0].destination) == (
        DhcpMessageType.DISCOVER,
        UNSPECIFIED_ADDRESS,
        IPV4_BROADCAST,
    )
    assert asked.options[DhcpOption.CLIENT_ID] == b"\x01" + MAC
    asked = harness.receive(DhcpMessageType.OFFER).sent_message
    assert (harness.phase, asked.message_type) == (DhcpPhase.REQUESTING, DhcpMessageType.REQUEST)
    assert asked.options[DhcpOption.REQUESTED_ADDRESS] == IPv4Address("192.0.2.77").packed
    assert asked.options[DhcpOption.SERVER_ID] == SERVER.packed
    harness.receive(DhcpMessageType.ACK)
    assert (harness.phase, harness.sent, harness.client.next_event_at) == (
        DhcpPhase.BOUND,
        (),
        1000.0 + 1800,
    )
    assert harness.client.lease is not None
    assert harness.client.lease.station == SERVER_MAC


def test_without_an_answer_it_asks_more_and_more_seldom(harness: ClientHarness) -> None:
    harness.plug()
    pauses = []
    for _ in range(9):
        before = harness.at
        assert harness.advance_to_deadline().sent_message.message_type is DhcpMessageType.DISCOVER
        pauses.append(harness.at - before)
    assert pauses == [1, 2, 4, 8, 16, *[MAX_DHCP_RETRY_PAUSE_S] * 4]
    assert harness.sent_message.secs == int(harness.at - 1000)


def test_a_lease_is_renewed_with_its_own_server_and_then_with_anybody(
    harness: ClientHarness,
) -> None:
    harness.bind().advance_to_deadline()
    assert (harness.phase, harness.at) == (DhcpPhase.RENEWING, 2800.0)
    [send] = harness.sent
    assert (send.destination, send.station, send.source) == (
        SERVER,
        SERVER_MAC,
        send.message.ciaddr,
    )
    assert DhcpOption.REQUESTED_ADDRESS not in send.message.options
    assert (
        harness.client.next_event_at == 2800 + 675
    )  # half of what is left until anybody may be asked
    while harness.phase is DhcpPhase.RENEWING:
        harness.advance_to_deadline()
    [send] = harness.sent
    assert (harness.phase, send.destination, send.station) == (
        DhcpPhase.REBINDING,
        IPV4_BROADCAST,
        "",
    )
    assert str(send.source) == "192.0.2.77"
    harness.receive(DhcpMessageType.ACK, SERVER_ID=OTHER_SERVER.packed)
    assert harness.phase is DhcpPhase.BOUND
    assert harness.client.lease is not None
    assert (harness.client.lease.server, harness.client.lease.obtained_at) == (
        OTHER_SERVER,
        harness.at,
    )


def test_a_lease_that_nobody_renews_ends(harness: ClientHarness) -> None:
    harness.bind()
    while harness.client.lease is not None:
        harness.advance_to_deadline()
    assert (harness.at, harness.phase, harness.sent_message.message_type) == (
        4600.0,
        DhcpPhase.SELECTING,
        DhcpMessageType.DISCOVER,
    )


def test_a_lease_without_end_is_never_renewed(harness: ClientHarness) -> None:
    harness.plug().receive(DhcpMessageType.OFFER).receive(
        DhcpMessageType.ACK, LEASE_TIME=b"\xff\xff\xff\xff"
    )
    assert harness.client.next_event_at == inf


def test_the_server_may_change_the_address_when_it_renews(harness: ClientHarness) -> None:
    harness.bind().advance_to_deadline().receive(DhcpMessageType.ACK, "192.0.2.99")
    assert harness.client.lease is not None
    assert str(harness.client.lease.address) == "192.0.2.99/24"


def test_a_refusal_ends_the_lease_and_begins_the_search(harness: ClientHarness) -> None:
    harness.bind().advance_to_deadline().receive(DhcpMessageType.NAK, SERVER_ID=OTHER_SERVER.packed)
    assert harness.client.lease is not None  # of another server it is no refusal
    harness.receive(DhcpMessageType.NAK)
    assert (harness.client.lease, harness.phase, harness.sent_message.message_type) == (
        None,
        DhcpPhase.SELECTING,
        DhcpMessageType.DISCOVER,
    )


def test_a_server_that_refuses_what_it_offers_is_asked_more_and_more_seldom(
    harness: ClientHarness,
) -> None:
    pauses = []
    harness.plug()
    for _ in range(4):
        harness.receive(DhcpMessageType.OFFER).receive(
            DhcpMessageType.NAK, SERVER_ID=OTHER_SERVER.packed
        )
        assert harness.phase is DhcpPhase.REQUESTING
        harness.receive(DhcpMessageType.NAK)
        assert (harness.phase, harness.sent) == (DhcpPhase.SELECTING, ())
        pauses.append(harness.client.next_event_at - harness.at)
        assert harness.advance_to_deadline().sent_message.message_type is DhcpMessageType.DISCOVER
    assert pauses == [1, 2, 4, 8]
    assert no_lease_reason(harness.client, "wan1", since="") == (
        "the DHCP server on wan1 offers an address and then refuses it"
    )
    harness.receive(DhcpMessageType.OFFER).receive(DhcpMessageType.ACK)
    assert (harness.phase, harness.client.failed_offers) == (DhcpPhase.BOUND, 0)


def test_after_a_break_the_lease_is_asked_for_again(harness: ClientHarness) -> None:
    harness.bind()
    assert (harness.unplug().phase, harness.client.next_event_at) == (DhcpPhase.NO_CARRIER, 4600.0)
    asked = harness.plug().sent_message
    assert (harness.phase, asked.ciaddr) == (DhcpPhase.REBOOTING, UNSPECIFIED_ADDRESS)
    assert asked.options[DhcpOption.REQUESTED_ADDRESS] == IPv4Address("192.0.2.77").packed
    assert DhcpOption.SERVER_ID not in asked.options
    harness.receive(DhcpMessageType.ACK)
    assert harness.phase is DhcpPhase.BOUND
    harness.unplug().plug().receive(DhcpMessageType.NAK, SERVER_ID=OTHER_SERVER.packed)
    assert (harness.phase, harness.client.lease) == (DhcpPhase.SELECTING, None)


def test_where_nobody_confirms_the_lease_serves_on_and_another_is_sought(
    harness: ClientHarness,
) -> None:
    harness.bind().unplug().plug()
    for _ in range(MAX_DHCP_REQUESTS - 1):
        assert harness.advance_to_deadline().phase is DhcpPhase.REBOOTING
    assert (harness.advance_to_deadline().phase, harness.sent_message.message_type) == (
        DhcpPhase.SELECTING,
        DhcpMessageType.DISCOVER,
    )
    assert harness.client.lease is not None
    assert no_lease_reason(harness.client, "wan1", since="") == ""
    harness.receive(DhcpMessageType.OFFER, "192.0.2.99").receive(DhcpMessageType.ACK, "192.0.2.99")
    assert str(harness.client.lease.address) == "192.0.2.99/24"


def test_an_offer_that_is_not_kept_is_given_up(harness: ClientHarness) -> None:
    harness.plug().receive(DhcpMessageType.OFFER)
    for _ in range(MAX_DHCP_REQUESTS - 1):
        assert harness.advance_to_deadline().phase is DhcpPhase.REQUESTING
    assert (harness.advance_to_deadline().phase, harness.sent_message.message_type) == (
        DhcpPhase.SELECTING,
        DhcpMessageType.DISCOVER,
    )


def test_a_lease_ends_behind_a_break_too(harness: ClientHarness) -> None:
    harness.bind().unplug().advance_to_deadline()
    assert (harness.phase, harness.client.lease, harness.client.next_event_at) == (
        DhcpPhase.NO_CARRIER,
        None,
        inf,
    )
    assert harness.process(DhcpTimerExpired(at=inf)).sent == ()
    assert harness.plug().sent_message.message_type is DhcpMessageType.DISCOVER


def test_nothing_is_sent_before_it_is_due(harness: ClientHarness) -> None:
    harness.plug()
    assert harness.process(DhcpTimerExpired(at=harness.at + 0.5)).sent == ()


def test_nonsense_is_remembered_and_the_next_offer_is_taken(harness: ClientHarness) -> None:
    harness.plug().receive(DhcpMessageType.OFFER, ROUTER=None)
    assert (harness.phase, harness.sent) == (DhcpPhase.SELECTING, ())
    assert no_lease_reason(harness.client, "wan1", since="") == (
        "the DHCP server on wan1 offers 192.0.2.77/24 without a router"
    )
    harness.receive(DhcpMessageType.OFFER)
    assert harness.phase is DhcpPhase.REQUESTING
    harness.receive(DhcpMessageType.ACK, ROUTER=None).receive(
        DhcpMessageType.ACK, SERVER_ID=OTHER_SERVER.packed
    )
    assert (harness.phase, harness.client.lease) == (DhcpPhase.REQUESTING, None)
    assert harness.receive(DhcpMessageType.ACK).phase is DhcpPhase.BOUND


def test_nonsense_in_a_renewal_leaves_the_lease_as_it_is(harness: ClientHarness) -> None:
    harness.bind().advance_to_deadline()
    before = harness.client.lease
    harness.receive(DhcpMessageType.ACK, LEASE_TIME=None)
    assert (harness.phase, harness.client.lease) == (DhcpPhase.RENEWING, before)


def test_a_lease_that_the_file_cannot_bear_is_not_asked_for(harness: ClientHarness) -> None:
    harness.lease_error = "10.10.10.7/24, which overlaps"
    harness.plug().receive(DhcpMessageType.OFFER)
    assert (harness.phase, harness.client.rejection_reason) == (
        DhcpPhase.SELECTING,
        harness.lease_error,
    )


@pytest.mark.parametrize("phase", [DhcpPhase.BOUND, DhcpPhase.NO_CARRIER])
def test_a_lease_that_a_new_file_cannot_bear_is_dropped(
    harness: ClientHarness, phase: DhcpPhase
) -> None:
    harness.bind()
    if phase is DhcpPhase.NO_CARRIER:
        harness.unplug()
    harness.client = drop_lease(harness.client, harness.at, "overlaps")
    assert (harness.client.lease, harness.client.rejection_reason) == (None, "overlaps")
    harness.advance_to_deadline()
    assert harness.phase is (DhcpPhase.SELECTING if phase is DhcpPhase.BOUND else phase)


def test_what_is_meant_for_somebody_else_is_ignored(harness: ClientHarness) -> None:
    harness.plug()
    stray = replace(offer(), xid=harness.client.xid + 1)
    assert (
        harness.process(DhcpMessageReceived(at=harness.at, message=stray, station=SERVER_MAC)).phase
        is DhcpPhase.SELECTING
    )
    stray = replace(offer(), xid=harness.client.xid, chaddr=bytes(6))
    assert (
        harness.process(DhcpMessageReceived(at=harness.at, message=stray, station=SERVER_MAC)).phase
        is DhcpPhase.SELECTING
    )
    assert (
        harness.receive(DhcpMessageType.ACK).phase is DhcpPhase.SELECTING
    )  # nothing was asked for yet
    assert harness.bind().receive(DhcpMessageType.NAK).phase is DhcpPhase.BOUND
    assert harness.receive(DhcpMessageType.OFFER).phase is DhcpPhase.BOUND


def test_the_reason_says_what_is_tried_and_since_when(harness: ClientHarness) -> None:
    harness.plug()
    assert (
        no_lease_reason(harness.client, "wan1", since="20:14:03")
        == "asking for a DHCP lease on wan1"
    )
    harness.advance_to_deadline()
    said = "no DHCP server answers on wan1 since 20:14:03"
    assert no_lease_reason(harness.client, "wan1", since="20:14:03") == said
