"""Probes before a real world that answers, refuses, stays silent and lies."""

import asyncio
import socket
from contextlib import suppress

import pytest

from lbrouter.kernel.probe import Prober
from lbrouter.kernel.probe.dns import RecordType, encode_question, is_answer, parse_addresses
from lbrouter.model.events import ProbeFailure
from tests.contract.probe.probe_network import (
    ALIVE,
    ALIVE6,
    OTHER,
    PROHIBITED,
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
    async def scene(world: ProbeNetwork) -> None:
        with running_prober(world, target):
            await world.wait_for(lambda: len(world.answers()) >= 5)
        assert not world.losses()
        first = world.answers()[0]
        assert (first.uplink, first.target) == ("fiber", target)
        assert min(each.rtt_s for each in world.answers()) < 0.1
        assert {each.sent_at for each in world.answers()} <= {each.at for each in world.sent()}

    in_probe_network(scene)


def test_targets_take_turns() -> None:
    targets = (f"icmp://{ALIVE}", f"icmp://{OTHER}", f"tcp://{ALIVE}:9")

    async def scene(world: ProbeNetwork) -> None:
        with running_prober(world, *targets):
            await world.wait_for(lambda: len(world.sent()) >= 6)
        assert [each.target for each in world.sent()[:6]] == [*targets, *targets]

    in_probe_network(scene)


def test_an_echo_reply_counts_once_and_only_if_all_of_it_is_ours() -> None:
    def liar(identifier: int, sequence: int, token: bytes, say: Reply) -> None:
        if sequence % 2:
            say(echo_reply(identifier ^ 1, sequence, token), ALIVE)
            say(echo_reply(identifier, sequence ^ 0x8000, token), ALIVE)
            say(echo_reply(identifier, sequence, bytes(len(token))), ALIVE)
            say(echo_reply(identifier, sequence, token[:4]), ALIVE)
            say(echo_reply(identifier, sequence, token), OTHER)
            say(b"\0\0", ALIVE)
        else:
            say(echo_reply(identifier, sequence, token), ALIVE)
            say(echo_reply(identifier, sequence, token), ALIVE)

    async def scene(world: ProbeNetwork) -> None:
        with custom_echo_responder(world, liar), running_prober(world, f"icmp://{ALIVE}"):
            await world.wait_for(lambda: len(world.losses()) >= 3)
        times = [each.sent_at for each in world.answers()]
        assert len(times) == len(set(times))
        lied_to = {each.sent_at for each in world.losses()}
        assert not lied_to & set(times)
        # Every other one was answered honestly.
        ended = [each.at for each in world.sent() if each.at <= max(lied_to)]
        assert abs(len(lied_to) - len(ended) / 2) <= 1
        assert {each.reason for each in world.losses()} == {ProbeFailure.NO_ANSWER}

    in_probe_network(scene)


def test_a_pace_that_quickens_is_followed_at_once() -> None:
    pace_s = [30.0]

    async def scene(world: ProbeNetwork) -> None:
        config = config_for(f"icmp://{ALIVE}")
        prober = Prober(config, "fiber", 1, world.events.append, next_interval_s=lambda: pace_s[0])
        prober.start()
        try:
            (first,) = await world.wait_for(world.sent)
            prober.reschedule()
            pace_s[0] = 0.02
            prober.reschedule()
            prober.reschedule()
            await world.wait_for(lambda: world.sent()[10:])
            pace_s[0] = 30.0
            assert world.sent()[1].at - first.at < 1, "not after the pace of before"
            count = len(world.sent())
            prober.reschedule()
            assert len(world.sent()) == count, "slower counts from the next probe on"
        finally:
            prober.close()
        prober.reschedule()

    in_probe_network(scene)


def test_an_echo_reply_may_come_late_but_not_too_late() -> None:
    delays = iter([1.2, 3.3])

    def liar(identifier: int, sequence: int, token: bytes, say: Reply) -> None:
        with suppress(StopIteration):
            reply = echo_reply(identifier, sequence, token)
            asyncio.get_running_loop().call_later(next(delays), say, reply, ALIVE)

    async def scene(world: ProbeNetwork) -> None:
        with custom_echo_responder(world, liar), running_prober(world, f"icmp://{ALIVE}"):
            await world.wait_for(lambda: world.sent()[5:] and world.losses()[3:])
            answered = world.answers()
        assert [1.15 < each.rtt_s < 2.5 for each in answered] == [True]
        assert world.losses()[0].sent_at == world.sent()[1].at
        assert world.losses()[0].at - world.losses()[0].sent_at == pytest.approx(3, abs=0.5)

    in_probe_network(scene)


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
    async def scene(world: ProbeNetwork) -> None:
        with running_prober(world, target):
            lost = (await world.wait_for(world.losses))[0]
        assert lost.reason is ProbeFailure.UNREACHABLE
        assert lost.at - lost.sent_at < 1
        assert lost.detail == detail

    in_probe_network(scene)


def test_silence_is_reported_after_three_seconds() -> None:
    urls = ("icmp://{}", "dns://{}", "tcp://{}:443", "http://{}/")
    targets = [url.format(SILENT) for url in urls]

    async def scene(world: ProbeNetwork) -> None:
        with running_prober(world, *targets):
            lost = await world.wait_for(lambda: world.losses()[3:] and world.losses()[:4])
        assert [(each.target, each.sent_at) for each in lost] == [
            (each.target, each.at) for each in world.sent()[:4]
        ]
        assert {each.reason for each in lost} == {ProbeFailure.NO_ANSWER}
        assert all(2.9 < each.at - each.sent_at < 4 for each in lost)
        assert not world.answers()

    in_probe_network(scene)


def test_any_answer_to_our_question_counts_and_no_other() -> None:
    turn = iter(range(10**6))

    def answering(query: bytes) -> dict[str, list[bytes]]:
        good = dns_answer(query)
        wrong = int.from_bytes(query[:2], "big") ^ 1
        other = good[:12] + encode_question("example.com", RecordType.NS)
        lies = {ALIVE: [dns_answer(query, identifier=wrong), other, query, good[:9], b""]}
        honest = [{ALIVE: [good, good]}, {ALIVE: [dns_answer(query, code=2)]}]
        return [{OTHER: [good]}, lies, *honest][next(turn) % 4]

    async def scene(world: ProbeNetwork) -> None:
        with dns_server(world, answering), running_prober(world, f"dns://{ALIVE}"):
            await world.wait_for(lambda: len(world.losses()) >= 4)
        order = {each.at: number for number, each in enumerate(world.sent())}
        assert {order[each.sent_at] % 4 for each in world.losses()} == {0, 1}
        assert {order[each.sent_at] % 4 for each in world.answers()} == {2, 3}
        assert len({each.sent_at for each in world.answers()}) == len(world.answers())

    in_probe_network(scene)


def test_a_closed_port_of_a_resolver_is_no_answer() -> None:
    async def scene(world: ProbeNetwork) -> None:
        with running_prober(world, f"dns://{ALIVE}"):
            lost = (await world.wait_for(world.losses))[0]
        assert lost.reason is ProbeFailure.REFUSED

    in_probe_network(scene)


def test_a_handshake_and_a_reset_are_both_signs_of_life() -> None:
    async def scene(world: ProbeNetwork) -> None:
        server = world.far_socket(socket.SOCK_STREAM, ALIVE, 443)
        server.listen()
        with server, running_prober(world, f"tcp://{ALIVE}:443", f"tcp://{OTHER}:443"):
            await world.wait_for(lambda: len({each.target for each in world.answers()}) == 2)
        assert not world.losses()
        assert all(each.rtt_s < 0.5 for each in world.answers())

    in_probe_network(scene)


def test_a_port_that_a_router_calls_unreachable_is_no_reset() -> None:
    async def scene(world: ProbeNetwork) -> None:
        world.far_shell(
            "nft 'table inet far { chain input { type filter hook input priority 0;"
            " tcp dport 443 reject with icmpx port-unreachable; }; }'"
        )
        with running_prober(world, f"tcp://{ALIVE}:443"):
            lost = (await world.wait_for(world.losses))[0]
        assert lost.reason in {ProbeFailure.UNREACHABLE, ProbeFailure.REFUSED}
        assert not world.answers()

    in_probe_network(scene)


def test_records_are_read_and_nonsense_is_not() -> None:
    asked = encode_question("example.com", RecordType.A)
    head = bytes.fromhex("002a 8180 0001 0002 0000 0000")
    alias = bytes.fromhex("c00c 0005 0001 0000003c 0002 c00c")
    record = bytes.fromhex("c00c 0001 0001 0000003c 0004 c6336401")
    message = head + asked + alias + record
    assert is_answer(message, 42, asked)
    assert [str(each) for each in parse_addresses(message, asked, RecordType.A)] == [ALIVE]
    for cut in range(len(message)):
        assert parse_addresses(message[: max(cut, 12)], asked, RecordType.A) == []
