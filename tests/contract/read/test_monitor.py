"""The monitor reports what changes in the kernel: by kind, at once, and it never stops."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from lbrouter.kernel.netns import in_scratch_namespace
from lbrouter.kernel.read.monitor import Monitor, Notice, NoticeKind
from tests.contract.conftest import in_namespace, shell
from tests.kit.wait import LOOP_TIMEOUT_S, becomes_true

T = TypeVar("T")
OWN_TABLE = "inet lbrouter"


class NoticeCollector:
    """Reads a monitor all the time, and keeps its notices."""

    def __init__(self) -> None:
        self.notices: list[Notice] = []
        self.received_at: list[float] = []

    async def collect(self, monitor: Monitor) -> None:
        async for notice in monitor:
            self.notices.append(notice)
            self.received_at.append(time.monotonic())

    async def wait_for(self, what: Callable[[], T]) -> T:
        return await becomes_true(what, lambda: self.notices[-8:])

    def of_kind(self, kind: NoticeKind) -> list[Notice]:
        return [each for each in self.notices if each.kind is kind]

    async def drain(self) -> None:
        """Wait for the notices of all that was done until now, and forget them."""
        shell("ip rule add pref 10099 lookup main; ip rule del pref 10099")
        await self.wait_for(
            lambda: [each for each in self.notices if "10099 deleted" in each.detail]
        )
        self.notices.clear()
        self.received_at.clear()


def run_with_monitor(body: Callable[[NoticeCollector], Awaitable[None]]) -> None:
    """Run `body` in a fresh namespace with two ports and a monitor that has reported them."""

    async def opened() -> None:
        listener = NoticeCollector()
        async with Monitor() as monitor:
            reading = asyncio.get_running_loop().create_task(listener.collect(monitor))
            await listener.drain()
            await body(listener)
        await reading

    in_namespace(lambda: asyncio.run(opened()))


def test_the_first_notices_report_the_links() -> None:
    async def scenario() -> None:
        listener = NoticeCollector()
        shell("ip link set far-port1 down")
        async with Monitor() as monitor:
            reading = asyncio.get_running_loop().create_task(listener.collect(monitor))
            await listener.wait_for(lambda: len(listener.notices) >= 5)
        await reading
        carriers = {each.interface: each.carrier for each in listener.of_kind(NoticeKind.LINK)}
        wanted = {"port0": True, "far-port0": True, "port1": False, "far-port1": False}
        assert carriers == {"lo": True, **wanted}

    in_namespace(lambda: asyncio.run(scenario()))


@pytest.mark.parametrize(
    "command, kind, interface, detail",
    [
        ("ip addr add 10.0.0.1/24 dev port0", NoticeKind.ADDRESS, "port0", "10.0.0.1/24 set"),
        (
            "ip route add 10.1.0.0/16 dev port0 table 7003",
            NoticeKind.ROUTE, "port0", "10.1.0.0/16 in table 7003 set",
        ),
        ("ip route add default dev port0", NoticeKind.ROUTE, "port0", "default in table 254 set"),
        (
            "ip -6 route add 2001:db8::/32 dev port0 proto 76",
            NoticeKind.ROUTE, "port0", "2001:db8::/32 in table 254 set, protocol 76",
        ),
        ("ip -6 rule add pref 10050 lookup main", NoticeKind.RULE, "", "rule 10050 set"),
        ("tc qdisc add dev port0 root handle 4c01: htb", NoticeKind.QDISC, "port0", "htb"),
        (f"nft add table {OWN_TABLE}", NoticeKind.NFT, "", "changed by nft"),
        ("sysctl -qw net.ipv4.conf.port0.rp_filter=1", NoticeKind.SETTING, "port0", ""),
    ],
)  # fmt: skip
def test_a_change_is_reported(command: str, kind: NoticeKind, interface: str, detail: str) -> None:
    async def scenario(listener: NoticeCollector) -> None:
        shell(command)
        await listener.wait_for(
            lambda: [
                each
                for each in listener.of_kind(kind)
                if each.interface == interface and detail in each.detail
            ]
        )

    run_with_monitor(scenario)


@pytest.mark.parametrize(
    "made, undone, kind",
    [
        ("ip addr add 10.0.0.1/24 dev port0", "ip addr del 10.0.0.1/24 dev port0", "address"),
        ("ip route add default dev port0 table 7001", "ip route flush table 7001", "route"),
        ("ip rule add pref 10030 lookup 7001", "ip rule del pref 10030", "rule"),
        ("tc qdisc add dev port0 root handle 4c01: htb", "tc qdisc del dev port0 root", "qdisc"),
        (f"nft add table {OWN_TABLE}", "nft flush ruleset", "nft"),
        (
            f"nft 'table {OWN_TABLE} {{ set a {{ type ipv4_addr; elements = {{ 1.1.1.1 }}; }}; }}'",
            f"nft delete element {OWN_TABLE} a '{{ 1.1.1.1 }}'",
            "nft",
        ),
    ],
)
def test_an_undone_change_is_reported(made: str, undone: str, kind: str) -> None:
    async def scenario(listener: NoticeCollector) -> None:
        shell(made)
        await listener.drain()
        shell(undone)
        await listener.wait_for(lambda: listener.of_kind(NoticeKind(kind)))

    run_with_monitor(scenario)


@pytest.mark.parametrize(
    "command",
    [
        "ip route add 10.1.0.0/16 dev port0",
        "ip route add 10.1.0.0/16 dev port0 table 6999",
        "ip rule add pref 9000 lookup main",
        "nft 'table inet other { set a { type ipv4_addr; }; }'",
        "nft list ruleset; ip route; ip rule; tc qdisc; ip link",
        "ip link set port0 promisc on",
        "true",
    ],
)
def test_what_is_none_of_our_business_is_not_reported(command: str) -> None:
    async def scenario(listener: NoticeCollector) -> None:
        shell(command)
        shell("ip rule add pref 10098 lookup main")
        await listener.wait_for(lambda: listener.of_kind(NoticeKind.RULE))
        # A link that comes up gets its IPv6 address a moment later, whatever the test does.
        notices = [each for each in listener.notices if "fe80:" not in each.detail]
        assert [each.detail.split(",")[0] for each in notices] == ["rule 10098 set"]

    run_with_monitor(scenario)


def test_carrier_is_reported_within_milliseconds() -> None:
    async def scenario(listener: NoticeCollector) -> None:
        delays = []
        for _ in range(10):
            for state in ("down", "up"):
                listener.notices.clear()
                listener.received_at.clear()
                toggle = await asyncio.create_subprocess_shell(f"ip link set far-port0 {state}")
                await listener.wait_for(
                    lambda state=state: last_carrier_is(listener, state == "up")
                )
                ended_at = time.monotonic()
                await toggle.wait()
                delays.append(ended_at - time.monotonic())
        # Reported before the command itself has ended.
        assert sorted(delays)[len(delays) // 2] < 0.005

    run_with_monitor(scenario)


def last_carrier_is(listener: NoticeCollector, wanted: bool) -> bool:  # noqa: FBT001
    notices = [each for each in listener.of_kind(NoticeKind.LINK) if each.interface == "port0"]
    return bool(notices) and notices[-1].carrier is wanted


def test_links_that_come_go_and_are_renamed() -> None:
    async def scenario(listener: NoticeCollector) -> None:
        def last(name: str) -> Notice | None:
            notices = [each for each in listener.of_kind(NoticeKind.LINK) if each.interface == name]
            return notices[-1] if notices else None

        shell("ip link add wan7 type veth peer name far7; ip link set far7 up")
        await listener.wait_for(lambda: last("wan7"))
        shell("ip link set wan7 name wan8; ip link set wan8 up")
        await listener.wait_for(lambda: (seen := last("wan8")) and seen.carrier)
        gone = last("wan7")
        assert gone is not None
        assert not gone.exists
        shell("ip link del wan8")
        await listener.wait_for(lambda: (seen := last("wan8")) and not seen.exists)

    run_with_monitor(scenario)


def test_a_storm_ends_in_resync_and_loses_no_carrier(tmp_path: Path) -> None:
    batch = tmp_path / "routes"
    batch.write_text(
        "".join(
            f"route add 10.{n >> 8}.{n & 255}.0/24 dev port0 table 7001\n" for n in range(20_000)
        )
    )

    async def scenario(listener: NoticeCollector) -> None:
        # All of it while the loop stands still: more than any buffer holds.
        shell(f"ip -batch {batch}")
        shell("ip link set far-port0 down; ip link del port1")
        await listener.wait_for(lambda: listener.of_kind(NoticeKind.RESYNC))
        await listener.wait_for(lambda: last_carrier_is(listener, wanted=False))
        await listener.wait_for(lambda: vanished_interfaces(listener) == {"port1", "far-port1"})
        await listener.drain()
        shell("ip link set far-port0 up")
        await listener.wait_for(lambda: last_carrier_is(listener, wanted=True))

    run_with_monitor(scenario)


def vanished_interfaces(listener: NoticeCollector) -> set[str]:
    return {each.interface for each in listener.of_kind(NoticeKind.LINK) if not each.exists}


def test_a_slow_reader_gets_the_last_notice_and_not_every_notice() -> None:
    async def scenario() -> None:
        async with Monitor() as monitor:
            for _ in range(50):
                shell("ip link set far-port0 down; ip link set far-port0 up")
            shell("ip rule add pref 10098 lookup main")
            await asyncio.sleep(0.2)
            seen: list[Notice] = []
            while not (seen and seen[-1].kind is NoticeKind.RULE):
                seen.append(await asyncio.wait_for(anext(monitor), LOOP_TIMEOUT_S))
            assert len(seen) < 50
            assert [each.carrier for each in seen if each.interface == "port0"][-1]

    in_namespace(lambda: asyncio.run(scenario()))


def test_the_end_of_the_monitor_is_the_end_of_its_notices() -> None:
    async def scenario() -> list[Notice]:
        async with Monitor() as monitor:
            await anext(monitor)
        return [notice async for notice in monitor]

    assert in_scratch_namespace(lambda: asyncio.run(scenario())) == []
