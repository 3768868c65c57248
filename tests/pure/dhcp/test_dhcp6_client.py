"""The DHCPv6 client, step by step, from the first lease to its end."""

from ipaddress import IPv6Interface
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbrouter.compile.dhcp import dhcp6_client
from lbrouter.compile.dhcp.dhcp6_client import (
    MAX_PAUSE_S,
    MAX_REQUESTS,
    Dhcp6ClientState,
    Dhcp6Phase,
)
from lbrouter.compile.dhcp.dhcp6_message import (
    INFINITE_LIFETIME,
    Dhcp6Message,
    Dhcp6MessageType,
    Dhcp6Option,
    Dhcp6Status,
    decode_dhcp6,
    encode_dhcp6,
)
from lbrouter.compile.dhcp.dhcp6_reasons import no_lease6_reason
from lbrouter.model.objects.lease6 import UplinkLease6
from tests.pure.dhcp.dhcp6_server import DUID, IAID, LENT, SERVER, STATUS_2, option, reply_bytes


class Client:
    """A client, its clock, and the last message that it sent."""

    def __init__(self, lease: UplinkLease6 | None = None) -> None:
        self.at, self.number, self.usable = 1000.0, 0, True
        self.state = Dhcp6ClientState(lease=lease, iaid=IAID)
        self.sent: Dhcp6Message | None = None

    def _take(self, result: dhcp6_client.StepResult6) -> "Client":
        self.state, self.sent = result
        return self

    def xid(self) -> int:
        self.number += 1
        return self.number

    def plug(self) -> "Client":
        return self._take(dhcp6_client.plugged(self.state, self.at, DUID, self.xid()))

    def wait(self, seconds: float | None = None) -> "Client":
        self.at = self.state.next_event_at if seconds is None else self.at + seconds
        return self._take(dhcp6_client.timer_expired(self.state, self.at, self.xid()))

    def receive(self, kind: int, **more: object) -> "Client":
        data = reply_bytes(kind, xid=self.state.xid, **more)  # type: ignore[arg-type]
        message = decode_dhcp6(data, IAID)
        assert message is not None
        xid = self.xid()
        result = dhcp6_client.received(self.state, message, self.at, xid, lambda _: self.usable)
        return self._take(result)

    def bind(self, **more: object) -> "Client":
        self.plug().receive(Dhcp6MessageType.ADVERTISE)
        return self.receive(Dhcp6MessageType.REPLY, **more)

    @property
    def phase(self) -> Dhcp6Phase:
        return self.state.phase

    @property
    def kind(self) -> Dhcp6MessageType | None:
        return None if self.sent is None else self.sent.message_type


def test_a_first_address_takes_four_messages() -> None:
    client = Client().plug()
    assert client.kind is Dhcp6MessageType.SOLICIT
    assert client.sent is not None
    assert encode_dhcp6(client.sent)[0] == 1
    client.receive(Dhcp6MessageType.ADVERTISE)
    assert client.kind is Dhcp6MessageType.REQUEST
    assert (client.sent.server_duid, client.sent.addresses[0].address) == (SERVER, LENT)
    assert encode_dhcp6(client.sent)[0] == 3
    client.receive(Dhcp6MessageType.REPLY)
    assert (client.phase, client.kind) == (Dhcp6Phase.BOUND, None)
    lease = client.state.lease
    assert lease is not None
    assert (lease.address, lease.renew_at, lease.rebind_at, lease.expires_at) == (
        IPv6Interface("2001:db8:1::100/128"),
        1050,
        1080,
        1200,
    )
    assert no_lease6_reason(client.state, "wan1", since="noon") is None


def test_an_address_is_renewed_with_its_server_then_with_any_and_then_given_up() -> None:
    client = Client().bind().wait()
    assert client.kind is Dhcp6MessageType.RENEW
    assert client.sent is not None
    assert client.sent.server_duid == SERVER
    kinds = []
    while client.at < 1200:
        client.wait()
        kinds.append(client.kind)
    rebinding = kinds.index(Dhcp6MessageType.REBIND)
    assert set(kinds[:rebinding]) <= {Dhcp6MessageType.RENEW}
    assert kinds[-1] is Dhcp6MessageType.SOLICIT
    assert client.state.lease is None


def test_a_renewal_that_is_answered_lengthens_the_lease() -> None:
    client = Client().bind().wait().receive(Dhcp6MessageType.REPLY)
    assert client.phase is Dhcp6Phase.BOUND
    assert client.state.lease is not None
    assert client.state.lease.expires_at == client.at + 200


@pytest.mark.parametrize(
    "more",
    [{"more": option(Dhcp6Option.STATUS_CODE, b"\0\3")}, {"lifetimes": (0, 0)}, {"iaid": 8}],
)
def test_an_address_that_the_server_takes_back_is_not_used_any_more(
    more: dict[str, object],
) -> None:
    client = Client().bind().wait().receive(Dhcp6MessageType.REPLY, **more)
    assert (client.state.lease, client.phase) == (None, Dhcp6Phase.SOLICITING)
    assert client.kind is None  # not at once
    assert client.wait().kind is Dhcp6MessageType.SOLICIT


