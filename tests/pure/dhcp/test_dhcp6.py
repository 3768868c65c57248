"""DHCPv6: messages on the wire, hostile input, and the client from the first lease to its end."""

from dataclasses import replace
from ipaddress import IPv6Address, IPv6Interface
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbrouter.compile.dhcp import dhcp6_client, dhcp6_packet
from lbrouter.compile.dhcp.dhcp6_client import (
    MAX_PAUSE_S,
    MAX_REQUESTS,
    Dhcp6ClientState,
    Dhcp6Phase,
)
from lbrouter.compile.dhcp.dhcp6_message import (
    IA_NA_HEADER,
    IAADDR_HEADER,
    INFINITE_LIFETIME,
    OPTION_HEADER,
    Dhcp6Message,
    Dhcp6MessageType,
    Dhcp6Option,
    Dhcp6Status,
    LentAddress,
    decode_dhcp6,
    encode_dhcp6,
    link_layer_duid,
)
from lbrouter.compile.dhcp.dhcp6_packet import decode_dhcp6_packet, encode_dhcp6_packet
from lbrouter.compile.dhcp.dhcp6_reasons import no_lease6_reason
from lbrouter.compile.health.carrier_only import health_without_daemon, no_nexthop_reason
from lbrouter.compile.routing.uplink_addressing import uplink_nexthop
from lbrouter.model.facts import Facts
from lbrouter.model.kernel_state import AddressFamily
from lbrouter.model.objects.lease6 import UplinkLease6
from tests.kit.builders import TWO_LINES, config_of, desired_of, facts_of
from tests.kit.dhcp_client import MAC

DUID, SERVER, IAID = link_layer_duid(MAC), b"\0\1\0\1server", 7
LENT = IPv6Address("2001:db8:1::100")
LINK_LOCAL = IPv6Address("fe80::1")


def option(number: int, content: bytes) -> bytes:
    return OPTION_HEADER.pack(number, len(content)) + content


def reply_bytes(
    kind: int = Dhcp6MessageType.REPLY,
    *,
    xid: int = 1,
    lifetimes: tuple[int, int] = (100, 200),
    times: tuple[int, int] = (0, 0),
    address: IPv6Address = LENT,
    iaid: int = IAID,
    inner: bytes = b"",
    within: bytes = b"",
    more: bytes = b"",
) -> bytes:
    lent = option(Dhcp6Option.IAADDR, IAADDR_HEADER.pack(address.packed, *lifetimes) + inner)
    return (
        bytes((kind,))
        + xid.to_bytes(3)
        + option(Dhcp6Option.CLIENT_ID, DUID)
        + option(Dhcp6Option.SERVER_ID, SERVER)
        + option(Dhcp6Option.IA_NA, IA_NA_HEADER.pack(iaid, *times) + lent + within)
        + more
    )


def test_a_message_is_read_as_the_server_wrote_it() -> None:
    dns = option(Dhcp6Option.DNS, IPv6Address("2001:db8::53").packed + b"cut")
    found = decode_dhcp6(
        reply_bytes(times=(30, 60), more=dns + option(Dhcp6Option.PREFERENCE, b"\xff")), IAID
    )
    assert found == Dhcp6Message(
        message_type=Dhcp6MessageType.REPLY,
        xid=1,
        client_duid=DUID,
        server_duid=SERVER,
        iaid=IAID,
        t1_s=30,
        t2_s=60,
        addresses=(LentAddress(address=LENT, preferred_s=100, valid_s=200),),
        preference=255,
        dns=(IPv6Address("2001:db8::53"),),
    )


STATUS_2 = option(Dhcp6Option.STATUS_CODE, b"\0\2none left")


@pytest.mark.parametrize(
    "data, addresses, status",
    [
        (reply_bytes(iaid=8), 0, 0),
        (reply_bytes(lifetimes=(200, 100)), 0, 0),
        (reply_bytes(address=IPv6Address("ff02::1")), 0, 0),
        (reply_bytes(address=IPv6Address("fe80::7")), 0, 0),
        (reply_bytes(address=IPv6Address("::ffff:192.0.2.1")), 0, 0),
        (reply_bytes(inner=STATUS_2), 0, 0),
        (reply_bytes(within=STATUS_2), 1, 2),
        (reply_bytes(more=STATUS_2), 1, 2),
        (reply_bytes(more=option(Dhcp6Option.STATUS_CODE, b"\0")), 1, 1),
        (reply_bytes(more=option(Dhcp6Option.STATUS_CODE, b"\0\0")), 1, 0),
        (reply_bytes(more=b"\0\7\0\377"), 1, 0),
        (reply_bytes(within=option(Dhcp6Option.IAADDR, b"short")), 1, 0),
        (reply_bytes()[:-40] + option(Dhcp6Option.IA_NA, b"short"), 0, 0),
    ],
)
def test_what_no_host_can_use_is_left_out(data: bytes, addresses: int, status: int) -> None:
    found = decode_dhcp6(data, IAID)
    assert found is not None
    assert (len(found.addresses), found.status) == (addresses, status)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\7\0",
        reply_bytes(Dhcp6MessageType.SOLICIT),
        bytes((7, 0, 0, 1)) + option(Dhcp6Option.CLIENT_ID, DUID),
        bytes((7, 0, 0, 1)) + option(Dhcp6Option.SERVER_ID, SERVER),
        bytes((7, 0, 0, 1)) + option(1, DUID) + option(2, b"x" * 131),
    ],
)
def test_what_is_no_message_of_a_server_is_ignored(data: bytes) -> None:
    assert decode_dhcp6(data, IAID) is None


