"""One item of `lbrouter precheck`, and the items about the gateway itself."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from lbrouter.compile.diagnosis.precheck_facts import PrecheckFacts
from lbrouter.compile.services.pool_usage import POOL_NEARLY_FULL_PERCENT
from lbrouter.model.messages.codes import EventCode, PrecheckCode
from lbrouter.model.messages.message import Message, message
from lbrouter.model.messages.phrase import phrase
from lbrouter.model.sections.line_rate import MIN_RATE
from lbrouter.model.units import Duration

LONG_LEASE: Final = Duration(12 * 3_600_000)
"""A lease that began before the doors opened lasts over the show."""

A_DAY: Final = timedelta(hours=24)
"""What counts as today."""


class PrecheckState(StrEnum):
    """How an item stands. BY_HAND: a person must look, nothing here can measure it."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    BY_HAND = "by hand"


@dataclass(frozen=True, slots=True, kw_only=True)
class PrecheckItem:
    """One thing of the list, what was found, and what to do unless it is fine.

    `at` (RFC 3339, UTC) and `by` say when and by whom it was done, where that is known.
    """

    name: str
    state: PrecheckState
    found: Message
    remedy: Message | None = None
    at: str | None = None
    by: str | None = None


def fine(name: str, found: Message, at: str | None = None, by: str | None = None) -> PrecheckItem:
    """An item that is in order."""
    return PrecheckItem(name=name, state=PrecheckState.OK, found=found, at=at, by=by)


def doubtful(name: str, found: Message, remedy: Message) -> PrecheckItem:
    """An item that a person should look at."""
    return PrecheckItem(name=name, state=PrecheckState.WARN, found=found, remedy=remedy)


def failed(name: str, found: Message, remedy: Message) -> PrecheckItem:
    """An item with which no show should begin."""
    return PrecheckItem(name=name, state=PrecheckState.FAIL, found=found, remedy=remedy)


def by_hand(name: str, found: Message, remedy: Message) -> PrecheckItem:
    """An item that was not measured."""
    return PrecheckItem(name=name, state=PrecheckState.BY_HAND, found=found, remedy=remedy)


def age(now: str, at: str) -> timedelta:
    """From one time to a later one."""
    return datetime.fromisoformat(now) - datetime.fromisoformat(at)


def daemon_item(facts: PrecheckFacts) -> PrecheckItem:
    """Whether the daemon runs."""
    if facts.status["daemon"]:
        return fine("daemon", message(PrecheckCode.DAEMON_RUNS))
    return failed("daemon", message(PrecheckCode.DAEMON_GONE), message(PrecheckCode.DO_START))


def kernel_item(facts: PrecheckFacts) -> PrecheckItem:
    """Whether the kernel holds what the file says."""
    kernel = facts.status["kernel"]
    if kernel["verified"] and facts.status["applied"]:
        return fine("kernel", message(PrecheckCode.KERNEL_RIGHT_NOW))
    error = kernel["reason"] or phrase("nothing is applied")
    found = message(PrecheckCode.KERNEL_WRONG_NOW, error=error)
    return failed("kernel", found, message(PrecheckCode.DO_LOOK))


def file_item(facts: PrecheckFacts) -> PrecheckItem:
    """Whether the file on disk is in force: the next start would take it."""
    if not facts.status["unapplied_file"]:
        return fine("file", message(PrecheckCode.FILE_IN_FORCE))
    found = message(PrecheckCode.FILE_NOT_IN_FORCE)
    return doubtful("file", found, message(PrecheckCode.DO_APPLY))


def trial_item(facts: PrecheckFacts) -> PrecheckItem:
    """Whether a change waits: it would be undone in the middle of the show."""
    left_s = facts.status["pending_confirm_s"]
    if left_s is None:
        return fine("trial", message(PrecheckCode.NOTHING_WAITS))
    found = message(PrecheckCode.CHANGE_WAITS, left_s=left_s)
    return failed("trial", found, message(PrecheckCode.DO_CONFIRM))


def doctor_items(facts: PrecheckFacts) -> Iterator[PrecheckItem]:
    """What `doctor` says of the machine."""
    remedy = message(PrecheckCode.DO_DOCTOR)
    for finding in facts.doctor:
        found = message(PrecheckCode.DOCTOR_FOUND, subject=finding.subject, found=finding.found)
        yield (failed if finding.fatal else doubtful)("doctor", found, remedy)
    if not facts.doctor:
        yield fine("doctor", message(PrecheckCode.DOCTOR_FINE))


def warnings_item(facts: PrecheckFacts) -> PrecheckItem:
    """Warnings of the file: a guarantee that does not fit a line alone is among them."""
    if not facts.warnings:
        return fine("warnings", message(PrecheckCode.FILE_WITHOUT_WARNING))
    found = message(
        PrecheckCode.FILE_WITH_WARNINGS, warnings=len(facts.warnings), first=facts.warnings[0]
    )
    return doubtful("warnings", found, message(PrecheckCode.DO_CHECK))