def test_an_address_of_a_vlan_is_refused() -> None:
    client = Client()
    client.usable = False
    client.bind()
    assert client.state.lease is None


def test_without_an_answer_it_asks_more_and_more_seldom_for_ever() -> None:
    client, pauses = Client().plug(), []
    for _ in range(9):
        before = client.at
        assert client.wait().kind is Dhcp6MessageType.SOLICIT
        pauses.append(client.at - before)
    assert pauses == [1, 2, 4, 8, 16, *[MAX_PAUSE_S] * 4]
    assert client.wait(0.5).kind is None
    said = no_lease6_reason(client.state, "wan1", since="12:00:00 UTC")
    assert str(said) == "no DHCPv6 server answers on wan1 since 12:00:00 UTC"


def test_a_server_that_offers_and_then_says_nothing_is_left() -> None:
    client = Client().plug().receive(Dhcp6MessageType.ADVERTISE)
    kinds = [client.wait().kind for _ in range(MAX_REQUESTS)]
    assert kinds == [*[Dhcp6MessageType.REQUEST] * (MAX_REQUESTS - 1), Dhcp6MessageType.SOLICIT]


def test_a_server_without_addresses_is_told() -> None:
    asking = Client().plug()
    assert (
        str(no_lease6_reason(asking.state, "wan1", since="")) == "asking for a DHCPv6 lease on wan1"
    )
    client = Client().plug().receive(Dhcp6MessageType.ADVERTISE, more=STATUS_2)
    assert "has no address for us" in str(no_lease6_reason(client.state, "wan1", since=""))
    client = Client().plug().receive(Dhcp6MessageType.ADVERTISE, lifetimes=(0, 0))
    assert client.state.refusal == Dhcp6Status.NO_ADDRESS
    status = option(Dhcp6Option.STATUS_CODE, b"\0\4")
    client = Client().plug().receive(Dhcp6MessageType.ADVERTISE, more=status)
    said = str(no_lease6_reason(client.state, "wan1", since=""))
    assert said == "the DHCPv6 server on wan1 refuses (status 4)"


def test_messages_of_another_exchange_change_nothing() -> None:
    client = Client().plug()
    before = client.state
    client.receive(Dhcp6MessageType.REPLY)
    assert client.state == before
    other = decode_dhcp6(reply_bytes(Dhcp6MessageType.ADVERTISE, xid=77), IAID)
    assert other is not None
    after, sent = dhcp6_client.received(before, other, client.at, 9, lambda _: True)
    assert (after, sent) == (before, None)
    bound = Client().bind()
    held = bound.state
    assert bound.receive(Dhcp6MessageType.ADVERTISE).state == held


def test_a_lease_is_confirmed_after_the_carrier_was_lost_and_ends_without_it() -> None:
    client = Client().bind()
    client.state = dhcp6_client.unplugged(client.state, client.at)
    assert client.state.next_event_at == 1200
    assert client.wait(10).kind is None
    assert client.plug().kind is Dhcp6MessageType.REBIND
    client.state = dhcp6_client.unplugged(client.state, client.at)
    assert client.wait().state.lease is None
    assert client.state.next_event_at == inf
    assert client.plug().kind is Dhcp6MessageType.SOLICIT


def test_an_infinite_lease_is_never_renewed() -> None:
    client = Client().bind(lifetimes=(INFINITE_LIFETIME, INFINITE_LIFETIME))
    assert client.state.next_event_at == inf
    short = Client().bind(lifetimes=(0, 5))
    assert short.state.lease is not None
    assert short.state.lease.expires_at == 1010


@given(
    events=st.lists(
        st.one_of(
            st.floats(0.0, 400.0),
            st.sampled_from([Dhcp6MessageType.ADVERTISE, Dhcp6MessageType.REPLY]),
            st.sampled_from(["plug", "unplug", "refuse"]),
        ),
        max_size=40,
    )
)
def test_under_any_sequence_an_address_is_used_until_its_end_and_not_longer(
    events: list[object],
) -> None:
    client = Client()
    for event in events:
        if isinstance(event, float):
            client.wait(event)
        elif event == "plug":
            client.plug()
        elif event == "unplug":
            client.state = dhcp6_client.unplugged(client.state, client.at)
        elif event == "refuse":
            client.receive(Dhcp6MessageType.REPLY, more=STATUS_2)
        else:
            assert isinstance(event, Dhcp6MessageType)
            client.receive(event)
        lease = client.state.lease
        assert lease is None or client.at < lease.expires_at
        assert client.state.next_event_at > client.at or client.phase is Dhcp6Phase.BOUND
