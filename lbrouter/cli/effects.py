"""The programs beside the kernel, as the verbs use them: plan, apply, down, check, status."""

import time
from collections.abc import Iterator
from typing import TypedDict

from lbrouter.cli.settings import Settings
from lbrouter.compile.services import dnsmasq as compiled
from lbrouter.compile.services.dnsmasq_leases import Pool, crowded, pools
from lbrouter.compile.services.pppd import lines
from lbrouter.kernel import pppoe
from lbrouter.model.config import Config
from lbrouter.model.plan import Plan
from lbrouter.services import dnsmasq, pppd, secrets
from lbrouter.services.dnsmasq import Dnsmasq


def dnsmasq_of(settings: Settings) -> Dnsmasq:
    """The gateway's dnsmasq, by the directories of the command line."""
    return Dnsmasq(settings.runtime_dir, settings.state_dir)


def whole(kernel: Plan, services: Plan) -> Plan:
    """Both, in the order in which an apply carries them out."""
    return Plan(operations=kernel.operations + services.operations)


def doubts(config: Config) -> Iterator[str]:
    """What `check`, `plan` and `apply` warn of, and go on."""
    yield from _sessions(config)
    if dnsmasq.missing(config):
        yield f"{dnsmasq.missing(config)} {dnsmasq.PACKAGE}"
    elif compiled.is_wanted(config):
        said = dnsmasq.check(compiled.text(config))
        if said:
            yield f"dnsmasq refuses its file: {said}"


def _sessions(config: Config) -> Iterator[str]:
    if pppd.missing(config):
        yield f"{pppd.missing(config)} {pppd.PACKAGE}"
    if lines(config) and not pppoe.available():
        yield f"{pppoe.MISSING} {pppoe.REMEDY}"
    yield from filter(None, map(secrets.fault, lines(config)))


class DnsmasqStatus(TypedDict):
    """`state` is running, stopped (and wanted), missing (not installed), or unwanted."""

    state: str
    pid: int | None
    pools: dict[str, Pool]


def status(settings: Settings, config: Config) -> dict[str, DnsmasqStatus]:
    """The key "services" of `status --json`."""
    here = dnsmasq_of(settings)
    pid = next(iter(here.pids()), None)
    found = pools(config, here.held(), now=int(time.time()))
    return {"dnsmasq": {"state": _state(config, pid), "pid": pid, "pools": found}}


def troubles(found: dict[str, DnsmasqStatus]) -> tuple[str, ...]:
    """What `status` warns of."""
    if not found:
        return ()
    each = found["dnsmasq"]
    stopped = each["state"] == "stopped"
    word = ("dnsmasq does not run; `lbrouter apply` starts it",) if stopped else ()
    return (*word, *crowded(each["pools"]))


def _state(config: Config, pid: int | None) -> str:
    if pid is not None:
        return "running"
    if not compiled.is_wanted(config):
        return "unwanted"
    return "missing" if dnsmasq.missing(config) else "stopped"
