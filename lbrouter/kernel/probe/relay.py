"""What a relay's machine answers beside WireGuard, which is silent to whom it does not know.

Two questions over one line: an echo request, and a datagram to a UDP port that is closed. A machine
that runs the generated firewall (and any other without one) says that the port is closed: so UDP
passes on the way there.
"""

import asyncio
import socket
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final

from lbrouter.kernel.probe import icmp
from lbrouter.kernel.probe.bound_socket import (
    UplinkBinding,
    enable_error_reports,
    open_socket,
)
from lbrouter.kernel.probe.icmp_socket import IcmpEchoSocket
from lbrouter.kernel.probe.in_flight import InFlightProbe
from lbrouter.kernel.probe.suspend_detector import SuspendDetector
from lbrouter.model.events import HealthEvent, ProbeAnswered

ANSWER_TIMEOUT_S: Final = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayAnswers:
    """Whether the machine answers an echo request, and whether UDP reaches it."""

    echo: bool = False
    udp: bool = False


async def ask_relay(binding: UplinkBinding, address: IPv4Address, closed_port: int) -> RelayAnswers:
    """What the relay's machine answers over one line, within `ANSWER_TIMEOUT_S`."""
    echo, udp = await asyncio.gather(
        _answers_echo(binding, address), _refuses_datagram(binding, address, closed_port)
    )
    return RelayAnswers(echo=echo, udp=udp)


async def _answers_echo(binding: UplinkBinding, address: IPv4Address) -> bool:
    answered = asyncio.Event()

    def on_event(event: HealthEvent) -> None:
        if isinstance(event, ProbeAnswered):
            answered.set()

    echo = IcmpEchoSocket(binding, icmp.ICMP_V4)
    pending = InFlightProbe(
        uplink=binding.interface,
        target=str(address),
        suspend_detector=SuspendDetector(on_event),
        emit=on_event,
    )
    with suppress(OSError, TimeoutError):
        echo.send(address, pending)
        await asyncio.wait_for(answered.wait(), ANSWER_TIMEOUT_S)
    pending.finish()
    echo.close()
    return answered.is_set()


async def _refuses_datagram(binding: UplinkBinding, address: IPv4Address, port: int) -> bool:
    """Whether "port unreachable" comes back: the kernel says it as a refused connection."""
    try:
        with open_socket(binding, socket.AF_INET, socket.SOCK_DGRAM) as opened:
            enable_error_reports(opened)
            opened.connect((str(address), port))
            opened.send(b"\0")
            loop = asyncio.get_running_loop()
            await asyncio.wait_for(loop.sock_recv(opened, 1), ANSWER_TIMEOUT_S)
    except ConnectionRefusedError:
        return True
    except (OSError, TimeoutError):
        return False
    return True
