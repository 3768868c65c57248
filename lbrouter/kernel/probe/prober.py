"""`Prober`: probes one family of one uplink, at the interval that the health asks for.

The targets are asked in turn.

The uplink's number and interface come with it, so a probe leaves by the uplink that it tests.
Nothing here raises into the loop: what cannot be sent is reported as ProbeLost.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import cycle
from typing import Final

from lbrouter.compile.health.family_targets import targets_of, uplink_families
from lbrouter.compile.health.full_size import FULL_SIZE_PROBE_INTERVAL_S
from lbrouter.compile.health.state import LineKey
from lbrouter.compile.wire.dns_message import RecordType
from lbrouter.kernel.probe import dns, http, icmp, tcp
from lbrouter.kernel.probe.bound_socket import UplinkBinding, error_text
from lbrouter.kernel.probe.full_size_prober import FullSizeProber
from lbrouter.kernel.probe.icmp_socket import IcmpEchoSocket
from lbrouter.kernel.probe.in_flight import PROBE_LIFETIME_S, InFlightProbe
from lbrouter.kernel.probe.resolver import NameResolver, system_resolvers
from lbrouter.kernel.probe.suspend_detector import SuspendDetector
from lbrouter.model.config import Config
from lbrouter.model.events import HealthEvent, ProbeFailure
from lbrouter.model.kernel_state import AddressFamily, IpAddress, IpNetwork
from lbrouter.model.reserved_ids import MAX_UPLINKS
from lbrouter.model.sections.targets import ProbeTarget, TargetKind

EmitEvent = Callable[[HealthEvent], object]
NextInterval = Callable[[], float]
LineInterval = Callable[[str, AddressFamily], float]
"""Seconds, of a family of an uplink."""

MAX_PROBES_IN_FLIGHT: Final = 150
"""Probes that are out at once on one uplink: bounds descriptors when nothing answers."""


class Prober:
    """Probes of one family of one uplink, from `start` to `close`, in the running loop.

    `emit` gets ProbeSent, ProbeAnswered, ProbeLost and ProcessDelayed; it must neither block nor
    raise. `next_interval_s` gives the seconds until the next probe (default: the configured
    interval); it is called at each probe, and again by `reschedule`. `full_size_interval_s` is the
    same for probes of full size, of which there are none without it. Without a `family` it is the
    first one of the uplink. A probe without an answer is lost after `lifetime_s`.
    """

    def __init__(
        self,
        config: Config,
        uplink: str,
        number: int,
        emit: EmitEvent,
        *,
        family: AddressFamily | None = None,
        next_interval_s: NextInterval | None = None,
        full_size_interval_s: NextInterval | None = None,
        suspend_detector: SuspendDetector | None = None,
        lifetime_s: float = PROBE_LIFETIME_S,
    ) -> None:
        section = config.uplinks[uplink]
        health = config.health_settings_of(section)
        interval_s = health.interval.seconds
        self._uplink, self._emit = uplink, emit
        self._next_interval_s, self._interval_s = next_interval_s, interval_s
        self._full_size_interval_s = full_size_interval_s
        self._suspend_detector = suspend_detector or SuspendDetector(emit)
        self._lifetime_s = lifetime_s
        self._family = family or uplink_families(section)[0]
        six = self._family is AddressFamily.V6
        self._start_offset_s = interval_s * (number + 0.5 * six) / (MAX_UPLINKS + 1)
        targets = targets_of(config, section, self._family).targets
        self._target_cycle: Iterator[ProbeTarget] = cycle(targets)
        self._binding = UplinkBinding(interface=section.device, number=number)
        self._resolver = NameResolver(
            self._binding,
            config.gateway.dns or system_resolvers(),
            RecordType.AAAA if six else RecordType.A,
            not_beyond=_vlan_networks(config),
        )
        self._full_size = FullSizeProber(
            self._binding,
            uplink,
            self._family,
            targets if full_size_interval_s is not None else (),
            emit=emit,
            interval_s=self._full_size_pause_s,
        )
        self._icmp_sockets = {
            4: IcmpEchoSocket(self._binding, icmp.ICMP_V4),
            6: IcmpEchoSocket(self._binding, icmp.ICMP_V6),
        }
        self._in_flight: dict[InFlightProbe, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._next_probe_at = self._last_probe_at = 0.0

    def start(self) -> None:
        """Start; uplinks start at different times, so that their probes do not come in bursts."""
        loop = asyncio.get_running_loop()
        self._suspend_detector.start(self)
        self._next_probe_at = loop.time() + self._start_offset_s
        self._timer = loop.call_at(self._next_probe_at, self._tick)
        self._full_size.start()

    def close(self) -> None:
        """Stop, and drop the probes in flight."""
        self._suspend_detector.stop(self)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for pending in tuple(self._in_flight):
            pending.finish()
        for echo in self._icmp_sockets.values():
            echo.close()
        self._full_size.close()
        self._resolver.close()

    def reschedule(self) -> None:
        """Ask for the interval again: the next probe may be due at once by now."""
        due = self._last_probe_at + self._pause_s()
        if self._timer is not None and due < self._next_probe_at:
            self._timer.cancel()
            self._schedule(due)

    def _tick(self) -> None:
        self._suspend_detector.check()
        self._last_probe_at = self._next_probe_at
        self._schedule(self._next_probe_at + self._pause_s())
        self._probe(next(self._target_cycle))

    def _schedule(self, due: float) -> None:
        """Missed probes are not made up for: that would be a burst."""
        loop = asyncio.get_running_loop()
        self._next_probe_at = max(due, loop.time())
        self._timer = loop.call_at(self._next_probe_at, self._tick)

    def _pause_s(self) -> float:
        """Seconds until the next probe. An uplink that is unknown by now is about to be removed."""
        try:
            return (
                self._next_interval_s() if self._next_interval_s is not None else self._interval_s
            )
        except KeyError:
            return self._interval_s

    def _full_size_pause_s(self) -> float:
        """As `_pause_s`, for probes of full size."""
        try:
            asked = self._full_size_interval_s
            return FULL_SIZE_PROBE_INTERVAL_S if asked is None else asked()
        except KeyError:
            return FULL_SIZE_PROBE_INTERVAL_S

    def _probe(self, target: ProbeTarget) -> None:
        if len(self._in_flight) >= MAX_PROBES_IN_FLIGHT:
            next(iter(self._in_flight)).report_lost(ProbeFailure.NO_ANSWER)
        pending = InFlightProbe(
            uplink=self._uplink,
            target=str(target),
            family=self._family,
            suspend_detector=self._suspend_detector,
            emit=self._emit,
            lifetime_s=self._lifetime_s,
        )
        self._in_flight[pending] = None
        pending.add_cleanup(lambda: self._in_flight.pop(pending, None))
        try:
            self._send(target, pending)
        except OSError as error:
            pending.report_lost(ProbeFailure.NOT_SENT, error_text(error))

    def _send(self, target: ProbeTarget, pending: InFlightProbe) -> None:
        """Raises OSError where the probe cannot even leave."""
        address = target.address or self._resolver.look_up(target.host)
        if address is None:
            pending.report_lost(
                ProbeFailure.NO_ANSWER, f"no resolver knows {target.host} over this line"
            )
            return
        pending.add_cleanup(self._send_to(target, address, pending))

    def _send_to(
        self, target: ProbeTarget, address: IpAddress, pending: InFlightProbe
    ) -> Callable[[], object]:
        """Send it; returns a function that cleans up after it."""
        match target.kind:
            case TargetKind.ICMP:
                return self._icmp_sockets[address.version].send(address, pending)
            case TargetKind.DNS:
                return dns.probe_dns(self._binding, address, target.port, pending)
            case TargetKind.TCP:
                return tcp.probe_tcp(self._binding, address, target.port, pending)
            case TargetKind.HTTP | TargetKind.HTTPS:
                return http.probe_http(self._binding, address, target, pending)


def _vlan_networks(config: Config) -> tuple[IpNetwork, ...]:
    """The networks behind the gateway: no target is there."""
    addresses = (x for vlan in config.vlans.values() for x in (vlan.address, vlan.address6))
    return tuple(each.network for each in addresses if each is not None)


def _probing_settings(config: Config, name: str, family: AddressFamily, number: int) -> object:
    """All that a prober depends on: where it differs, another one takes over."""
    uplink = config.uplinks[name]
    targets = targets_of(config, uplink, family)
    health = config.health_settings_of(uplink)
    return (
        uplink.device,
        health.interval,
        targets,
        config.gateway.dns,
        _vlan_networks(config),
        number,
    )


class Probers:
    """The probers of all uplinks of a configuration; they share one suspend detector."""

    def __init__(self, emit: EmitEvent) -> None:
        self._emit = emit
        self.suspend_detector = SuspendDetector(emit)
        """Its `check` is to be called before an event of another source is reported."""
        self._running: dict[LineKey, tuple[object, Prober]] = {}

    def apply_config(
        self,
        config: Config,
        numbers: Mapping[str, int],
        *,
        next_interval_s: LineInterval,
        full_size_interval_s: LineInterval | None = None,
    ) -> None:
        """Probe the uplinks of `config` from now on; `numbers` as allocated, by name.

        `next_interval_s` gives the seconds until the next probe of a family of an uplink. Where
        nothing changed for a line its prober goes on, with the probes in flight and the first
        `next_interval_s`.
        """
        wanted = {
            (name, family): _probing_settings(config, name, family, numbers[name])
            for name, uplink in config.uplinks.items()
            for family in uplink_families(uplink)
            if targets_of(config, uplink, family).targets
        }
        for key in [each for each, (what, _) in self._running.items() if wanted.get(each) != what]:
            self._running.pop(key)[1].close()
        for key in wanted.keys() - self._running.keys():
            name, family = key
            full_size = full_size_interval_s
            prober = Prober(
                config,
                name,
                numbers[name],
                self._emit,
                family=family,
                next_interval_s=partial(next_interval_s, name, family),
                full_size_interval_s=full_size and partial(full_size, name, family),
                suspend_detector=self.suspend_detector,
            )
            self._running[key] = (wanted[key], prober)
            prober.start()

    def reschedule(self) -> None:
        """Ask for the intervals again: the health was evaluated."""
        for _, prober in self._running.values():
            prober.reschedule()

    def close(self) -> None:
        """Stop all."""
        for _, prober in self._running.values():
            prober.close()
        self._running.clear()
