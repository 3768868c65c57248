"""Which clients a sticky policy remembers: sets by hardware address, a share for each VLAN."""

from collections.abc import Iterator
from typing import Final

from lbrouter.compile.firewall.templates import render_fragment
from lbrouter.model.config import Config, Policy, PolicyMode
from lbrouter.model.facts import Allocation
from lbrouter.model.kernel_state import AddressFamily, NftElements

CLIENTS_ADMITTED: Final = 8192
"""Clients of one VLAN that are remembered; more draw an uplink for each flow."""

MIN_ADMITTED_S: Final = 600
"""How long a client is admitted, where no policy is sticky for longer."""

DISPLACED_MARGIN_S: Final = 1
"""A client counts as displaced this much longer than it is remembered."""


def structure(config: Config, allocation: Allocation) -> Iterator[str]:
    """The sets and chains of all sticky policies; nothing without one."""
    sticky = _sticky_policies(config)
    if not sticky:
        return
    # A client's place in a sticky set may outlive its admission once: twice the share is enough.
    size = 2 * CLIENTS_ADMITTED * len(config.vlans)
    timeout = f"{max(MIN_ADMITTED_S, *(policy.sticky // 1000 for policy in sticky))}s"
    yield render_fragment("admitted-clients", share=CLIENTS_ADMITTED, size=size, timeout=timeout)
    for vlan in config.vlans:
        yield render_fragment(
            "vlan-admitted-clients", vlan=vlan, share=CLIENTS_ADMITTED, timeout=timeout
        )
    for policy in sticky:
        for family in AddressFamily:
            yield from _policy_chains(policy, allocation, family, size)


def elements(config: Config) -> dict[str, NftElements]:
    """Which chain admits the clients of a VLAN, by its device."""
    if not _sticky_policies(config):
        return {}
    return {
        "admit_dispatch": frozenset(
            (config.vlan_device(vlan), f"jump admit_{name}") for name, vlan in config.vlans.items()
        )
    }


def _sticky_policies(config: Config) -> list[Policy]:
    balanced = [p for p in config.policies.values() if p.mode is PolicyMode.BALANCE]
    return [policy for policy in balanced if policy.sticky]


def _policy_chains(
    policy: Policy, allocation: Allocation, family: AddressFamily, size: int
) -> Iterator[str]:
    yield render_fragment("displaced-clients", policy=policy.name, family=family, size=size)
    for uplink in policy.uplinks:
        timeout_s = max(1, policy.sticky // 1000)
        yield render_fragment(
            "sticky-clients",
            policy=policy.name,
            number=allocation.uplinks[uplink],
            family=family,
            size=size,
            timeout=f"{timeout_s}s",
            displaced_timeout=f"{timeout_s + DISPLACED_MARGIN_S}s",
        )
