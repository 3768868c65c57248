"""The VLANs of a policy, and the address families that their clients speak."""

from lbrouter.model.config import Config, Vlan
from lbrouter.model.kernel_state import AddressFamily


def vlan_families(vlan: Vlan) -> tuple[AddressFamily, ...]:
    """What clients of `vlan` speak: IPv4, and IPv6 where the VLAN has an IPv6 address."""
    six = (AddressFamily.V6,) if vlan.address6 is not None else ()
    return (AddressFamily.V4, *six)


def policy_vlans(config: Config, policy: str) -> tuple[str, ...]:
    """The VLANs whose flows take `policy`, all of them or by some rule."""
    ruled = [rule.from_ or tuple(config.vlans) for rule in config.rules if rule.policy == policy]
    named = {name for names in ruled for name in names}
    return tuple(n for n, vlan in config.vlans.items() if vlan.policy == policy or n in named)


def policy_families(config: Config, policy: str) -> tuple[AddressFamily, ...]:
    """The families of the clients of `policy`, IPv4 first; both where no VLAN uses it."""
    by_vlan = [vlan_families(config.vlans[name]) for name in policy_vlans(config, policy)]
    return max(by_vlan, key=len, default=tuple(AddressFamily))
