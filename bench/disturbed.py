"""Failover beside what hangs: calm, then with dnsmasq, a webhook, and devices by the hundred.

The four are measured in turn, so that the load of the machine is the same for all.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bench.attempts import RETRIABLE_ERRORS
from bench.failing.lines import FAULT_CONFIG, running_gateway, wait_until
from bench.failing.moves import start_program, stop_and_read
from bench.figures import Figure, p95, timing_row
from bench.options import BenchOptions
from lbrouter.compile.config.parse import parse
from lbrouter.rehearsal.lab.layout import ECHO_SERVER_PORT
from lbrouter.rehearsal.lab.process import LabProcess
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.slow_neighbours import (
    HangingDnsmasq,
    add_devices_script,
    start_mute_server,
    with_names,
    with_webhook,
)

MIN_DEVICES = 20
"""So many are there when the cable is pulled: the rest is still to come."""


@dataclass(slots=True, kw_only=True)
class Disturbance:
    """What runs beside the daemon; `begin` returns when it hangs."""

    name: str
    config: str = FAULT_CONFIG
    prepare: Callable[["Disturbance", Venue], Sequence[str]] = lambda _self, _venue: ()
    begin: Callable[["Disturbance", Venue, GatewayDaemon], None] = lambda _self, _venue, _daemon: (
        None
    )
    dnsmasq: HangingDnsmasq | None = None
    jobs: tuple[LabProcess, ...] = ()


def _prepare_dnsmasq(self: Disturbance, venue: Venue) -> Sequence[str]:
    self.dnsmasq = HangingDnsmasq(venue.gateway.config_path.parent)
    return self.dnsmasq.wrapper


def _hang_dnsmasq(self: Disturbance, venue: Venue, _daemon: GatewayDaemon) -> None:
    dnsmasq, pid_file = self.dnsmasq, venue.gateway.runtime_dir / "dnsmasq.pid"
    assert dnsmasq is not None
    wait_until(pid_file.exists, "dnsmasq does not run")
    dnsmasq.hang()
    os.kill(int(pid_file.read_text(encoding="ascii")), signal.SIGKILL)
    wait_until(dnsmasq.is_hanging, "dnsmasq was not started again")


def _prepare_webhook(self: Disturbance, venue: Venue) -> Sequence[str]:
    """The venue's own file has no alerts: a rehearsal tells no one."""
    server = _server_address(venue)
    self.jobs = (start_mute_server(venue.internet, server),)
    text = with_webhook(venue.gateway.config_path.read_text(encoding="utf-8"), server)
    venue.write_config(parse(text.encode(), source="bench").config)
    return ()


def _hang_webhook(self: Disturbance, venue: Venue, daemon: GatewayDaemon) -> None:
    venue.isp("lte").set_carrier(up=False)
    wait_until(lambda: daemon.state("lte") == "down", "the other line is not down")
    venue.isp("lte").set_carrier(up=True)
    wait_until(lambda: bool(self.jobs[0].ask("count")), "no alert is on its way")


def _add_devices(self: Disturbance, venue: Venue, daemon: GatewayDaemon) -> None:
    self.jobs = (venue.gateway.start(["sh", "-c", add_devices_script()]),)
    wait_until(lambda: _device_count(daemon) >= MIN_DEVICES, "no devices appear")


def _device_count(daemon: GatewayDaemon) -> int:
    lines = Path(daemon.proc_dir / "net/dev").read_text(encoding="ascii").splitlines()
    return sum(1 for line in lines if line.lstrip().startswith("many"))


def _server_address(venue: Venue) -> str:
    return str(venue.client("stream").server_addresses[0])


def disturbances() -> list[Disturbance]:
    """Calm first: the others are compared with it."""
    return [
        Disturbance(name="calm"),
        Disturbance(
            name="dnsmasq hangs at its start",
            config=with_names(FAULT_CONFIG),
            prepare=_prepare_dnsmasq,
            begin=_hang_dnsmasq,
        ),
        Disturbance(
            name="webhook hangs",
            prepare=_prepare_webhook,
            begin=_hang_webhook,
        ),
        Disturbance(name="300 devices appear", begin=_add_devices),
    ]


def run_once(each: Disturbance) -> float:
    """Pull the cable; milliseconds to the first new flow by the other line."""
    with running_gateway(each.config, prepare=lambda venue: each.prepare(each, venue)) as (
        venue,
        daemon,
        _,
    ):
        wait_until(
            lambda: {daemon.state("fiber"), daemon.state("lte")} == {"up"}, "the lines are not up"
        )
        each.begin(each, venue, daemon)
        wait_until(
            lambda: {daemon.state("fiber"), daemon.state("lte")} == {"up"}, "the lines are not up"
        )
        try:
            return _pull_cable(venue)
        finally:
            _release(each)


def _pull_cable(venue: Venue) -> float:
    """The moment of the fault is when the kernel has taken it: others hold its locks as well."""
    client = venue.client("stream")
    request = {
        "to": _server_address(venue),
        "port": ECHO_SERVER_PORT,
        "source": str(client.layout.ip_addresses(4)[0]),
        "interval_ms": 5,
    }
    flows = start_program(client, "knock", request)
    cable = start_program(venue.isp("fiber"), "cable", "line")
    cable.read_json()
    _, began = cable.ask("pull")
    until = time.monotonic() + 5
    wait_until(lambda: time.monotonic() > until, "the clock stands")
    rows = stop_and_read(flows)
    times = [at - began for at, seen in rows if at >= began and venue.uplink_of(seen) == "lte"]
    if not times:
        raise RuntimeError("no new flow went by the other line within 5 s")
    return float(min(times)) * 1000


def _release(each: Disturbance) -> None:
    if each.dnsmasq is not None:
        each.dnsmasq.release()
    for job in each.jobs:
        with suppress(OSError):
            job.close()
    each.jobs = ()


def measure(options: BenchOptions) -> Iterator[Figure]:
    """`options.runs` times each, in turn."""
    kinds = disturbances()
    found: dict[str, list[float]] = {each.name: [] for each in kinds}
    for number in range(1, options.runs + 1):
        for each in kinds:
            try:
                found[each.name].append(run_once(each))
                options.log_progress(
                    f"disturbed: {each.name}: {number}: {found[each.name][-1]:.0f} ms"
                )
            except RETRIABLE_ERRORS as error:
                options.log_progress(f"disturbed: {each.name}: {number} failed: {error}")
    calm = found["calm"]
    for name, samples in found.items():
        promise = "" if name == "calm" or not calm else f"p95 {1.2 * p95(calm):.0f} ms"
        what = f"{name}, cable pulled: a new flow goes elsewhere after"
        yield timing_row(what, promise, samples, unit="ms", digits=0)
