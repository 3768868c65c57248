"""`lbrouter measure`: what a line really carries, and what to write into the file.

Its JSON is an `UplinkMeasurement`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Final

import typer

from lbrouter.cli.context import load_config_file
from lbrouter.cli.name_completion import names_of
from lbrouter.cli.output.render import print_damage, print_diagnostics, print_json, print_line
from lbrouter.cli.settings import CommandSettings, JsonOption, settings_of
from lbrouter.compile.diagnosis.precheck_facts import LineMeasurement
from lbrouter.compile.shaping.measure_proposal import (
    DirectionSamples,
    LatencyDocument,
    UplinkMeasurement,
    config_snippet,
    direction_measurement,
    latency_summary,
)
from lbrouter.compile.state.allocate import allocate
from lbrouter.compile.state.desired import observation_scope
from lbrouter.daemon.check_results import CheckResultStore
from lbrouter.daemon.events.timestamp import utc_timestamp
from lbrouter.kernel import http_transfer
from lbrouter.kernel.backend import LinuxKernel
from lbrouter.kernel.probe import Prober
from lbrouter.kernel.probe.bound_socket import UplinkBinding
from lbrouter.kernel.read.counters import measure_traffic as traffic_of
from lbrouter.kernel.storage.store import StateStore
from lbrouter.model.config import Config, Uplink
from lbrouter.model.errors import ExitCode, NotAppliedError, UsageError
from lbrouter.model.events import HealthEvent, ProbeAnswered
from lbrouter.model.kernel_state import KernelState
from lbrouter.model.messages.figures import format_rate
from lbrouter.model.messages.phrase import Phrase, phrase
from lbrouter.services import iperf

IDLE_LATENCY_SAMPLE_S: Final = 2.0
MEASURE_PROBE_INTERVAL_S: Final = 0.1
UPLINK_IN_USE_BPS: Final = 1_000_000
"""More than this goes over a line that is in use."""

TransferFunction = Callable[[bool], Awaitable[list[float]]]
"""Whether it is a download; what came of it, second by second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureArguments:
    """The arguments of the verb, as they were typed."""

    uplink: str
    server: str
    url: str
    seconds: int
    yes: bool


def measure(
    context: typer.Context,
    uplink: Annotated[
        str,
        typer.Argument(
            metavar="UPLINK", help="An uplink of the file.", autocompletion=names_of("uplinks")
        ),
    ],
    *,
    server: Annotated[
        str, typer.Option(metavar="HOST[:PORT]", help="An iperf3 server (iperf3 -s).")
    ] = "",
    url: Annotated[
        str, typer.Option(metavar="URL", help="A page instead: GET for download, POST for upload.")
    ] = "",
    seconds: Annotated[
        int, typer.Option(metavar="N", min=3, max=60, help="How long to measure each direction.")
    ] = 10,
    yes: Annotated[
        bool, typer.Option("--yes", help="Measure although the line is in use.")
    ] = False,
    json: JsonOption = False,
) -> int:
    """Measure a line under full load, and propose its rates for the file."""
    settings = settings_of(context, json=json)
    arguments = MeasureArguments(uplink=uplink, server=server, url=url, seconds=seconds, yes=yes)
    measured = asyncio.run(_measure(settings, arguments))
    store = CheckResultStore(settings.state_dir, print_damage)
    store.save_measurement(uplink, _line_measurement(measured))
    if settings.json:
        print_json(measured)
    else:
        _print_measurement(measured)
    return ExitCode.DONE


async def _measure(settings: CommandSettings, arguments: MeasureArguments) -> UplinkMeasurement:
    config = load_config_file(settings).config
    uplink = config.uplinks.get(arguments.uplink)
    if uplink is None:
        there = phrase("Choose one of: {names}.", names=", ".join(config.uplinks))
        said = phrase("There is no uplink {name}.", name=repr(arguments.uplink))
        raise UsageError(said, remedy=there)
    store = StateStore(settings.state_dir, print_damage)
    numbers = allocate(config, store.load_allocation()).uplinks
    line = UplinkBinding(interface=uplink.interface, number=numbers[uplink.name])
    transfer_by = _transfer_function(arguments, line)
    if not arguments.yes:
        traffic = (await traffic_of([uplink.interface])).traffic.get(uplink.interface)
        if traffic is not None and max(traffic.sent_bps, traffic.received_bps) > UPLINK_IN_USE_BPS:
            raise NotAppliedError(
                phrase(
                    "Uplink {uplink} is in use ({up} up, {down} down): a measurement fills it for"
                    " {seconds} s in each direction.",
                    uplink=uplink.name,
                    up=format_rate(traffic.sent_bps),
                    down=format_rate(traffic.received_bps),
                    seconds=arguments.seconds,
                ),
                remedy="Wait until the line is idle, or add --yes.",
            )
    return await _measure_uplink(config, uplink, line, transfer_by)


