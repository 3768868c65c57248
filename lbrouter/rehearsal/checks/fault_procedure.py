"""The act of faults: for each uplink one after the other, with the real daemon and streams."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from lbrouter.model.addresses import Addressing
from lbrouter.model.config import Config, PolicyMode
from lbrouter.model.units import Duration
from lbrouter.rehearsal.analysis import fault_analysis
from lbrouter.rehearsal.analysis.expected import Way
from lbrouter.rehearsal.analysis.fault_analysis import Moments, Ordeal
from lbrouter.rehearsal.checks.context import Stage
from lbrouter.rehearsal.checks.fault_run import Scene, Watch
from lbrouter.rehearsal.checks.faults import TITLES, Duty, Fault, Promise, happen, promise
from lbrouter.rehearsal.checks.policy_shares import by_policy
from lbrouter.rehearsal.lab.daemon_process import Warden
from lbrouter.rehearsal.lab.dhcp_server import REBIND_S, RENEW_S
from lbrouter.rehearsal.lab.process import Row, settles
from lbrouter.rehearsal.report.tables import FaultRow, Verdict

UP_AFTER_MS = 1000
"""In the rehearsed copy: the file's own ten seconds would be waited for at each fault."""

NO_LEASE = "not rehearsed: its address is not leased"

NOTES = (
    "faults: in the rehearsal lines return after 1 s without fault (up_after)",
    "faults: after loss, latency and a portal the return is not waited for",
    "faults: the encoder waits 2 s before it connects anew, as OBS Studio does by default",
)
"""What the reader of the rows must know."""

LEASE_NOTE = (
    f"faults: another lease is noticed when the daemon asks for it: every {RENEW_S} s its server, "
    f"after {REBIND_S} s everybody"
)
"""The same, where a lease has changed."""

SOURCES = 4
"""Clients of each balance policy in each fault; a failover policy needs one."""

USUAL_S, SLOW_S, QUIET_S = 6.0, 9.0, 2.0
"""A fault at most, and one that takes evidence; so long is watched whether all stays as it is."""

RETURN_S, BACK_S = 14.0, 1.5
"""For the line to be used again (the third flap asks for four clean seconds), and to see it."""

SLOW = frozenset({Fault.LOSS, Fault.LATENCY, Fault.PORTAL})
BEFORE_S = 0.6
"""Of undisturbed flows before a fault: it shows where each of them goes."""


def patient(config: Config) -> Config:
    """The copy for this act: lines return after `UP_AFTER_MS`."""
    up_after = Duration(UP_AFTER_MS)
    uplinks = {
        name: uplink.model_copy(
            update={
                "health": uplink.health.model_copy(
                    update={"up_after": None if uplink.health.up_after is None else up_after}
                )
            }
        )
        for name, uplink in config.uplinks.items()
    }
    health = config.health.model_copy(update={"up_after": up_after})
    return config.model_copy(update={"uplinks": uplinks, "health": health})


def leased(config: Config, uplink: str) -> Config:
    """The copy for the fault of a lease: the uplink asks a server for its address."""
    change = {"address": Addressing.DHCP, "gateway": None}
    uplinks = {**config.uplinks, uplink: config.uplinks[uplink].model_copy(update=change)}
    return config.model_copy(update={"uplinks": uplinks})


def notes(rows: Iterable[FaultRow]) -> Iterator[str]:
    """What the reader of these rows must know."""
    played = {row.fault for row in rows if row.policy}
    yield from NOTES if played else ()
    if Fault.LEASE in played:
        yield LEASE_NOTE


def drills(stage: Stage) -> Iterator[FaultRow]:
    """Every fault of every uplink; the file as it was is in its place again at the end."""
    if not stage.options.faults:
        return
    stage.venue.write_config(patient(stage.config))
    for name in stage.venue.isps:
        for fault in stage.options.faults:
            if fault is Fault.LEASE and name not in stage.venue.site.dhcp:
                yield FaultRow(uplink=name, fault=fault, verdict=Verdict.INFO, note=NO_LEASE)
                continue
            stage.progress(f"{name}: {TITLES[fault]}")
            with _prepared(stage, name, fault):
                yield from drill(stage, name, fault)
    stage.venue.write_config(stage.config)


