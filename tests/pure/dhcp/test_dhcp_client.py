"""The DHCP client, step by step: no socket, no clock."""

from dataclasses import replace
from ipaddress import IPv4Address
from math import inf

import pytest

from lbrouter.compile.dhcp.client_machine import LONGEST_PAUSE_S, REQUESTS, dropped, step
from lbrouter.compile.dhcp.client_state import (
    EVERYBODY,
    Client,
    Dice,
    Due,
    Heard,
    Phase,
    Plugged,
    Send,
    Unplugged,
)
from lbrouter.compile.dhcp.failure_reasons import lacks
from lbrouter.compile.dhcp.message import NOBODY, Kind, Message, Option
from lbrouter.model.lease import Lease
from tests.pure.dhcp.test_dhcp_messages import MAC, SERVER, offer

STATION = "02:00:00:00:00:09"
OTHER = IPv4Address("192.0.2.2")


class Line:
    """A client, its clock and its last messages; `fault` is what is wrong with any lease."""

    def __init__(self, lease: Lease | None = None) -> None:
        self.client = Client(lease=lease)
        self.at = 1000.0
        self.fault = ""
        self.sent: tuple[Send, ...] = ()
        self.steps = 0

    def take(self, event: Plugged | Unplugged | Heard | Due) -> "Line":
        self.steps += 1
        dice = Dice(xid=self.steps, jitter=0.5)
        self.client, self.sent = step(self.client, event, dice, lambda _lease: self.fault)
        return self

    def plug(self) -> "Line":
        return self.take(Plugged(at=self.at, hardware=MAC))

    def unplug(self) -> "Line":
        return self.take(Unplugged(at=self.at))

    def wait(self) -> "Line":
        """Until something is due."""
        self.at = self.client.due
        return self.take(Due(at=self.at))

    def hear(self, kind: Kind, yours: str = "192.0.2.77", **options: bytes | None) -> "Line":
        message = replace(offer(yours, **options), kind=kind, xid=self.client.xid)
        return self.take(Heard(at=self.at, message=message, station=STATION))

    def bound(self) -> "Line":
        return self.plug().hear(Kind.OFFER).hear(Kind.ACK)

    @property
    def asked(self) -> Message:
        [send] = self.sent
        return send.message

    @property
    def phase(self) -> Phase:
        return self.client.phase


@pytest.fixture
def line() -> Line:
    return Line()


def test_a_first_lease_takes_four_messages(line: Line) -> None:
    asked = line.plug().asked
    assert (asked.kind, asked.client, line.sent[0].destination) == (
        Kind.DISCOVER,
        NOBODY,
        EVERYBODY,
    )
    assert asked.options[Option.CLIENT] == b"\x01" + MAC
    asked = line.hear(Kind.OFFER).asked
    assert (line.phase, asked.kind) == (Phase.REQUESTING, Kind.REQUEST)
    assert asked.options[Option.REQUESTED] == IPv4Address("192.0.2.77").packed
    assert asked.options[Option.SERVER] == SERVER.packed
    line.hear(Kind.ACK)
    assert (line.phase, line.sent, line.client.due) == (Phase.BOUND, (), 1000.0 + 1800)
    assert line.client.lease is not None
    assert line.client.lease.station == STATION


def test_without_an_answer_it_asks_more_and_more_seldom(line: Line) -> None:
    line.plug()
    pauses = []
    for _ in range(9):
        before = line.at
        assert line.wait().asked.kind is Kind.DISCOVER
        pauses.append(line.at - before)
    assert pauses == [1, 2, 4, 8, 16, *[LONGEST_PAUSE_S] * 4]
    assert line.asked.secs == int(line.at - 1000)


