"""Applies an operator's temporary limits to the configuration: lower VLAN ceilings. Pure."""

from collections.abc import Mapping

from lbrouter.model.config import Bandwidth, Config, Vlan
from lbrouter.model.health import VlanLimit
from lbrouter.model.units import Rate

NO_GUARANTEE = Rate(0)
"""The guarantee of a VLAN that has none in the file."""


def with_limits(config: Config, limits: Mapping[str, VlanLimit]) -> Config:
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
