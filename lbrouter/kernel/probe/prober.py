"""`Prober`: one uplink's probes, at the pace that the brain asks for, the targets in turn.

The uplink's number and interface come with it, so a probe goes out where its answer is judged.
Nothing here raises into the loop: what cannot be sent is told as ProbeLost.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import cycle
from typing import Final

from lbrouter.kernel.probe import dns, http, icmp, tcp
from lbrouter.kernel.probe.bound_socket import Line, words_of
from lbrouter.kernel.probe.dns import RecordType
from lbrouter.kernel.probe.icmp_socket import Echo
from lbrouter.kernel.probe.in_flight import Pending
from lbrouter.kernel.probe.resolver import Names, system_servers
from lbrouter.kernel.probe.suspend_detector import Vigil
from lbrouter.model.config import Config
from lbrouter.model.events import Event, Failure
from lbrouter.model.kernel_state import IpAddress
from lbrouter.model.reserved_ids import MAX_UPLINKS
from lbrouter.model.targets import Target, TargetKind

Emit = Callable[[Event], object]
Pace = Callable[[], float]

MOST_PENDING: Final = 150
"""Probes that are out at once on one uplink: bounds descriptors when nothing answers."""


class Prober:
    """Probes of one uplink, from `start` to `close`, in the running loop.

    `emit` gets ProbeSent, ProbeAnswered, ProbeLost and Late; it must neither block nor raise.
    `pace` says how many seconds pass until the next probe (default: the configured interval);
    it is asked at each probe, and again at `hasten`.
    """

    def __init__(
        self,
        config: Config,
        uplink: str,
        number: int,
        emit: Emit,
        *,
        pace: Pace | None = None,
        vigil: Vigil | None = None,
    ) -> None:
        section = config.uplinks[uplink]
        health = config.health_of(section)
        interval_s = health.interval.seconds
        self._uplink, self._emit = uplink, emit
        self._pace, self._interval_s = pace, interval_s
        self._vigil = vigil or Vigil(emit)
        self._phase_s = interval_s * number / (MAX_UPLINKS + 1)
        self._turn: Iterator[Target] = cycle(health.targets)
        self._line = Line(interface=section.device, number=number)
        kind = RecordType.AAAA if section.address is None else RecordType.A
        self._names = Names(self._line, config.gateway.dns or system_servers(), kind)
        self._echoes = {4: Echo(self._line, icmp.V4), 6: Echo(self._line, icmp.V6)}
        self._pending: dict[Pending, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._due = self._last = 0.0

    def start(self) -> None:
        """Begin; uplinks begin apart, so that their probes do not come in bursts."""
        loop = asyncio.get_running_loop()
        self._vigil.join(self._forgive)
        self._due = loop.time() + self._phase_s
        self._timer = loop.call_at(self._due, self._tick)

    def close(self) -> None:
        """Stop, and forget what is out."""
        self._vigil.leave(self._forgive)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for pending in tuple(self._pending):
            pending.settle()
        for echo in self._echoes.values():
            echo.close()
        self._names.close()

    def hasten(self) -> None:
        """Ask for the pace anew: what was due in an interval may be due at once by now."""
        due = self._last + self._pause_s()
        if self._timer is not None and due < self._due:
            self._timer.cancel()
            self._arm(due)

    def _tick(self) -> None:
        self._vigil.check()
        self._last = self._due
        self._arm(self._due + self._pause_s())
        self._probe(next(self._turn))

    def _arm(self, due: float) -> None:
        """What was missed is not made up for: that would be a burst."""
        loop = asyncio.get_running_loop()
        self._due = max(due, loop.time())
        self._timer = loop.call_at(self._due, self._tick)

    def _pause_s(self) -> float:
        """Seconds until the next probe. An uplink that nobody knows any more is about to end."""
        try:
            return self._pace() if self._pace is not None else self._interval_s
        except KeyError:
            return self._interval_s

    def _probe(self, target: Target) -> None:
        if len(self._pending) >= MOST_PENDING:
            next(iter(self._pending)).failed(Failure.SILENT)
        pending = Pending(
            uplink=self._uplink,
            target=str(target),
            vigil=self._vigil,
            emit=self._emit,
        )
        self._pending[pending] = None
        pending.at_end(lambda: self._pending.pop(pending, None))
        try:
            self._send(target, pending)
        except OSError as error:
            pending.failed(Failure.UNSENT, words_of(error))

    def _send(self, target: Target, pending: Pending) -> None:
        """Raises OSError where the probe cannot even leave."""
        address = target.address or self._names.look_up(target.host)
        if address is None:
            pending.failed(Failure.SILENT, f"no resolver knows {target.host} over this line")
            return
        pending.at_end(self._sent(target, address, pending))

    def _sent(self, target: Target, address: IpAddress, pending: Pending) -> Callable[[], object]:
        """Send it; returns what lets go of it."""
        match target.kind:
            case TargetKind.ICMP:
                return self._echoes[address.version].send(address, pending)
            case TargetKind.DNS:
                return dns.ask(self._line, address, target.port, pending)
            case TargetKind.TCP:
                return tcp.connect(self._line, address, target.port, pending)
            case TargetKind.HTTP | TargetKind.HTTPS:
                return http.fetch(self._line, address, target, pending)

    def _forgive(self) -> None:
        for pending in self._pending:
            pending.forgive()


class Probers:
    """The probers of all uplinks of a configuration; they share one vigil."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self.vigil = Vigil(emit)
        """To `check` before an event of any other source is told."""
        self._running: dict[str, tuple[object, Prober]] = {}

    def follow(
        self, config: Config, numbers: Mapping[str, int], *, pace: Callable[[str], float]
    ) -> None:
        """Probe the uplinks of `config` from now on; `numbers` as allocated, by name.

        `pace` gives the seconds until the next probe of an uplink. Where nothing changed for an
        uplink its probes go on, with those that are out and the first `pace`.
        """
        wanted = {
            name: (uplink, config.health_of(uplink), config.gateway.dns, numbers[name])
            for name, uplink in config.uplinks.items()
        }
        for name in [each for each, (what, _) in self._running.items() if wanted.get(each) != what]:
            self._running.pop(name)[1].close()
        for name in wanted.keys() - self._running.keys():
            prober = Prober(
                config, name, numbers[name], self._emit, pace=partial(pace, name), vigil=self.vigil
            )
            self._running[name] = (wanted[name], prober)
            prober.start()

    def hasten(self) -> None:
        """The brain has learned something: its pace may be another now."""
        for _, prober in self._running.values():
            prober.hasten()

    def close(self) -> None:
        """Stop all."""
        for _, prober in self._running.values():
            prober.close()
        self._running.clear()