@contextmanager
def _prepared(stage: Stage, uplink: str, fault: Fault) -> Iterator[None]:
    """For a lease a DHCP server at the provider, and a file that asks for one."""
    if fault is not Fault.LEASE:
        yield
        return
    isp, copy = stage.venue.isp(uplink), patient(stage.config)
    isp.lease(renew_s=RENEW_S, rebind_s=REBIND_S)
    stage.venue.write_config(leased(copy, uplink))
    yield
    isp.heal()
    stage.venue.write_config(copy)


def drill(stage: Stage, uplink: str, fault: Fault) -> Iterator[FaultRow]:
    """One fault of one uplink, from a daemon that knows nothing of the one before."""
    isp, server = stage.venue.isp(uplink), stage.venue.internet.server
    with Warden(stage.venue.gateway) as warden:
        if fault is Fault.LEASE:  # a line without an address yet begins as one that is down
            settles(lambda: warden.state(uplink) == "up", within_s=RETURN_S)
        started = [_watch(stage, found[0], uplink, fault) for found in by_policy(stage).values()]
        settles(lambda: all(each.job.ask("look")["running"] for each in started), within_s=3)
        server.times()
        settles(lambda: False, within_s=BEFORE_S)
        watches = [replace(each, uses=uplink in _latest(stage, each)) for each in started]
        begin = time.monotonic()
        happen(fault, isp)
        scene = Scene(isp=isp, fault=fault, begin=begin, watches=watches, warden=warden)
        _endure(stage, scene)
        healed, detected = time.monotonic(), scene.detected()
        if fault is not Fault.LEASE:  # the new lease stays
            isp.heal()
        _return(stage, scene)
        end = time.monotonic()
        rows = [each.job.stop() for each in watches]
    moments, times = Moments(fault=begin, healed=healed, end=end), server.times()
    for watch, each in zip(watches, rows, strict=True):
        heard = [row | times.get(row["flow"], {}) for row in each]
        seen = _read(stage, scene, heard, moments)
        yield _row(uplink, fault, watch, seen, detected and (detected - begin) * 1000)


def _read(stage: Stage, scene: Scene, heard: list[Row], moments: Moments) -> Ordeal:
    """What a policy's flows saw. A changed lease is no fault that ends: nothing returns from it."""
    where, uplink = stage.venue.uplink_of, scene.uplink
    if scene.fault is not Fault.LEASE:
        return fault_analysis.ordeal(heard, uplink, moments, where)
    seen = fault_analysis.ordeal(heard, uplink, replace(moments, healed=moments.end), where)
    again = fault_analysis.again_ms(heard, uplink, moments.fault, moments.healed, where)
    return replace(seen, back_ms=again)


def _watch(stage: Stage, way: Way, uplink: str, fault: Fault) -> Watch:
    """Start the flows of a policy, and say what it owes."""
    policy, client = stage.config.policies[way.policy], stage.venue.client(way.vlan)
    balance = policy.mode is PolicyMode.BALANCE
    pools = [stage.fresh(client, way.version, SOURCES if balance else 1) for _ in range(2)]
    sources, later = ([str(source) for source in pool] for pool in pools)
    job = client.streams(
        to=way.to,
        port=way.port,
        kinds=["push", "udp", "call"] if way.version == 4 else ["call"],
        sources=sources,
        later=later,
        wait_s=fault_analysis.RECONNECT_S,
    )
    able = [name for name in policy.uplinks if name in stage.able(way.version)]
    owed = None
    if uplink in able:
        mine, others = stage.config.uplinks[uplink], len(able) > 1
        owed = promise(fault, stage.config, policy, mine, others=others, version=way.version)
    return Watch(way=way, job=job, promise=owed, sticky=balance and policy.sticky > 0)


