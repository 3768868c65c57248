"""The DHCP client, step by step, from the first lease to its end: no socket, no clock."""

from ipaddress import IPv4Address
from math import inf

from lbrouter.compile.dhcp.client_machine import (
    MAX_DHCP_REQUESTS,
    MAX_DHCP_RETRY_PAUSE_S,
)
from lbrouter.compile.dhcp.client_state import (
    IPV4_BROADCAST,
    DhcpPhase,
    DhcpTimerExpired,
)
from lbrouter.compile.dhcp.failure_reasons import no_lease_reason
from lbrouter.compile.wire.dhcp_message import (
    UNSPECIFIED_ADDRESS,
    DhcpMessageType,
    DhcpOption,
)
from tests.kit.dhcp_client import MAC, OTHER_SERVER, SERVER, SERVER_MAC, ClientHarness


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
    )  # half of the time until any server may be asked
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
    assert no_lease_reason(harness.client, "wan1", since="") is None
    harness.receive(DhcpMessageType.OFFER, "192.0.2.99").receive(DhcpMessageType.ACK, "192.0.2.99")
    assert str(harness.client.lease.address) == "192.0.2.99/24"


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


def test_the_reason_says_what_is_tried_and_since_when(harness: ClientHarness) -> None:
    harness.plug()
    assert (
        str(no_lease_reason(harness.client, "wan1", since="20:14:03"))
        == "asking for a DHCP lease on wan1"
    )
    harness.advance_to_deadline()
    said = "no DHCP server answers on wan1 since 20:14:03"
    assert str(no_lease_reason(harness.client, "wan1", since="20:14:03")) == said
