"""Interfaces that vanish, a process that is suspended, a flood of answers: the probes go on."""

import asyncio
import os
import resource
import time
from pathlib import Path

import pytest

from lbrouter.kernel.probe import Prober, Probers
from lbrouter.model.events import (
    HealthEvent,
    ProbeAnswered,
    ProbeFailure,
    ProbeSent,
    ProcessDelayed,
)
from tests.contract.conftest import shell
from tests.contract.probe.probe_network import (
    ALIVE,
    ALIVE6,
    NEAR_SETUP_SCRIPT,
    OTHER,
    ROUTE_SETUP_SCRIPT,
    SHORT_LIFETIME_S,
    SILENT,
    ProbeNetwork,
    Reply,
    config_for,
    custom_echo_responder,
    echo_reply,
    in_probe_network,
    running_prober,
)

TARGETS = (f"icmp://{ALIVE}", f"icmp://[{ALIVE6}]", f"tcp://{OTHER}:443", f"dns://{ALIVE}")
INTERFACE_REBUILD_SCRIPT = "\n".join(NEAR_SETUP_SCRIPT.splitlines()[2:7])


def test_an_interface_that_is_pulled_and_plugged_in_again_is_probed_again() -> None:
    async def scenario(network: ProbeNetwork) -> None:
        four, six = [TARGETS[0], TARGETS[2]], TARGETS[1]
        with running_prober(network, *four), running_prober(network, six):
            await network.wait_for(lambda: len({x.target for x in network.answers()}) == 3)
            shell("ip link del wan0")
            lost = await network.wait_for(lambda: unsent_losses(network))
            assert lost[0].detail == "the interface is not there"
            shell(INTERFACE_REBUILD_SCRIPT.format(far=network.far_namespace.name))
            network.far_shell(
                "ip link set far0 up; ip addr add 10.9.0.2/24 dev far0;"
                "ip addr add 2001:db8:9::2/64 dev far0 nodad"
            )
            shell(ROUTE_SETUP_SCRIPT)
            network.events.clear()
            await network.wait_for(
                lambda: {each.target for each in network.answers()} == {*TARGETS[:3]}
            )

    in_probe_network(scenario)


def unsent_losses(network: ProbeNetwork) -> list:  # type: ignore[type-arg]
    return [each for each in network.losses() if each.reason is ProbeFailure.NOT_SENT]


def test_an_interface_that_is_down_and_an_address_that_changes() -> None:
    async def scenario(network: ProbeNetwork) -> None:
        with running_prober(network, *TARGETS[:1], *TARGETS[2:3]):
            await network.wait_for(lambda: len(network.answers()) >= 2)
            shell("ip link set wan0 down")
            await network.wait_for(network.losses)
            shell("ip addr flush dev wan0; ip link set wan0 up; ip addr add 10.9.0.77/24 dev wan0")
            shell(ROUTE_SETUP_SCRIPT.splitlines()[1])
            network.events.clear()
            await network.wait_for(lambda: len({each.target for each in network.answers()}) == 2)

    in_probe_network(scenario)


def test_the_mark_leads_and_not_the_device_alone() -> None:
    async def scenario(network: ProbeNetwork) -> None:
        shell("ip route add default via 10.9.0.2 dev wan0")
        shell("ip route replace unreachable default table 7001")
        with running_prober(network, *TARGETS[::2]):
            await network.wait_for(lambda: len(network.sent()) >= 8)
        assert not network.answers()

    in_probe_network(scenario)


def test_a_delay_of_the_process_is_reported_once_before_all_else() -> None:
    async def scenario(network: ProbeNetwork) -> None:
        silent = f"icmp://{SILENT}"
        prober = running_prober(network, silent, f"icmp://{ALIVE}", lifetime_s=SHORT_LIFETIME_S)
        with prober, running_prober(network, f"icmp://{ALIVE}"):
            await network.wait_for(lambda: len(network.sent()) >= 6)
            overslept_s = block_event_loop(2 * SHORT_LIFETIME_S)
            at = len(network.events)
            await network.wait_for(lambda: network.events[at:])
            assert network.events[at] is network.late()[0]
            assert network.late()[0].delay_s == pytest.approx(overslept_s, abs=0.15)

    in_probe_network(scenario)


