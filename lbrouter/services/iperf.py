"""iperf3 through one uplink: the rate of the line, second by second."""

import asyncio
import json
import shutil
from dataclasses import dataclass
from typing import Any, Final

from lbrouter.model.errors import NotAppliedError, UnavailableError
from lbrouter.model.messages.phrase import phrase

IPERF_PARALLEL_STREAMS: Final = "4"
"""One alone needs a window that long and fast lines seldom get."""

IPERF_BLOCK_BYTES: Final = "8192"
"""From 3.16 on, iperf3 counts whole blocks, of 128 KiB for each stream unless told: at 20 Mbit/s a
fifth of a second."""

IPERF_OMIT_S: Final = 2
MAX_SECOND_S: Final = 1.5
"""At the end of the slow start iperf3 often reports two seconds with the bytes of the last one."""

IPERF_EXTRA_TIMEOUT_S: Final = 15.0
IPERF_PORT: Final = 5201


@dataclass(frozen=True, slots=True, kw_only=True)
class IperfServer:
    """An iperf3 server."""

    host: str
    port: int = IPERF_PORT


async def run(peer: IperfServer, interface: str, *, seconds: int, download: bool) -> list[float]:
    """Bits per second of TCP's payload, for each second. Raises LbrouterError."""
    argv = iperf_argv(peer, interface, seconds=seconds, download=download)
    if shutil.which(argv[0]) is None:
        raise UnavailableError("iperf3 is not installed.", remedy="apt install iperf3, or --url.")
    child = await asyncio.create_subprocess_exec(
        *argv, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        output, _ = await asyncio.wait_for(
            child.communicate(), seconds + IPERF_OMIT_S + IPERF_EXTRA_TIMEOUT_S
        )
    except TimeoutError as error:
        raise NotAppliedError(phrase("iperf3 to {host} does not end.", host=peer.host)) from error
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    return parse_rates(output, peer)


def iperf_argv(peer: IperfServer, interface: str, *, seconds: int, download: bool) -> list[str]:
    """The command line: bound to the device, so that the uplink's own table is asked."""
    argv = ["iperf3", "-J", "-c", peer.host, "-p", str(peer.port), "--bind-dev", interface]
    argv += ["-P", IPERF_PARALLEL_STREAMS, "-O", str(IPERF_OMIT_S), "-t", str(seconds)]
    argv += ["-l", IPERF_BLOCK_BYTES, "--connect-timeout", "5000"]
    return [*argv, "-R"] if download else argv


def parse_rates(output: bytes, peer: IperfServer) -> list[float]:
    """The rates of the seconds in iperf3's report, without the slow start."""
    try:
        found: Any = json.loads(output)
        if "error" in found:
            raise NotAppliedError(
                phrase(
                    "iperf3 to {host} port {port}: {error}.",
                    host=peer.host,
                    port=peer.port,
                    error=found["error"],
                ),
                remedy="On the server: iperf3 -s.",
            )
        sums = [each["sum"] for each in found["intervals"]]
        kept = [
            float(each["bits_per_second"])
            for each in sums
            if not each.get("omitted") and each.get("seconds", 1) < MAX_SECOND_S
        ]
        # The sender counts what it has queued; what arrived is the rate of the line.
        most = found.get("end", {}).get("sum_received", {}).get("bits_per_second", float("inf"))
        kept = [min(each, float(most)) for each in kept]
    except (ValueError, KeyError, TypeError) as error:
        raise NotAppliedError(
            phrase("iperf3 to {host} sent an answer that cannot be read.", host=peer.host)
        ) from error
    if not kept:
        raise NotAppliedError(phrase("iperf3 to {host} measured nothing.", host=peer.host))
    return kept
