"""Features of this kernel, found by trying each in a temporary namespace.

A version number is not enough: distributions leave modules out, containers forbid loading them.
"""

import asyncio
import errno
import subprocess
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pyroute2 import AsyncIPRoute
from pyroute2.netlink.exceptions import NetlinkError
from pyroute2.netlink.rtnl import (
    RTM_DELQDISC,
    RTM_NEWLINK,
    RTM_NEWQDISC,
    RTM_NEWTFILTER,
)
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.tcmsg import tcmsg

from lbrouter.compile.firewall.helpers import HELPER_FEATURE_PREFIX, HELPER_PORTS
from lbrouter.kernel import pppoe
from lbrouter.kernel.netlink.client import CREATE_FLAGS, REQUEST_FLAGS, send
from lbrouter.kernel.netlink.uapi import ETH_P_ALL_BE, TC_H_ROOT
from lbrouter.kernel.netns import in_scratch_namespace
from lbrouter.kernel.read.boot_clock import BootTime
from lbrouter.model.config import Helper
from lbrouter.model.errors import LbrouterError, NotPermittedError
from lbrouter.model.messages.phrase import phrase
from lbrouter.system.saved_file import DamageReport
from lbrouter.system.state_file import StateFile

FEATURE_PURPOSES: Final[Mapping[str, str]] = {
    "vlan": phrase("802.1Q VLANs on a trunk (module 8021q)"),
    "ifb": phrase("ceilings of a VLAN over all uplinks (module ifb)"),
    "htb": phrase("guarantees and ceilings (module sch_htb)"),
    "fq_codel": phrase("short queues under load, fair between connections (module sch_fq_codel)"),
    "cake": phrase("short queues under load, fair between clients (module sch_cake)"),
    "netem": phrase("delay and loss in a rehearsal (module sch_netem)"),
    "pppoe": phrase("lines by PPPoE (modules pppoe, ppp_generic)"),
    "u32": phrase("redirecting a device's packets to an IFB (module cls_u32)"),
    "wireguard": phrase("lanes: several lines at once (module wireguard)"),
    "dummy": phrase(
        "where a lane's own packets go when they were copied (module dummy; or an IFB)"
    ),
    "nft": phrase("firewall and balancing (module nf_tables)"),
    "nft_nat": phrase("translating addresses on the uplinks (modules nft_chain_nat, nft_masq)"),
    "helper_ftp": phrase("gateway.helpers: FTP (modules nf_conntrack_ftp, nf_nat_ftp)"),
    "helper_pptp": phrase("gateway.helpers: PPTP (modules nf_conntrack_pptp, nf_nat_pptp)"),
    "helper_sip": phrase("gateway.helpers: SIP (modules nf_conntrack_sip, nf_nat_sip)"),
}
"""Every feature that is tested, and what it is for."""

NAT_PROBE_SCRIPT: Final = (
    "add chain inet probe nat { type nat hook postrouting priority srcnat; };"
    "add rule inet probe nat masquerade"
)


MODPROBE_TIMEOUT_S: Final = 5.0

PROBE_VETH: Final = "probe0"
PROBE_HTB_HANDLE: Final = 0x10000

FeatureProbe = Callable[[AsyncIPRoute, int], Awaitable[None]]


def features() -> frozenset[str]:
    """The features of `FEATURE_PURPOSES` that this kernel has. About 10 ms. Needs root."""
    try:
        found = in_scratch_namespace(
            lambda: asyncio.run(_probe_netlink_features()) | _probe_nft_features()
        )
    except PermissionError as error:
        raise NotPermittedError(
            "Finding out what the kernel can do needs a scratch network namespace.",
            remedy="Run it as root.",
        ) from error
    return found | ({"pppoe"} if pppoe.available() else frozenset())


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedFeatures:
    """features.json: what was tested and found since this boot."""

    boot: str
    tested: tuple[str, ...]
    features: tuple[str, ...]


def cached_features(runtime_dir: Path, report: DamageReport) -> frozenset[str]:
    """As `features`, but tested once a boot: the result is kept in `runtime_dir`/features.json."""
    file = StateFile(runtime_dir / "features.json", SavedFeatures, durable=False)
    boot, tested = BootTime.now().boot, tuple(sorted(FEATURE_PURPOSES))
    kept = file.load(report)
    if kept is not None and (kept.boot, kept.tested) == (boot, tested):
        return frozenset(kept.features)
    found = features()
    with suppress(LbrouterError):
        file.save(SavedFeatures(boot=boot, tested=tested, features=tuple(sorted(found))))
    return found