def test_an_answer_that_waited_in_the_socket_is_read_first_with_the_time_of_its_arrival() -> None:
    async def scenario(network: ProbeNetwork) -> None:
        def emit(event: HealthEvent) -> None:
            network.events.append(event)
            if isinstance(event, ProbeSent) and len(network.sent()) == 4:
                asyncio.get_running_loop().call_soon(block_event_loop, 0.5)

        prober = Prober(config_for(f"icmp://{ALIVE}"), "fiber", 1, emit)
        prober.start()
        await network.wait_for(network.late)
        await network.wait_for(lambda: len(network.answers()) >= 4)
        prober.close()
        [late], waited = network.late(), network.answers()[3]
        assert waited.sent_at == network.sent()[3].at
        assert waited.arrived_at is not None
        assert waited.arrived_at < late.at - 0.3 < waited.at
        assert waited.rtt_s < 0.1
        read = network.events[network.events.index(late) :]
        assert [type(each) for each in read[:2]] == [ProcessDelayed, ProbeAnswered]

    in_probe_network(scenario)


def block_event_loop(seconds: float) -> float:
    """Block the event loop, as a paused machine does; the time that it took."""
    start = time.monotonic()
    while time.monotonic() - start < seconds:
        os.sched_yield()
    return time.monotonic() - start


def test_a_busy_loop_is_no_jitter_of_the_line() -> None:
    async def scenario(network: ProbeNetwork) -> None:
        def emit(event: HealthEvent) -> None:
            network.events.append(event)
            if isinstance(event, ProbeSent):
                asyncio.get_running_loop().call_soon(block_event_loop, 0.04)

        prober = Prober(config_for(f"icmp://{ALIVE}"), "fiber", 1, emit)
        prober.start()
        await network.wait_for(lambda: len(network.answers()) >= 12)
        prober.close()
        assert sorted(each.rtt_s for each in network.answers())[8] < 0.03

    in_probe_network(scenario)


def test_a_flood_of_answers_keeps_nobody_waiting() -> None:
    def wrong_responder(identifier: int, sequence: int, token: bytes, send: Reply) -> None:
        reply = echo_reply(identifier, sequence, token)
        for _ in range(150):
            send(reply, OTHER)
        send(reply, ALIVE)

    async def scenario(network: ProbeNetwork) -> None:
        with (
            custom_echo_responder(network, wrong_responder),
            running_prober(network, f"icmp://{ALIVE}"),
        ):
            await network.wait_for(lambda: len(network.answers()) >= 5)
        assert len({each.sent_at for each in network.answers()}) == len(network.answers())

    in_probe_network(scenario)


def test_no_descriptor_stays_whatever_happens() -> None:
    async def scenario(network: ProbeNetwork) -> None:
        before = descriptor_count()
        targets = (*TARGETS, f"tcp://{SILENT}:443", f"http://{SILENT}/", f"dns://{SILENT}")
        with running_prober(network, *targets):
            await network.wait_for(lambda: len(network.sent()) >= 30)
        event_count = len(network.events)
        await network.wait_for(lambda: descriptor_count() <= before)
        assert len(network.events) == event_count

    in_probe_network(scenario)


def descriptor_count() -> int:
    return len([*Path("/proc/self/fd").iterdir()])


def test_an_unchanged_uplink_is_probed_on_and_a_changed_one_anew() -> None:
    async def scenario(network: ProbeNetwork) -> None:
        probers = Probers(network.events.append)

        def follow(target: str) -> None:
            probers.apply_config(config_for(target), {"fiber": 1}, next_interval_s=lambda *_: 0.05)

        follow(f"icmp://{ALIVE}")
        await network.wait_for(lambda: len(network.answers()) >= 2)
        kept = len(network.events)
        follow(f"icmp://{ALIVE}")
        await network.wait_for(lambda: len(network.events) > kept + 4)
        follow(f"icmp://{OTHER}")
        changed = len(network.events)
        await network.wait_for(lambda: len(network.events) > changed + 4)
        probers.close()
        assert {sent_target(each) for each in network.events[:changed]} <= {f"icmp://{ALIVE}", None}
        assert {sent_target(each) for each in network.events[changed:]} <= {f"icmp://{OTHER}", None}
        assert not network.losses()

    in_probe_network(scenario)


def sent_target(event: object) -> str | None:
    return event.target if isinstance(event, ProbeSent) else None


@pytest.mark.slow
def test_probing_costs_little() -> None:
    """Four uplinks, five probes a second each; the bound for the daemon is 2 % of a core."""

    async def scenario(network: ProbeNetwork) -> None:
        probers = [running_prober(network, *TARGETS) for _ in range(4)]
        for each in probers:
            each.__enter__()
        used, start = cpu_s(), time.monotonic()
        await asyncio.sleep(0.9)
        share = (cpu_s() - used) / (time.monotonic() - start)
        for each in probers:
            each.__exit__(None, None, None)
        # Here one each 50 ms: four times as many.
        assert share / 4 < 0.02

    in_probe_network(scenario)


def cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