def test_a_lease_is_renewed_with_its_own_server_and_then_with_anybody(line: Line) -> None:
    line.bound().wait()
    assert (line.phase, line.at) == (Phase.RENEWING, 2800.0)
    [send] = line.sent
    assert (send.destination, send.station, send.source) == (SERVER, STATION, send.message.client)
    assert Option.REQUESTED not in send.message.options
    assert line.client.due == 2800 + 675  # half of what is left until anybody may be asked
    while line.phase is Phase.RENEWING:
        line.wait()
    [send] = line.sent
    assert (line.phase, send.destination, send.station) == (Phase.REBINDING, EVERYBODY, "")
    assert str(send.source) == "192.0.2.77"
    line.hear(Kind.ACK, SERVER=OTHER.packed)
    assert line.phase is Phase.BOUND
    assert line.client.lease is not None
    assert (line.client.lease.server, line.client.lease.obtained_at) == (OTHER, line.at)


def test_a_lease_that_nobody_renews_ends(line: Line) -> None:
    line.bound()
    while line.client.lease is not None:
        line.wait()
    assert (line.at, line.phase, line.asked.kind) == (4600.0, Phase.SELECTING, Kind.DISCOVER)


def test_a_lease_without_end_is_never_renewed(line: Line) -> None:
    line.plug().hear(Kind.OFFER).hear(Kind.ACK, LEASE_TIME=b"\xff\xff\xff\xff")
    assert line.client.due == inf


def test_the_server_may_change_the_address_when_it_renews(line: Line) -> None:
    line.bound().wait().hear(Kind.ACK, "192.0.2.99")
    assert line.client.lease is not None
    assert str(line.client.lease.address) == "192.0.2.99/24"


def test_a_refusal_ends_the_lease_and_begins_the_search(line: Line) -> None:
    line.bound().wait().hear(Kind.NAK, SERVER=OTHER.packed)
    assert line.client.lease is not None  # of another server it is no refusal
    line.hear(Kind.NAK)
    assert (line.client.lease, line.phase, line.asked.kind) == (
        None,
        Phase.SELECTING,
        Kind.DISCOVER,
    )


def test_a_server_that_refuses_what_it_offers_is_asked_more_and_more_seldom(line: Line) -> None:
    pauses = []
    line.plug()
    for _ in range(4):
        line.hear(Kind.OFFER).hear(Kind.NAK, SERVER=OTHER.packed)
        assert line.phase is Phase.REQUESTING
        line.hear(Kind.NAK)
        assert (line.phase, line.sent) == (Phase.SELECTING, ())
        pauses.append(line.client.due - line.at)
        assert line.wait().asked.kind is Kind.DISCOVER
    assert pauses == [1, 2, 4, 8]
    assert lacks(line.client, "wan1", since="") == (
        "the DHCP server on wan1 offers an address and then refuses it"
    )
    line.hear(Kind.OFFER).hear(Kind.ACK)
    assert (line.phase, line.client.refusals) == (Phase.BOUND, 0)


def test_after_a_break_the_lease_is_asked_for_again(line: Line) -> None:
    line.bound()
    assert (line.unplug().phase, line.client.due) == (Phase.UNPLUGGED, 4600.0)
    asked = line.plug().asked
    assert (line.phase, asked.client) == (Phase.REBOOTING, NOBODY)
    assert asked.options[Option.REQUESTED] == IPv4Address("192.0.2.77").packed
    assert Option.SERVER not in asked.options
    line.hear(Kind.ACK)
    assert line.phase is Phase.BOUND
    line.unplug().plug().hear(Kind.NAK, SERVER=OTHER.packed)
    assert (line.phase, line.client.lease) == (Phase.SELECTING, None)


def test_where_nobody_confirms_the_lease_serves_on_and_another_is_sought(line: Line) -> None:
    line.bound().unplug().plug()
    for _ in range(REQUESTS - 1):
        assert line.wait().phase is Phase.REBOOTING
    assert (line.wait().phase, line.asked.kind) == (Phase.SELECTING, Kind.DISCOVER)
    assert line.client.lease is not None
    assert lacks(line.client, "wan1", since="") == ""
    line.hear(Kind.OFFER, "192.0.2.99").hear(Kind.ACK, "192.0.2.99")
    assert str(line.client.lease.address) == "192.0.2.99/24"