def _transfer_function(arguments: MeasureArguments, line: UplinkBinding) -> TransferFunction:
    """By iperf3 or by HTTP. Raises UsageError."""
    if bool(arguments.server) == bool(arguments.url):
        raise UsageError("Give either --server HOST[:PORT] or --url URL.")
    if arguments.url:
        url = http_transfer.parse_url(arguments.url)
        return lambda download: asyncio.to_thread(
            http_transfer.measure_rates, url, line, seconds=arguments.seconds, download=download
        )
    host, _, port = arguments.server.partition(":")
    if not host or (port and not port.isdecimal()):
        raise UsageError(
            phrase('"{server}" is not a server.', server=arguments.server),
            remedy="Write HOST or HOST:PORT.",
        )
    peer = iperf.IperfServer(host=host, port=int(port or iperf.IPERF_PORT))
    return lambda download: iperf.run(
        peer, line.interface, seconds=arguments.seconds, download=download
    )


async def _measure_uplink(
    config: Config, uplink: Uplink, line: UplinkBinding, transfer_by: TransferFunction
) -> UplinkMeasurement:
    idle_rtts, samples = await _sample_uplink(config, uplink, line, transfer_by)
    if not any(sampled.goodput_bps for sampled in samples.values()):
        raise NotAppliedError("Nothing was measured.")
    # Where anything of ours stands in the kernel, the file's rate holds the upload.
    async with LinuxKernel() as kernel:
        observed = await kernel.observe(observation_scope(config, KernelState()))
    shaped = bool(observed.classes)
    limit = int(uplink.upload) if shaped and uplink.upload is not None else None
    ways = {
        "upload": direction_measurement(samples["upload"], limit=limit),
        "download": direction_measurement(samples["download"], limit=None),
    }
    return {
        "uplink": uplink.name,
        "idle": latency_summary(idle_rtts),
        "upload": ways["upload"],
        "download": ways["download"],
        "snippet": config_snippet(uplink.name, ways),
    }


async def _sample_uplink(
    config: Config, uplink: Uplink, line: UplinkBinding, transfer_by: TransferFunction
) -> tuple[list[float], dict[str, DirectionSamples]]:
    """Round trips at rest, then what came of each direction with the round trips meanwhile."""
    rtts: list[float] = []

    def emit(event: HealthEvent) -> None:
        if isinstance(event, ProbeAnswered):
            rtts.append(event.rtt_s)

    def taken() -> list[float]:
        sample = [*rtts]
        rtts.clear()
        return sample

    prober = Prober(
        config, uplink.name, line.number, emit, next_interval_s=lambda: MEASURE_PROBE_INTERVAL_S
    )
    prober.start()
    try:
        await asyncio.sleep(IDLE_LATENCY_SAMPLE_S)
        idle_rtts, samples = taken(), {}
        for direction in ("download", "upload"):
            goodput = await _try_transfer(transfer_by, direction)
            samples[direction] = DirectionSamples(goodput_bps=goodput, rtts_s=taken())
    finally:
        prober.close()
    return idle_rtts, samples


async def _try_transfer(transfer_by: TransferFunction, direction: str) -> list[float]:
    """One direction; where that fails it is said, and the other one still counts."""
    try:
        return await transfer_by(direction == "download")
    except NotAppliedError as error:
        said = phrase(
            "{direction} was not measured: {error}", direction=direction, error=str(error)
        )
        print_diagnostics("warning", (said,))
        return []


def _line_measurement(measured: UplinkMeasurement) -> LineMeasurement:
    """For `precheck`. A direction that our own shaping limited carries what the file says."""
    ways = (measured["upload"], measured["download"])
    rates = [None if way is None or way["shaped"] else way["line_bps"] for way in ways]
    return LineMeasurement(
        at=utc_timestamp(precision="seconds"), upload_bps=rates[0], download_bps=rates[1]
    )


def _print_measurement(measured: UplinkMeasurement) -> None:
    idle = _latency_text(measured["idle"])
    print_line(phrase("uplink {uplink}, idle: {latency}", uplink=measured["uplink"], latency=idle))
    for direction, result in (("upload", measured["upload"]), ("download", measured["download"])):
        if result is not None:
            print_line(
                phrase(
                    "{direction}: {rate} ({goodput} of TCP payload), under load: {latency}",
                    direction=direction,
                    rate=format_rate(result["line_bps"]),
                    goodput=format_rate(result["goodput_bps"]),
                    latency=_latency_text(result["loaded"]),
                )
            )
    print_line(
        phrase(
            "\nfor the file (rates of Ethernet frames; shaping leaves the headroom free):\n\n"
            "{snippet}",
            snippet=measured["snippet"],
        )
    )
    if measured["upload"] is not None and measured["upload"]["shaped"]:
        said = (
            "shaping limited the upload while it was measured; to measure more, raise `upload` in"
            " the file, apply, and measure again"
        )
        print_diagnostics("warning", (said,))


def _latency_text(latency: LatencyDocument) -> Phrase:
    if latency["median_ms"] is None:
        return phrase("no probe was answered")
    known = {"median": latency["median_ms"], "p95": latency["p95_ms"]}
    return phrase("round trip {median} ms, p95 {p95} ms", **known)
