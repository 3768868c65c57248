"""Probes to targets that answer, refuse, stay silent or send wrong answers."""

import asyncio
import socket
from contextlib import suppress

import pytest

from lbrouter.compile.wire.dns_message import (
    RecordType,
    encode_question,
    is_answer,
    parse_dns_addresses,
)
from lbrouter.kernel.probe import Prober
from lbrouter.model.events import ProbeFailure
from tests.contract.probe.probe_network import (
    ALIVE,
    ALIVE6,
    OTHER,
    PROHIBITED,
    SHORT_LIFETIME_S,
    SILENT,
    UNREACHABLE,
    ProbeNetwork,
    Reply,
    config_for,
    custom_echo_responder,
    dns_answer,
    dns_server,
    echo_reply,
    in_probe_network,
    running_prober,
)


@pytest.mark.parametrize("target", [f"icmp://{ALIVE}", f"icmp://[{ALIVE6}]"])
def test_an_echo_is_answered_and_timed(target: str) -> None:
    async def scenario(network: ProbeNetwork) -> None:
        with running_prober(network, target):
            await network.wait_for(lambda: len(network.answers()) >= 5)
        assert not network.losses()
        first = network.answers()[0]
        assert (first.uplink, first.target) == ("fiber", target)
        assert min(each.rtt_s for each in network.answers()) < 0.1
        assert {each.sent_at for each in network.answers()} <= {each.at for each in network.sent()}

    in_probe_network(scenario)


def test_targets_take_turns() -> None:
    targets = (f"icmp://{ALIVE}", f"icmp://{OTHER}", f"tcp://{ALIVE}:9")

    async def scenario(network: ProbeNetwork) -> None:
        with running_prober(network, *targets):
            await network.wait_for(lambda: len(network.sent()) >= 6)
        assert [each.target for each in network.sent()[:6]] == [*targets, *targets]

    in_probe_network(scenario)


def test_an_echo_reply_counts_once_and_only_if_all_of_it_is_ours() -> None:
    def wrong_responder(identifier: int, sequence: int, token: bytes, send: Reply) -> None:
        if sequence % 2:
            send(echo_reply(identifier ^ 1, sequence, token), ALIVE)
            send(echo_reply(identifier, sequence ^ 0x8000, token), ALIVE)
            send(echo_reply(identifier, sequence, bytes(len(token))), ALIVE)
            send(echo_reply(identifier, sequence, token[:4]), ALIVE)
            send(echo_reply(identifier, sequence, token), OTHER)
            send(b"\0\0", ALIVE)
        else:
            send(echo_reply(identifier, sequence, token), ALIVE)
            send(echo_reply(identifier, sequence, token), ALIVE)

    async def scenario(network: ProbeNetwork) -> None:
        with (
            custom_echo_responder(network, wrong_responder),
            running_prober(network, f"icmp://{ALIVE}", lifetime_s=SHORT_LIFETIME_S),
        ):
            await network.wait_for(lambda: len(network.losses()) >= 3)
        times = [each.sent_at for each in network.answers()]
        assert len(times) == len(set(times))
        lost_at = {each.sent_at for each in network.losses()}
        assert not lost_at & set(times)
        # Every other probe was answered correctly.
        ended = [each.at for each in network.sent() if each.at <= max(lost_at)]
        assert abs(len(lost_at) - len(ended) / 2) <= 1
        assert {each.reason for each in network.losses()} == {ProbeFailure.NO_ANSWER}

    in_probe_network(scenario)


def test_a_pace_that_quickens_is_followed_at_once() -> None:
    pace_s = [30.0]

    async def scenario(network: ProbeNetwork) -> None:
        config = config_for(f"icmp://{ALIVE}")
        prober = Prober(
            config, "fiber", 1, network.events.append, next_interval_s=lambda: pace_s[0]
        )
        prober.start()
        try:
            (first,) = await network.wait_for(network.sent)
            prober.reschedule()
            pace_s[0] = 0.02
            prober.reschedule()
            prober.reschedule()
            await network.wait_for(lambda: network.sent()[10:])
            pace_s[0] = 30.0
            assert network.sent()[1].at - first.at < 1, "not after the pace of before"
            count = len(network.sent())
            prober.reschedule()
            assert len(network.sent()) == count, "slower counts from the next probe on"
        finally:
            prober.close()
        prober.reschedule()

    in_probe_network(scenario)


def test_an_echo_reply_may_come_late_but_not_too_late() -> None:
    delays = iter([0.5, 1.5])

    def wrong_responder(identifier: int, sequence: int, token: bytes, send: Reply) -> None:
        with suppress(StopIteration):
            reply = echo_reply(identifier, sequence, token)
            asyncio.get_running_loop().call_later(next(delays), send, reply, ALIVE)

    async def scenario(network: ProbeNetwork) -> None:
        with (
            custom_echo_responder(network, wrong_responder),
            running_prober(network, f"icmp://{ALIVE}", lifetime_s=1.0),
        ):
            await network.wait_for(lambda: network.sent()[5:] and network.losses()[3:])
            answered = network.answers()
        assert [0.45 < each.rtt_s < 1.0 for each in answered] == [True]
        assert network.losses()[0].sent_at == network.sent()[1].at
        assert network.losses()[0].at - network.losses()[0].sent_at == pytest.approx(1, abs=0.4)

    in_probe_network(scenario)


