"""What the machine has and lacks, and which neighbours may get in the way; each with its remedy.

Nothing is started and nothing is changed: neighbours are recognised by what they leave in /run and
/etc, and by their processes.
"""

import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from lbrouter.compile.services.pppd import lines
from lbrouter.compile.state.desired import scope_of
from lbrouter.kernel.backend import LinuxKernel
from lbrouter.kernel.read.conflicting_software import neighbours
from lbrouter.kernel.read.features import NEEDS, features
from lbrouter.model.config import Config
from lbrouter.model.errors import LbrouterError
from lbrouter.model.facts import Facts, Scope
from lbrouter.model.kernel_state import KernelState


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at: what was found, and what to do unless it is fine."""

    subject: str
    level: Level
    found: str
    remedy: str = ""

    def as_json(self) -> dict[str, str]:
        """For `doctor --json`."""
        return {key: str(value) for key, value in asdict(self).items()}


REQUIRED: Final = frozenset({"nft", "nft_nat"})
"""Without these there is no gateway at all. The others are wanted by what a file asks for."""

SHAPING: Final = frozenset({"htb", "u32"})

TOOLS: Final = {
    "nft": ("lets you read what lbrouter loaded", "apt install nftables"),
    "ip": ("lets you read routes and rules; a rehearsal needs it", "apt install iproute2"),
    "tc": ("lets you read queues; a rehearsal needs it", "apt install iproute2"),
    "conntrack": ("lets you read connections", "apt install conntrack"),
    "pppd": ("keeps the sessions of PPPoE lines", "apt install ppp"),
    "dnsmasq": ("gives the VLANs' clients addresses and names", "apt install dnsmasq-base"),
}

RP_FILTER: Final = "net/ipv4/conf/{}/rp_filter"
STRICT: Final = 1


async def examine(config: Config | None) -> tuple[Finding, ...]:
    """Everything, the most important first. `config` None: no file could be read."""
    scope = scope_of(config, KernelState()) if config is not None else Scope()
    return (
        *_kernel(config),
        _library(),
        *_tools(),
        *await _machine(config, scope),
        *_neighbours(),
    )


def _kernel(config: Config | None) -> Iterator[Finding]:
    try:
        found = features()
    except (LbrouterError, OSError) as error:
        yield Finding(
            subject="kernel",
            level=Level.WARN,
            found=f"its features could not be probed ({str(error).splitlines()[0]})",
            remedy="Run it as root.",
        )
        return
    for name, purpose in NEEDS.items():
        yield _feature(name, purpose, config, there=name in found)


def _feature(name: str, purpose: str, config: Config | None, *, there: bool) -> Finding:
    if there:
        return Finding(subject=name, level=Level.OK, found=purpose)
    if name not in wanted(config):
        return Finding(subject=name, level=Level.OK, found=f"missing, not asked for: {purpose}")
    level = Level.FAIL if name in required(config) else Level.WARN
    remedy = "Load or install the module, or run a kernel that has it (Debian's has)."
    return Finding(subject=name, level=level, found=f"missing: {purpose}", remedy=remedy)


def wanted(config: Config | None) -> frozenset[str]:
    """The features that this configuration uses where the kernel has them."""
    optional = {"ifb", "fq_codel", "cake"} if config is None or _is_shaped(config) else set()
    return required(config) | optional | {"netem"}


def required(config: Config | None) -> frozenset[str]:
    """The features that this configuration cannot do without."""
    if config is None:
        return REQUIRED
    tagged = any(vlan.id is not None for vlan in config.vlans.values())
    shaping = SHAPING if _is_shaped(config) else frozenset()
    sessions = {"pppoe"} if lines(config) else set()
    return REQUIRED | ({"vlan"} if tagged else set()) | sessions | shaping


def _is_shaped(config: Config) -> bool:
    return any(uplink.upload or uplink.download for uplink in config.uplinks.values())


def _library() -> Finding:
    from lbrouter.kernel.objects.nft import observe_table  # noqa: PLC0415  -- its absence is a finding

    try:
        observe_table()
    except LbrouterError as error:
        level = Level.FAIL if "cannot be loaded" in error.what else Level.WARN
        return Finding(subject="libnftables", level=level, found=error.what, remedy=error.remedy)
    return Finding(subject="libnftables", level=Level.OK, found=f"version {_nft_version()}")


def _nft_version() -> str:
    """The library does not tell its version, the package manager does."""
    package, found = "", "unknown"
    try:
        lines = Path("/var/lib/dpkg/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return found
    for line in lines:
        key, _, value = line.partition(": ")
        if key == "Package":
            package = value
        if key == "Version" and package == "libnftables1":
            found = value
    return found


def _tools() -> Iterator[Finding]:
    for name, (purpose, remedy) in TOOLS.items():
        where = shutil.which(
            name, path="/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"
        )
        if where is None:
            yield Finding(
                subject=name, level=Level.WARN, found=f"not installed; {purpose}", remedy=remedy
            )
        else:
            yield Finding(subject=name, level=Level.OK, found=where)


async def _machine(config: Config | None, scope: Scope) -> tuple[Finding, ...]:
    try:
        async with LinuxKernel() as kernel:
            facts = await kernel.facts(scope)
    except (LbrouterError, OSError) as error:
        found = f"could not be read ({str(error).splitlines()[0]})"
        return (Finding(subject="interfaces", level=Level.WARN, found=found),)
    return (*_interfaces(config, facts), *_conflicts(facts), *_rp_filter(config, facts))


def _interfaces(config: Config | None, facts: Facts) -> Iterator[Finding]:
    """Whether each interface that must be there is: uplinks, the trunk, ports."""
    for name, user in _wanted(config).items():
        found = facts.interfaces.get(name)
        if found is None:
            remedy = f"`ip link` lists what there is; {user} goes on once it is there again."
            yield Finding(subject=name, level=Level.WARN, found="not there", remedy=remedy)
        elif found.up and not found.carrier:
            remedy = "Plug the cable in, or look at the far end."
            yield Finding(subject=name, level=Level.WARN, found="no carrier", remedy=remedy)
        else:
            yield Finding(subject=name, level=Level.OK, found=f"there, for {user}")


def _wanted(config: Config | None) -> dict[str, str]:
    """Interfaces that lbrouter does not make itself, each with what it is for."""
    if config is None:
        return {}
    ports = {v.port: f"VLAN {v.name}" for v in config.vlans.values() if v.port is not None}
    uplinks = {uplink.interface: f"uplink {uplink.name}" for uplink in config.uplinks.values()}
    tagged = ", ".join(vlan.name for vlan in config.vlans.values() if vlan.id is not None)
    trunk = {} if config.lan is None else {config.lan.trunk: f"the trunk of {tagged}"}
    return {**uplinks, **trunk, **ports}


def _conflicts(facts: Facts) -> Iterator[Finding]:
    for sentence in facts.conflicts:
        remedy = "It stays as it is; move it, or live with it."
        yield Finding(subject="conflict", level=Level.WARN, found=sentence, remedy=remedy)


def _rp_filter(config: Config | None, facts: Facts) -> Iterator[Finding]:
    """The kernel takes the larger of the interface's value and that of "all" (ip-sysctl)."""
    uplinks = () if config is None else config.uplinks.values()
    for uplink in uplinks:
        name = uplink.device
        if name in facts.interfaces and max(_rp_value("all"), _rp_value(name)) == STRICT:
            yield Finding(
                subject="rp_filter",
                level=Level.WARN,
                found=f"strict on {name}: replies by the second uplink would be dropped",
                remedy="`lbrouter apply` sets it to 2 (loose).",
            )


def _rp_value(name: str) -> int:
    text = (Path("/proc/sys") / RP_FILTER.format(name)).read_text(encoding="ascii")
    return int(text)


def _neighbours() -> Iterator[Finding]:
    for each in neighbours():
        level = Level.WARN if each.trouble else Level.OK
        found = each.trouble or "set up to leave ours alone"
        yield Finding(subject=each.name, level=level, found=found, remedy=each.remedy)