def pool_items(facts: PrecheckFacts) -> Iterator[PrecheckItem]:
    """Pools that run out."""
    full = {
        name: pool
        for name, pool in facts.pools.items()
        if pool["used"] * 100 >= POOL_NEARLY_FULL_PERCENT * pool["size"]
    }
    for vlan, pool in full.items():
        counts = {"used": str(pool["used"]), "size": str(pool["size"])}
        found = message(PrecheckCode.POOL_FULL, vlan=vlan, **counts)
        yield doubtful("pools", found, message(PrecheckCode.DO_WIDEN, vlan=vlan))
    if not full:
        yield fine("pools", message(PrecheckCode.POOLS_FINE))


def lease_items(facts: PrecheckFacts) -> Iterator[PrecheckItem]:
    """Leases of the VLANs that carry the show: those with a guarantee."""
    short = [
        vlan
        for vlan in facts.config.vlans.values()
        if vlan.dhcp is not None
        and vlan.dhcp.lease < LONG_LEASE
        and any(way and way.guaranteed > MIN_RATE for way in (vlan.upload, vlan.download))
    ]
    for vlan in short:
        assert vlan.dhcp is not None
        found = message(PrecheckCode.LEASE_SHORT, vlan=vlan.name, lease_s=vlan.dhcp.lease.seconds)
        yield doubtful("leases", found, message(PrecheckCode.DO_LENGTHEN, vlan=vlan.name))
    if not short:
        yield fine("leases", message(PrecheckCode.LEASES_LONG))


def other_dhcp_items(facts: PrecheckFacts) -> Iterator[PrecheckItem]:
    """DHCP servers that are not ours."""
    others = [
        (vlan, server["mac"])
        for vlan, status in facts.status["vlans"].items()
        for server in status["other_dhcp_servers"]
    ]
    for vlan, mac in others:
        found = message(PrecheckCode.OTHER_DHCP, vlan=vlan, mac=mac)
        yield failed("other DHCP", found, message(PrecheckCode.DO_UNPLUG))
    if not others:
        yield fine("other DHCP", message(PrecheckCode.NO_OTHER_DHCP))


def clock_items(facts: PrecheckFacts) -> Iterator[PrecheckItem]:
    """Whether the clock is in sync; nothing where the kernel does not tell."""
    if facts.clock_synchronised:
        yield fine("clock", message(PrecheckCode.CLOCK_FINE))
    elif facts.clock_synchronised is not None:
        remedy = message(PrecheckCode.DO_SET_CLOCK)
        yield doubtful("clock", message(PrecheckCode.CLOCK_WRONG), remedy)


def alert_item(facts: PrecheckFacts) -> PrecheckItem:
    """Whether a test alert was delivered today."""
    remedy = message(PrecheckCode.DO_TEST_ALERTS)
    if facts.config.alerts is None:
        missing = message(PrecheckCode.ALERTS_MISSING)
        return doubtful("alerts", missing, message(PrecheckCode.DO_WRITE_ALERTS))
    for event in reversed(facts.events):
        told = event["more"].get("message") or {}
        if told.get("code") == EventCode.ALERT_TEST_FAILED:
            error = str(told["values"]["error"])
            return failed("alerts", message(PrecheckCode.ALERT_UNDELIVERED, error=error), remedy)
        if told.get("code") == EventCode.ALERT_TEST_DELIVERED:
            by = (event["more"].get("by") or {}).get("name")
            return fine("alerts", message(PrecheckCode.ALERT_DELIVERED), at=event["at"], by=by)
    return doubtful("alerts", message(PrecheckCode.ALERT_UNTESTED), remedy)


def rehearsal_item(facts: PrecheckFacts) -> PrecheckItem:
    """Whether the last rehearsal was of exactly this file, and passed."""
    last, remedy = facts.rehearsal, message(PrecheckCode.DO_REHEARSE)
    if last is None or last.digest != facts.status["config_digest"]:
        return doubtful("rehearsal", message(PrecheckCode.UNREHEARSED), remedy)
    if not last.passed:
        return failed("rehearsal", message(PrecheckCode.REHEARSAL_FAILED), remedy)
    return fine("rehearsal", message(PrecheckCode.REHEARSED), at=last.at)


def orders_item(facts: PrecheckFacts) -> PrecheckItem:
    """Drains, pins, limits and blocks that a person may have forgotten."""
    status = facts.status
    orders = (
        *(f"drain {n}" for n, line in status["uplinks"].items() if line["state"] == "drained"),
        *(f"pin {n} {p['pinned']}" for n, p in status["policies"].items() if p["pinned"]),
        *(f"limit {name}" for name, vlan in status["vlans"].items() if vlan["limit"]),
        *(f"block {mac}" for mac in facts.blocked),
    )
    if not orders:
        return fine("orders", message(PrecheckCode.NO_ORDERS))
    found = message(PrecheckCode.ORDERS, orders=orders)
    return doubtful("orders", found, message(PrecheckCode.DO_END_ORDERS))