def _latest(stage: Stage, watch: Watch) -> list[str | None]:
    """Where the last new flows went; None is a flow that failed."""
    rows = watch.job.ask("look")["new"][-fault_analysis.FEW :]
    return [stage.venue.uplink_of(row["seen"]) for row in rows]


def _endure(stage: Stage, scene: Scene) -> None:
    """Until everybody has done what he owes, or the time for that is over."""
    quiet = scene.begin + QUIET_S
    nothing = not all(each.owes(Duty.LEAVE) or not each.uses for each in scene.watches)

    def settled() -> bool:
        waits = (each for each in scene.watches if not _done(stage, each, scene))
        idle = nothing or not any(scene.noticed())
        return next(waits, None) is None and not (idle and time.monotonic() < quiet)

    if scene.fault is Fault.LEASE:
        settles(scene.taken, within_s=SLOW_S, look_s=0.02)
    elif scene.fault is not Fault.FLAP:
        settles(settled, within_s=SLOW_S if scene.fault in SLOW else USUAL_S)


def _done(stage: Stage, watch: Watch, scene: Scene) -> bool:
    """Whether a policy's new flows, and its streams where they must, are where they should be."""
    look = watch.job.ask("look")
    new = [row for row in look["new"] if row["at"] >= scene.begin]
    if watch.owes(Duty.REFUSE):
        return fault_analysis.refused_at_once(new)
    if not watch.owes(Duty.LEAVE) or watch.promise is None:
        return True
    places = [stage.venue.uplink_of(row["seen"]) for row in new[-fault_analysis.FEW :]]
    moved = len(places) >= fault_analysis.FEW and not {None, scene.uplink} & set(places)
    return moved and (look["running"] or not watch.promise.returns)


def _return(stage: Stage, scene: Scene) -> None:
    """Until new flows go by the uplink again, where that is waited for.

    A client of a sticky policy stays where it is now; only one that is new shows that the uplink is
    used again, and it must not come before that.
    """
    waiting = [each for each in scene.watches if each.returns]
    for each in waiting:
        if each.sticky:
            each.job.ask("pause")

    def active() -> bool:
        policies = scene.warden.status()["policies"]
        return all(scene.uplink in policies[each.way.policy]["active"] for each in waiting)

    settles(active, within_s=RETURN_S)
    for each in waiting:
        if each.sticky:
            each.job.ask("later")
    settles(lambda: all(scene.uplink in _latest(stage, each) for each in waiting), within_s=BACK_S)
    if scene.fault is Fault.LEASE:  # its streams have not run elsewhere meanwhile
        settles(lambda: all(each.job.ask("look")["running"] for each in waiting),
                within_s=fault_analysis.ENCODER_MS / 1000)  # fmt: skip


def _row(
    uplink: str, fault: Fault, watch: Watch, seen: Ordeal, detected_ms: float | None
) -> FaultRow:
    """What one policy saw, and whether that is what it owes."""
    owed = watch.promise or Promise(duty=Duty.STAY)
    wrong = fault_analysis.shortcomings(owed, seen)
    if owed.duty is Duty.RENEW and detected_ms is None:
        wrong.append(f"the new address was not in use within {SLOW_S:.0f} s")
    verdict = Verdict.INFO if owed.duty is Duty.ANY else Verdict.PASS
    return FaultRow(
        uplink=uplink,
        fault=fault,
        policy=watch.name,
        duty=owed.duty,
        verdict=Verdict.FAIL if wrong else verdict,
        note="; ".join(wrong) or owed.because,
        detected_ms=detected_ms,
        moved_ms=seen.moved_ms,
        left=seen.left,
        refused=seen.refused,
        gaps_ms=seen.gaps,
        broken=seen.broken,
        back_ms=seen.back_ms if owed.returns else None,
    )
