"""`lbrouter measure`: what a line really carries, and what to write into the file."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from lbrouter.cli import context
from lbrouter.cli.commands.status import rate
from lbrouter.cli.output.render import document, note, say
from lbrouter.cli.settings import Settings
from lbrouter.compile.shaping.measure_proposal import (
    Latency,
    LineMeasured,
    Samples,
    WayMeasured,
    latency,
    snippet,
    way,
)
from lbrouter.compile.state.allocate import allocate
from lbrouter.compile.state.desired import scope_of
from lbrouter.kernel import http_transfer
from lbrouter.kernel.backend import LinuxKernel
from lbrouter.kernel.probe import Prober
from lbrouter.kernel.probe.bound_socket import Line
from lbrouter.kernel.read.counters import measure as traffic_of
from lbrouter.kernel.storage.store import Store
from lbrouter.model.config import Config, Uplink
from lbrouter.model.errors import Exit, NotAppliedError, UsageError
from lbrouter.model.events import Event, ProbeAnswered
from lbrouter.model.kernel_state import KernelState
from lbrouter.services import iperf

IDLE_S: Final = 2.0
PROBE_EVERY_S: Final = 0.1
IN_USE_BPS: Final = 1_000_000
"""More than this goes over a line that somebody needs."""

BUSY: Final = "Uplink {} is in use ({} up, {} down): a measurement fills it for {} s each way."

Transfer = Callable[[bool], Awaitable[list[float]]]
"""Whether it is a download; what came of it, second by second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The arguments of the verb, as they were typed."""

    uplink: str
    server: str
    url: str
    seconds: int
    yes: bool


async def measure(settings: Settings, wanted: Wanted) -> int:
    """Print what was measured and what the file should say; JSON: `proposal.LineMeasured`."""
    config = context.load(settings).config
    uplink = config.uplinks.get(wanted.uplink)
    if uplink is None:
        there = f"There is: {', '.join(config.uplinks)}."
        raise UsageError(f"There is no uplink {wanted.uplink!r}.", remedy=there)
    numbers = allocate(config, Store(settings.state_dir).allocation()).uplinks
    line = Line(interface=uplink.interface, number=numbers[uplink.name])
    transfer_by = _transfer(wanted, line)
    if not wanted.yes:
        await _refuse_in_use(uplink, wanted.seconds)
    found = await _measured(config, uplink, line, transfer_by)
    if settings.json:
        document(found)
    else:
        _tell(found)
    return Exit.DONE


def _transfer(wanted: Wanted, line: Line) -> Transfer:
    """By iperf3 or by HTTP. Raises UsageError."""
    if bool(wanted.server) == bool(wanted.url):
        raise UsageError("Against what? Either --server HOST[:PORT] or --url URL.")
    if wanted.url:
        url = http_transfer.page(wanted.url)
        return lambda download: asyncio.to_thread(
            http_transfer.run, url, line, seconds=wanted.seconds, download=download
        )
    host, _, port = wanted.server.partition(":")
    if not host or (port and not port.isdecimal()):
        raise UsageError(f'"{wanted.server}" is no server.', remedy="HOST, or HOST:PORT.")
    peer = iperf.Peer(host=host, port=int(port or iperf.PORT))
    return lambda download: iperf.run(
        peer, line.interface, seconds=wanted.seconds, download=download
    )


async def _refuse_in_use(uplink: Uplink, seconds: int) -> None:
    found = (await traffic_of([uplink.interface])).traffic.get(uplink.interface)
    if found is not None and max(found.sent_bps, found.received_bps) > IN_USE_BPS:
        rates = rate(found.sent_bps), rate(found.received_bps)
        raise NotAppliedError(
            BUSY.format(uplink.name, *rates, seconds),
            remedy="Wait for a quiet moment, or say --yes.",
        )


async def _measured(
    config: Config, uplink: Uplink, line: Line, transfer_by: Transfer
) -> LineMeasured:
    rtts: list[float] = []

    def emit(event: Event) -> None:
        if isinstance(event, ProbeAnswered):
            rtts.append(event.rtt_s)

    def taken() -> list[float]:
        found = [*rtts]
        rtts.clear()
        return found

    prober = Prober(config, uplink.name, line.number, emit, pace=lambda: PROBE_EVERY_S)
    prober.start()
    try:
        await asyncio.sleep(IDLE_S)
        idle = latency(taken())
        samples = {}
        for direction in ("download", "upload"):
            goodput = await _tried(transfer_by, direction)
            samples[direction] = Samples(goodput_bps=goodput, rtts_s=taken())
    finally:
        prober.close()
    if not any(each.goodput_bps for each in samples.values()):
        raise NotAppliedError("Nothing was measured.")
    shaped = await _shaped(config)
    limit = int(uplink.upload) if shaped and uplink.upload is not None else None
    ways = {
        "upload": way(samples["upload"], limit=limit),
        "download": way(samples["download"], limit=None),
    }
    return {
        "uplink": uplink.name,
        "idle": idle,
        "upload": ways["upload"],
        "download": ways["download"],
        "snippet": snippet(uplink.name, ways),
    }


async def _tried(transfer_by: Transfer, direction: str) -> list[float]:
    """One direction; where that fails it is said, and the other one still counts."""
    try:
        return await transfer_by(direction == "download")
    except NotAppliedError as error:
        note(f"warning: no {direction}: {error}")
        return []


async def _shaped(config: Config) -> bool:
    """Whether anything of ours stands in the kernel: then the file's rate holds the upload."""
    async with LinuxKernel() as kernel:
        observed = await kernel.observe(scope_of(config, KernelState()))
    return bool(observed.classes)


def _tell(found: LineMeasured) -> None:
    say(f"uplink {found['uplink']}, at rest: {_latency(found['idle'])}")
    for direction, each in (("upload", found["upload"]), ("download", found["download"])):
        if each is not None:
            say(_way(direction, each))
    say(f"\nfor the file (the line in Ethernet frames; headroom is left by shaping):\n\n"
        f"{found['snippet']}")  # fmt: skip
    if found["upload"] is not None and found["upload"]["shaped"]:
        note(
            "warning: the upload was measured through the shaping that is in force; to see more,"
            " raise `upload` in the file, apply, and measure again"
        )


def _way(direction: str, each: WayMeasured) -> str:
    return (
        f"{direction}: {rate(each['line_bps'])} ({rate(each['goodput_bps'])} of TCP payload),"
        f" under load: {_latency(each['loaded'])}"
    )


def _latency(found: Latency) -> str:
    if found["median_ms"] is None:
        return "no probe was answered"
    return f"round trip {found['median_ms']} ms, p95 {found['p95_ms']} ms"
