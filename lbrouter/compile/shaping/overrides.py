"""An operator's limits of VLANs: what they are, and the configuration with their lower ceilings.

A limit is neither configuration nor health: no file has it, and no probe changes it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from lbrouter.model.config import Bandwidth, Config, Vlan
from lbrouter.model.units import Rate

NO_GUARANTEE = Rate(0)
"""The guarantee of a VLAN that has none in the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VlanLimit:
    """A ceiling that an operator set on a VLAN for a while, in bits per second; None is none."""

    upload: Rate | None = None
    download: Rate | None = None


VlanLimits = Mapping[str, VlanLimit]
"""The limits in force, by VLAN name."""

NO_LIMITS: Final[VlanLimits] = MappingProxyType({})


def with_limits(config: Config, limits: VlanLimits) -> Config:
    """`config` with the ceilings of `limits` where they are lower than its own.

    A guarantee above its limit is lowered to it: HTB passes what is guaranteed, ceiling or not.
    """
    vlans = {
        name: vlan.model_copy(
            update={
                "upload": _limited_bandwidth(vlan.upload, limits[name].upload),
                "download": _limited_bandwidth(vlan.download, limits[name].download),
            }
        )
        for name, vlan in config.vlans.items()
        if name in limits
    }
    return config.model_copy(update={"vlans": {**config.vlans, **vlans}}) if vlans else config


def lowered_guarantees(vlan: Vlan, limit: VlanLimit) -> dict[str, Rate]:
    """The guarantees of the file that `limit` lowers, by direction."""
    pairs = (("upload", vlan.upload, limit.upload), ("download", vlan.download, limit.download))
    return {
        direction: share.guaranteed
        for direction, share, rate in pairs
        if share is not None and rate is not None and rate < share.guaranteed
    }


def _limited_bandwidth(share: Bandwidth | None, limit: Rate | None) -> Bandwidth | None:
    if limit is None:
        return share
    guaranteed = NO_GUARANTEE if share is None else share.guaranteed
    ceiling = limit if share is None or share.ceiling is None else share.ceiling
    return Bandwidth.model_construct(guaranteed=min(guaranteed, limit), ceiling=min(ceiling, limit))