@given(noise=st.binary(max_size=300), at=st.integers(0, 120))
def test_no_bytes_make_the_decoder_fail(noise: bytes, at: int) -> None:
    decode_dhcp6(noise, IAID)
    decode_dhcp6(reply_bytes()[:at] + noise, IAID)
    decode_dhcp6_packet(noise)


def test_a_packet_has_the_ports_and_the_checksum_of_rfc_8200() -> None:
    packet = encode_dhcp6_packet(b"message", LINK_LOCAL)
    assert packet[40:44] == bytes.fromhex("02220223")
    pseudo = packet[8:40] + (15).to_bytes(4) + (17).to_bytes(4)
    assert dhcp6_packet.internet_checksum(pseudo + packet[40:]) == 0
    answer = packet[:40] + bytes.fromhex("02230222") + packet[44:]
    assert decode_dhcp6_packet(answer) == b"message"
    assert decode_dhcp6_packet(packet) is None
    assert decode_dhcp6_packet(answer[:-1]) is None
    assert decode_dhcp6_packet(b"\x40" + answer[1:]) is None
    assert decode_dhcp6_packet(answer[:8] + b"\x20" + answer[9:]) is None
    assert decode_dhcp6_packet(answer[:6] + b"\x06" + answer[7:]) is None
    assert decode_dhcp6_packet(answer[:44] + b"\0\7" + answer[46:]) is None


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


CONFIG = config_of(
    TWO_LINES.replace(
        'address6 = "2001:db8:1::2/64"\ngateway6 = "2001:db8:1::1"', 'address6 = "dhcp"'
    )
)
LEASE = UplinkLease6(
    address=IPv6Interface("2001:db8:1::100/128"),
    server_duid="00",
    obtained_at=0.0,
    renew_at=1.0,
    rebind_at=2.0,
    expires_at=3.0,
)


def facts_with(lease: UplinkLease6 | None, router: str = "") -> Facts:
    facts = facts_of(CONFIG)
    gateways = (IPv6Address(router),) if router else ()
    wan = replace(facts.interfaces["wan1"], gateways=gateways)
    leases = {} if lease is None else {"fiber": lease}
    return replace(facts, leases6=leases, interfaces={**facts.interfaces, "wan1": wan})


def test_the_way_out_is_the_lent_address_by_the_router_that_announces_itself() -> None:
    line = CONFIG.uplinks["fiber"]
    way = uplink_nexthop(line, AddressFamily.V6, facts_with(LEASE, "fe80::9"))
    assert way is not None
    assert (way.address, str(way.gateway), way.subnet_is_connected) == (
        LEASE.address,
        "fe80::9",
        False,
    )
    assert uplink_nexthop(line, AddressFamily.V6, facts_with(None, "fe80::9")) is None
    assert uplink_nexthop(line, AddressFamily.V6, facts_with(LEASE)) is None
    named = config_of(
        TWO_LINES.replace('address6 = "2001:db8:1::2/64"\ngateway6 = "2001:db8:1::1"',
                          'address6 = "dhcp"\ngateway6 = "fe80::5"')
    )  # fmt: skip
    way = uplink_nexthop(named.uplinks["fiber"], AddressFamily.V6, facts_with(LEASE))
    assert way is not None
    assert str(way.gateway) == "fe80::5"


def test_what_is_missing_is_told() -> None:
    line = CONFIG.uplinks["fiber"]
    said = [
        str(no_nexthop_reason(line, facts_with(each), AddressFamily.V6)) for each in (None, LEASE)
    ]
    assert said == [
        "no DHCPv6 lease on wan1: the daemon asks for one (lbrouter run)",
        "an address by DHCPv6, but no router announces itself on wan1; set `gateway6`",
    ]
    only = config_of(
        TWO_LINES.replace('address = "203.0.113.2/30"\ngateway = "203.0.113.1"\n', "").replace(
            'address6 = "2001:db8:1::2/64"\ngateway6 = "2001:db8:1::1"', 'address6 = "dhcp"'
        )
    )
    found = health_without_daemon(only, facts_of(only)).uplinks["fiber"]
    assert found.reason.startswith("no DHCPv6 lease on wan1")


def test_advertisements_bring_the_router_and_no_address() -> None:
    values = {setting.path: setting.value for setting in desired_of(CONFIG).sysctls}
    place = "net/ipv6/conf/wan1"
    found = [
        values[f"{place}/{key}"] for key in ("accept_ra", "accept_ra_defrtr", "accept_ra_pinfo")
    ]
    assert found == ["2", "1", "0"]