async def _probe_netlink_features() -> frozenset[str]:
    async with AsyncIPRoute() as ipr:
        await _create_link(ipr, PROBE_VETH, "veth")
        port = int((await ipr.link_lookup(ifname=PROBE_VETH))[0])
        probes: dict[str, FeatureProbe] = {"vlan": _probe_vlan}
        probes |= {kind: _link_probe(kind) for kind in ("ifb", "wireguard", "dummy")}
        for kind in ("fq_codel", "cake", "netem"):
            probes[kind] = _qdisc_probe(kind)
        probes |= {"htb": _probe_htb, "u32": _probe_u32}
        return frozenset(
            [name for name, probe in probes.items() if await _is_supported(ipr, probe, port)]
        )


async def _is_supported(ipr: AsyncIPRoute, probe: FeatureProbe, port: int) -> bool:
    """An unknown kind is ENOENT or "not supported"; a known one may still miss its options."""
    try:
        await probe(ipr, port)
    except NetlinkError as error:
        return bool(error.code == errno.EINVAL)
    return True


async def _create_link(ipr: AsyncIPRoute, name: str, kind: str, *more: tuple[str, Any]) -> None:
    message = ifinfmsg()
    info = [("IFLA_INFO_KIND", kind), *(each for each in more if each[0] == "IFLA_INFO_DATA")]
    link = [each for each in more if each[0] != "IFLA_INFO_DATA"]
    message["attrs"] = [("IFLA_IFNAME", name), *link, ("IFLA_LINKINFO", {"attrs": info})]
    await send(ipr, message, RTM_NEWLINK, CREATE_FLAGS)


async def _probe_vlan(ipr: AsyncIPRoute, port: int) -> None:
    tag = ("IFLA_INFO_DATA", {"attrs": [("IFLA_VLAN_ID", 10)]})
    await _create_link(ipr, "probe1", "vlan", ("IFLA_LINK", port), tag)


def _link_probe(kind: str) -> FeatureProbe:
    async def probe(ipr: AsyncIPRoute, _port: int) -> None:
        await _create_link(ipr, f"probe-{kind}", kind)

    return probe


def _qdisc_probe(kind: str) -> FeatureProbe:
    async def probe(ipr: AsyncIPRoute, port: int) -> None:
        message = tcmsg()
        message["index"], message["parent"] = port, TC_H_ROOT
        message["attrs"] = [("TCA_KIND", kind)]
        await send(ipr, message, RTM_NEWQDISC, CREATE_FLAGS)
        # By its place alone: pyroute2 would send a handle along, and the qdisc has another.
        gone = tcmsg()
        gone["index"], gone["parent"] = port, TC_H_ROOT
        await send(ipr, gone, RTM_DELQDISC, REQUEST_FLAGS)

    return probe


async def _probe_htb(ipr: AsyncIPRoute, port: int) -> None:
    await ipr.tc("add", "htb", port, PROBE_HTB_HANDLE, default=0)


async def _probe_u32(ipr: AsyncIPRoute, port: int) -> None:
    message = tcmsg()
    message["index"], message["parent"], message["info"] = port, PROBE_HTB_HANDLE, ETH_P_ALL_BE
    message["attrs"] = [("TCA_KIND", "u32")]
    await send(ipr, message, RTM_NEWTFILTER, CREATE_FLAGS)


def _probe_nft_features() -> frozenset[str]:
    """A fresh context for each command, see kernel/objects/nft.py."""
    from nftables import Nftables  # noqa: PLC0415  -- loads libnftables, which few verbs need

    probes = {"nft": "add table inet probe", "nft_nat": NAT_PROBE_SCRIPT}
    for helper, control in HELPER_PORTS.items():
        _load_nat_module(helper)
        words = f'type "{helper}" protocol {control.protocol};'
        probes[f"{HELPER_FEATURE_PREFIX}{helper}"] = (
            f"add ct helper inet probe {helper} {{ {words} }}"
        )
    return frozenset(name for name, text in probes.items() if Nftables().cmd(text)[0] == 0)


def _load_nat_module(helper: Helper) -> None:
    """The half of a helper that translates: nft loads the other half by itself, and not this."""
    with suppress(OSError, subprocess.TimeoutExpired):
        argv = ["modprobe", "--quiet", f"nf_nat_{helper}"]
        subprocess.run(argv, capture_output=True, timeout=MODPROBE_TIMEOUT_S, check=False)