def test_an_offer_that_is_not_kept_is_given_up(line: Line) -> None:
    line.plug().hear(Kind.OFFER)
    for _ in range(REQUESTS - 1):
        assert line.wait().phase is Phase.REQUESTING
    assert (line.wait().phase, line.asked.kind) == (Phase.SELECTING, Kind.DISCOVER)


def test_a_lease_ends_behind_a_break_too(line: Line) -> None:
    line.bound().unplug().wait()
    assert (line.phase, line.client.lease, line.client.due) == (Phase.UNPLUGGED, None, inf)
    assert line.take(Due(at=inf)).sent == ()
    assert line.plug().asked.kind is Kind.DISCOVER


def test_nothing_is_sent_before_it_is_due(line: Line) -> None:
    line.plug()
    assert line.take(Due(at=line.at + 0.5)).sent == ()


def test_nonsense_is_remembered_and_the_next_offer_is_taken(line: Line) -> None:
    line.plug().hear(Kind.OFFER, ROUTER=None)
    assert (line.phase, line.sent) == (Phase.SELECTING, ())
    assert lacks(line.client, "wan1", since="") == (
        "the DHCP server on wan1 offers 192.0.2.77/24 without a router"
    )
    line.hear(Kind.OFFER)
    assert line.phase is Phase.REQUESTING
    line.hear(Kind.ACK, ROUTER=None).hear(Kind.ACK, SERVER=OTHER.packed)
    assert (line.phase, line.client.lease) == (Phase.REQUESTING, None)
    assert line.hear(Kind.ACK).phase is Phase.BOUND


def test_nonsense_in_a_renewal_leaves_the_lease_as_it_is(line: Line) -> None:
    line.bound().wait()
    before = line.client.lease
    line.hear(Kind.ACK, LEASE_TIME=None)
    assert (line.phase, line.client.lease) == (Phase.RENEWING, before)


def test_a_lease_that_the_file_cannot_bear_is_not_asked_for(line: Line) -> None:
    line.fault = "10.10.10.7/24, which overlaps"
    line.plug().hear(Kind.OFFER)
    assert (line.phase, line.client.nonsense) == (Phase.SELECTING, line.fault)


@pytest.mark.parametrize("phase", [Phase.BOUND, Phase.UNPLUGGED])
def test_a_lease_that_a_new_file_cannot_bear_is_dropped(line: Line, phase: Phase) -> None:
    line.bound()
    if phase is Phase.UNPLUGGED:
        line.unplug()
    line.client = dropped(line.client, line.at, "overlaps")
    assert (line.client.lease, line.client.nonsense) == (None, "overlaps")
    line.wait()
    assert line.phase is (Phase.SELECTING if phase is Phase.BOUND else phase)


def test_what_is_meant_for_somebody_else_is_not_heard(line: Line) -> None:
    line.plug()
    stray = replace(offer(), xid=line.client.xid + 1)
    assert line.take(Heard(at=line.at, message=stray, station=STATION)).phase is Phase.SELECTING
    stray = replace(offer(), xid=line.client.xid, hardware=bytes(6))
    assert line.take(Heard(at=line.at, message=stray, station=STATION)).phase is Phase.SELECTING
    assert line.hear(Kind.ACK).phase is Phase.SELECTING  # nothing was asked for yet
    assert line.bound().hear(Kind.NAK).phase is Phase.BOUND
    assert line.hear(Kind.OFFER).phase is Phase.BOUND


def test_the_reason_says_what_is_tried_and_since_when(line: Line) -> None:
    line.plug()
    assert lacks(line.client, "wan1", since="20:14:03") == "asking for a DHCP lease on wan1"
    line.wait()
    said = "no DHCP server answers on wan1 since 20:14:03"
    assert lacks(line.client, "wan1", since="20:14:03") == said