@pytest.mark.parametrize(
    "target, detail",
    [
        (f"icmp://{UNREACHABLE}", "host unreachable"),
        (f"icmp://{PROHIBITED}", "refused by a router"),
        (f"dns://{UNREACHABLE}", "host unreachable"),
        (f"tcp://{UNREACHABLE}:443", "host unreachable"),
        (f"http://{UNREACHABLE}/", "host unreachable"),
    ],
)
def test_what_a_router_says_is_reported_at_once(target: str, detail: str) -> None:
    async def scenario(network: ProbeNetwork) -> None:
        with running_prober(network, target):
            lost = (await network.wait_for(network.losses))[0]
        assert lost.reason is ProbeFailure.UNREACHABLE
        assert lost.at - lost.sent_at < 1
        assert lost.detail == detail

    in_probe_network(scenario)


def test_silence_is_reported_after_three_seconds() -> None:
    urls = ("icmp://{}", "dns://{}", "tcp://{}:443", "http://{}/")
    targets = [url.format(SILENT) for url in urls]

    async def scenario(network: ProbeNetwork) -> None:
        with running_prober(network, *targets):
            lost = await network.wait_for(lambda: network.losses()[3:] and network.losses()[:4])
        assert [(each.target, each.sent_at) for each in lost] == [
            (each.target, each.at) for each in network.sent()[:4]
        ]
        assert {each.reason for each in lost} == {ProbeFailure.NO_ANSWER}
        assert all(2.9 < each.at - each.sent_at < 4 for each in lost)
        assert not network.answers()

    in_probe_network(scenario)


def test_any_answer_to_our_question_counts_and_no_other() -> None:
    turn = iter(range(10**6))

    def answering(query: bytes) -> dict[str, list[bytes]]:
        good = dns_answer(query)
        wrong = int.from_bytes(query[:2], "big") ^ 1
        other = good[:12] + encode_question("example.com", RecordType.NS)
        lies = {ALIVE: [dns_answer(query, identifier=wrong), other, query, good[:9], b""]}
        honest = [{ALIVE: [good, good]}, {ALIVE: [dns_answer(query, code=2)]}]
        return [{OTHER: [good]}, lies, *honest][next(turn) % 4]

    async def scenario(network: ProbeNetwork) -> None:
        prober = running_prober(network, f"dns://{ALIVE}", lifetime_s=SHORT_LIFETIME_S)
        with dns_server(network, answering), prober:
            await network.wait_for(lambda: len(network.losses()) >= 4)
        order = {each.at: number for number, each in enumerate(network.sent())}
        assert {order[each.sent_at] % 4 for each in network.losses()} == {0, 1}
        assert {order[each.sent_at] % 4 for each in network.answers()} == {2, 3}
        assert len({each.sent_at for each in network.answers()}) == len(network.answers())

    in_probe_network(scenario)


def test_a_closed_port_of_a_resolver_is_no_answer() -> None:
    async def scenario(network: ProbeNetwork) -> None:
        with running_prober(network, f"dns://{ALIVE}"):
            lost = (await network.wait_for(network.losses))[0]
        assert lost.reason is ProbeFailure.REFUSED

    in_probe_network(scenario)


def test_a_handshake_and_a_reset_are_both_signs_of_life() -> None:
    async def scenario(network: ProbeNetwork) -> None:
        server = network.far_socket(socket.SOCK_STREAM, ALIVE, 443)
        server.listen()
        with server, running_prober(network, f"tcp://{ALIVE}:443", f"tcp://{OTHER}:443"):
            await network.wait_for(lambda: len({each.target for each in network.answers()}) == 2)
        assert not network.losses()
        assert all(each.rtt_s < 0.5 for each in network.answers())

    in_probe_network(scenario)


def test_a_port_that_a_router_calls_unreachable_is_no_reset() -> None:
    async def scenario(network: ProbeNetwork) -> None:
        network.far_shell(
            "nft 'table inet far { chain input { type filter hook input priority 0;"
            " tcp dport 443 reject with icmpx port-unreachable; }; }'"
        )
        with running_prober(network, f"tcp://{ALIVE}:443"):
            lost = (await network.wait_for(network.losses))[0]
        assert lost.reason in {ProbeFailure.UNREACHABLE, ProbeFailure.REFUSED}
        assert not network.answers()

    in_probe_network(scenario)


def test_records_are_read_and_nonsense_is_not() -> None:
    asked = encode_question("example.com", RecordType.A)
    head = bytes.fromhex("002a 8180 0001 0002 0000 0000")
    alias = bytes.fromhex("c00c 0005 0001 0000003c 0002 c00c")
    record = bytes.fromhex("c00c 0001 0001 0000003c 0004 c6336401")
    message = head + asked + alias + record
    assert is_answer(message, 42, asked)
    assert [str(each) for each in parse_dns_addresses(message, asked, RecordType.A)] == [ALIVE]
    for cut in range(len(message)):
        assert parse_dns_addresses(message[: max(cut, 12)], asked, RecordType.A) == []
