"""How the gateway's dnsmasq does: for `status`, from the daemon or without one."""

import time

from lbrouter.compile.report.status_types import DnsmasqStatus
from lbrouter.compile.services import dnsmasq as compiled
from lbrouter.compile.services.dnsmasq_leases import pool_usage
from lbrouter.model.config import Config
from lbrouter.services import dnsmasq
from lbrouter.services.dnsmasq import Dnsmasq


def dnsmasq_status(server: Dnsmasq, config: Config) -> DnsmasqStatus:
    """The process and the pools of `config`, as they are now. It reads /proc and the leases."""
    pid = next(iter(server.pids()), None)
    pools = pool_usage(config, server.current_leases(), now=int(time.time()))
    if pid is not None:
        state = "running"
    elif not compiled.is_wanted(config):
        state = "unwanted"
    else:
        state = "missing" if dnsmasq.missing_reason(config) else "stopped"
    return {"state": state, "pid": pid, "pools": pools}
