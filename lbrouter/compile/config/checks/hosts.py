"""Checks of the hosts that have an address of their own."""

from collections.abc import Iterator

from lbrouter.compile.config.checks.uplinks import reserved_in
from lbrouter.compile.config.diagnostics import Finding, Path, dotted
from lbrouter.model.config import Config, Reservation, Vlan

WORDS = frozenset({"localhost", "wpad", "isatap"})
"""Names that programs ask for by themselves, and trust."""


def faults(config: Config) -> Iterator[Finding]:
    """Addresses outside the subnet, and names, addresses and hardware that are given away twice."""
    owners: dict[tuple[str, object], Path] = {}
    for vlan in config.vlans.values():
        for name, host in vlan.hosts.items():
            where: Path = ("vlans", vlan.name, "hosts", name)
            yield from _name(name, where)
            yield from _address(vlan, host, where)
            yield from _twice(name, host, where, owners)


def _name(name: str, where: Path) -> Iterator[Finding]:
    if name in WORDS:
        why = "is a name that programs ask for by themselves, and believe"
        yield Finding(path=where, reason=why, accepted="another name")


def _address(vlan: Vlan, host: Reservation, where: Path) -> Iterator[Finding]:
    """What is wrong with the address, the first thing of several."""
    path, subnet = (*where, "address"), vlan.address
    accepted = f"a host of {subnet.network} other than {subnet.ip}"
    if host.address not in subnet.network:
        why = f"is not inside {subnet.network}, the subnet of {vlan.name}"
    elif host.address == subnet.ip:
        why = "is the gateway's own address"
    elif reserved_in(host.address, subnet):
        why = f"is an address that {subnet.network} keeps for itself"
    else:
        return
    needs: tuple[Path, ...] = (("vlans", vlan.name, "address"),)
    yield Finding(path=path, value=host.address, reason=why, accepted=accepted, needs=needs)


def _twice(
    name: str, host: Reservation, where: Path, owners: dict[tuple[str, object], Path]
) -> Iterator[Finding]:
    """One name for all VLANs: whoever asks has one resolver. One place for each device."""
    claims: tuple[tuple[Path, str, object], ...] = (
        (where, "name", name),
        ((*where, "mac"), "mac", host.mac),
        ((*where, "address"), "address", host.address),
    )
    for path, what, value in claims:
        first = owners.setdefault((what, value), where)
        if first != where:
            why = f"is the {what} of {dotted(first)} already"
            accepted = f"a {what} of its own"
            yield Finding(path=path, value=value, reason=why, accepted=accepted, needs=(first,))
