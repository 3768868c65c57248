"""The DHCP client and servers that refuse or send nonsense: no socket, no clock."""

from dataclasses import replace

import pytest

from lbrouter.compile.dhcp.client_machine import (
    MAX_DHCP_REQUESTS,
    drop_lease,
)
from lbrouter.compile.dhcp.client_state import (
    DhcpMessageReceived,
    DhcpPhase,
)
from lbrouter.compile.dhcp.failure_reasons import no_lease_reason
from lbrouter.compile.wire.dhcp_message import (
    DhcpMessageType,
)
from lbrouter.model.messages.message import told
from tests.kit.dhcp_client import OTHER_SERVER, SERVER_MAC, ClientHarness, offer


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
    assert str(no_lease_reason(harness.client, "wan1", since="")) == (
        "the DHCP server on wan1 offers an address and then refuses it"
    )
    harness.receive(DhcpMessageType.OFFER).receive(DhcpMessageType.ACK)
    assert (harness.phase, harness.client.failed_offers) == (DhcpPhase.BOUND, 0)


def test_an_offer_that_is_not_kept_is_given_up(harness: ClientHarness) -> None:
    harness.plug().receive(DhcpMessageType.OFFER)
    for _ in range(MAX_DHCP_REQUESTS - 1):
        assert harness.advance_to_deadline().phase is DhcpPhase.REQUESTING
    assert (harness.advance_to_deadline().phase, harness.sent_message.message_type) == (
        DhcpPhase.SELECTING,
        DhcpMessageType.DISCOVER,
    )


def test_nonsense_is_remembered_and_the_next_offer_is_taken(harness: ClientHarness) -> None:
    harness.plug().receive(DhcpMessageType.OFFER, ROUTER=None)
    assert (harness.phase, harness.sent) == (DhcpPhase.SELECTING, ())
    assert str(no_lease_reason(harness.client, "wan1", since="")) == (
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
    harness.lease_error = told("10.10.10.7/24, which overlaps")
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
    harness.client = drop_lease(harness.client, harness.at, told("overlaps"))
    assert (harness.client.lease, harness.client.rejection_reason) == (None, told("overlaps"))
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
