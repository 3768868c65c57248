"""`lbrouter doctor`: what the machine has and lacks, and conflicting programs; with remedies.

Nothing is started and nothing is changed: other programs are recognised by their files in /run and
/etc, and by their processes.
"""

import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from lbrouter.compile.firewall.helpers import helper_features
from lbrouter.compile.services.pppd import pppoe_uplinks
from lbrouter.compile.state.desired import observation_scope
from lbrouter.kernel.backend import LinuxKernel
from lbrouter.kernel.objects import wireguard_program
from lbrouter.kernel.read.conflicting_software import conflicting_programs
from lbrouter.kernel.read.features import FEATURE_PURPOSES, features
from lbrouter.model.config import Config
from lbrouter.model.errors import LbrouterError, message_of
from lbrouter.model.facts import Facts, ObserveScope
from lbrouter.model.kernel_state import KernelState
from lbrouter.model.messages.phrase import as_phrase, phrase


class DiagnosisLevel(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """One thing that was looked at: what was found, and what to do unless it is fine."""

    subject: str
    level: DiagnosisLevel
    found: str
    remedy: str = ""

    def as_json(self) -> dict[str, str]:
        """For `doctor --json`."""
        return {key: str(value) for key, value in asdict(self).items()}


REQUIRED_FEATURES: Final = frozenset({"nft", "nft_nat"})
"""No gateway works without these. The others are needed only where a file uses them."""

SHAPING_FEATURES: Final = frozenset({"htb", "u32"})

OPTIONAL_TOOLS: Final = {
    "nft": (phrase("lets you read what lbrouter loaded"), "apt install nftables"),
    "ip": (phrase("lets you read routes and rules; a rehearsal needs it"), "apt install iproute2"),
    "tc": (phrase("lets you read queues; a rehearsal needs it"), "apt install iproute2"),
    "conntrack": (phrase("lets you read connections"), "apt install conntrack"),
    "pppd": (phrase("keeps the sessions of PPPoE lines"), "apt install ppp"),
    "wg": (phrase("lets you read the tunnel of a lane"), "apt install wireguard-tools"),
    "dnsmasq": (phrase("gives the VLANs' clients addresses and names"), "apt install dnsmasq-base"),
    "avahi-daemon": (phrase("mDNS between VLANs (gateway.mdns)"), "apt install avahi-daemon"),
}

RP_FILTER_PATH: Final = "net/ipv4/conf/{}/rp_filter"
RP_FILTER_STRICT: Final = 1


async def run_diagnostics(config: Config | None) -> tuple[Diagnosis, ...]:
    """Everything, the most important first. `config` None: no file could be read."""
    scope = observation_scope(config, KernelState()) if config is not None else ObserveScope()
    return (
        *_check_kernel_features(config),
        _check_libnftables(),
        *_check_tools(),
        *await _check_machine(config, scope),
        *_check_conflicting_programs(),
    )


def _check_kernel_features(config: Config | None) -> Iterator[Diagnosis]:
    try:
        found = features()
    except (LbrouterError, OSError) as error:
        yield Diagnosis(
            subject="kernel",
            level=DiagnosisLevel.WARN,
            found=phrase(
                "its features could not be probed ({reason})",
                reason=as_phrase(message_of(error)),
            ),
            remedy="Run it as root.",
        )
        return
    for name, purpose in FEATURE_PURPOSES.items():
        yield _check_feature(name, purpose, config, present=name in found)


def _check_feature(name: str, purpose: str, config: Config | None, *, present: bool) -> Diagnosis:
    if present:
        return Diagnosis(subject=name, level=DiagnosisLevel.OK, found=purpose)
    if name == "wireguard" and wireguard_program.available():
        found = phrase(
            "not in this kernel, wireguard-go is used instead: {purpose}",
            purpose=as_phrase(purpose),
        )
        return Diagnosis(subject=name, level=DiagnosisLevel.OK, found=found)
    if name not in used_features(config):
        return Diagnosis(
            subject=name,
            level=DiagnosisLevel.OK,
            found=phrase(
                "missing, but the file does not need it: {purpose}", purpose=as_phrase(purpose)
            ),
        )
    level = DiagnosisLevel.FAIL if name in required_features(config) else DiagnosisLevel.WARN
    remedy = "Load or install the module, or run a kernel that has it (Debian's has)."
    return Diagnosis(
        subject=name,
        level=level,
        found=phrase("missing: {purpose}", purpose=as_phrase(purpose)),
        remedy=remedy,
    )


def used_features(config: Config | None) -> frozenset[str]:
    """The features that this configuration uses where the kernel has them."""
    optional = {"ifb", "fq_codel", "cake"} if config is None or _is_shaped(config) else set()
    return required_features(config) | optional | {"netem"}


def required_features(config: Config | None) -> frozenset[str]:
    """The features that this configuration cannot do without."""
    if config is None:
        return REQUIRED_FEATURES
    tagged = any(vlan.id is not None for vlan in config.vlans.values())
    shaping = SHAPING_FEATURES if _is_shaped(config) else frozenset()
    sessions = {"pppoe"} if pppoe_uplinks(config) else set()
    lanes = {"wireguard"} if config.lanes() else set()
    extra = ({"vlan"} if tagged else set()) | helper_features(config)
    return REQUIRED_FEATURES | extra | sessions | shaping | lanes


def _is_shaped(config: Config) -> bool:
    return any(uplink.upload or uplink.download for uplink in config.uplinks.values())


def _check_libnftables() -> Diagnosis:
    from lbrouter.kernel.objects.nft import observe_table  # noqa: PLC0415  -- its absence is a finding

    try:
        observe_table()
    except LbrouterError as error:
        level = DiagnosisLevel.FAIL if "cannot be loaded" in error.message else DiagnosisLevel.WARN
        return Diagnosis(
            subject="libnftables", level=level, found=error.message, remedy=error.remedy
        )
    return Diagnosis(
        subject="libnftables",
        level=DiagnosisLevel.OK,
        found=phrase("version {version}", version=_libnftables_version()),
    )


def _libnftables_version() -> str:
    """The version from the package manager; the library itself has no call for it."""
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


def _check_tools() -> Iterator[Diagnosis]:
    for name, (purpose, remedy) in OPTIONAL_TOOLS.items():
        where = shutil.which(
            name, path="/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"
        )
        if where is None:
            yield Diagnosis(
                subject=name,
                level=DiagnosisLevel.WARN,
                found=phrase("not installed; {purpose}", purpose=as_phrase(purpose)),
                remedy=remedy,
            )
        else:
            yield Diagnosis(subject=name, level=DiagnosisLevel.OK, found=where)


async def _check_machine(config: Config | None, scope: ObserveScope) -> tuple[Diagnosis, ...]:
    try:
        async with LinuxKernel() as kernel:
            facts = await kernel.facts(scope)
    except (LbrouterError, OSError) as error:
        found = phrase("could not be read ({reason})", reason=as_phrase(message_of(error)))
        return (Diagnosis(subject="interfaces", level=DiagnosisLevel.WARN, found=found),)
    return (
        *_check_interfaces(config, facts),
        *_check_conflicts(facts),
        *_check_rp_filter(config, facts),
    )


def _check_interfaces(config: Config | None, facts: Facts) -> Iterator[Diagnosis]:
    """Whether each interface that must be there is: uplinks, the trunk, ports."""
    # Interfaces that lbrouter does not make itself, each with what it is for.
    if config is None:
        expected_interfaces = {}
    else:
        ports = {
            v.port: phrase("VLAN {vlan}", vlan=v.name)
            for v in config.vlans.values()
            if v.port is not None
        }
        lines = (uplink for uplink in config.uplinks.values() if not uplink.is_lane)
        uplinks = {
            uplink.shown_interface: phrase("uplink {uplink}", uplink=uplink.name)
            for uplink in lines
        }
        tagged = ", ".join(vlan.name for vlan in config.vlans.values() if vlan.id is not None)
        trunk = (
            {}
            if config.lan is None
            else {config.lan.trunk: phrase("the trunk of {vlans}", vlans=tagged)}
        )
        expected_interfaces = {**uplinks, **trunk, **ports}
    for name, user in expected_interfaces.items():
        found = facts.interfaces.get(name)
        if found is None:
            remedy = phrase(
                "`ip link` lists the interfaces; {user} works again when it is back.", user=user
            )
            yield Diagnosis(
                subject=name, level=DiagnosisLevel.WARN, found="not there", remedy=remedy
            )
        elif found.up and not found.carrier:
            remedy = phrase("Plug the cable in, or look at the far end.")
            yield Diagnosis(
                subject=name, level=DiagnosisLevel.WARN, found="no carrier", remedy=remedy
            )
        else:
            yield Diagnosis(
                subject=name, level=DiagnosisLevel.OK, found=phrase("there, for {user}", user=user)
            )


def _check_conflicts(facts: Facts) -> Iterator[Diagnosis]:
    for sentence in facts.conflicts:
        remedy = "lbrouter does not change it. Move it if it disturbs."
        yield Diagnosis(
            subject="conflict", level=DiagnosisLevel.WARN, found=sentence, remedy=remedy
        )


def _check_rp_filter(config: Config | None, facts: Facts) -> Iterator[Diagnosis]:
    """The kernel takes the larger of the interface's value and that of "all" (ip-sysctl)."""
    uplinks = () if config is None else config.uplinks.values()
    for uplink in uplinks:
        name = uplink.device
        if (
            name in facts.interfaces
            and max(_read_rp_filter("all"), _read_rp_filter(name)) == RP_FILTER_STRICT
        ):
            yield Diagnosis(
                subject="rp_filter",
                level=DiagnosisLevel.WARN,
                found=phrase(
                    "strict on {name}: replies by the second uplink would be dropped", name=name
                ),
                remedy="`lbrouter apply` sets it to 2 (loose).",
            )


def _read_rp_filter(name: str) -> int:
    text = (Path("/proc/sys") / RP_FILTER_PATH.format(name)).read_text(encoding="ascii")
    return int(text)


def _check_conflicting_programs() -> Iterator[Diagnosis]:
    for each in conflicting_programs():
        level = DiagnosisLevel.WARN if each.problem else DiagnosisLevel.OK
        found = each.problem or "configured to leave lbrouter's settings alone"
        yield Diagnosis(subject=each.name, level=level, found=found, remedy=each.remedy)
