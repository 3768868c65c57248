"""Checks of the hosts that have a reserved address."""

from collections.abc import Iterator

from lbrouter.compile.config.checks.uplinks import is_reserved_address
from lbrouter.compile.config.diagnostics import Diagnostic, KeyPath, format_key_path
from lbrouter.model.config import Config, Reservation, Vlan
from lbrouter.model.messages.phrase import Phrase, phrase

RESERVED_HOST_NAMES = frozenset({"localhost", "wpad", "isatap"})
"""Names that programs ask for by themselves, and trust."""


def errors(config: Config) -> Iterator[Diagnostic]:
    """Addresses outside the subnet, and duplicate names, addresses and hardware addresses."""
    owners: dict[tuple[str, object], KeyPath] = {}
    for vlan in config.vlans.values():
        for name, host in vlan.hosts.items():
            where: KeyPath = ("vlans", vlan.name, "hosts", name)
            yield from _name_errors(name, where)
            yield from _address_errors(vlan, host, where)
            yield from _duplicates(name, host, where, owners)


def _name_errors(name: str, where: KeyPath) -> Iterator[Diagnostic]:
    if name in RESERVED_HOST_NAMES:
        why = "is a name that programs look up and trust by themselves"
        yield Diagnostic(path=where, reason=why, accepted="another name")


def _address_errors(vlan: Vlan, host: Reservation, where: KeyPath) -> Iterator[Diagnostic]:
    """The first error of the address."""
    path, subnet = (*where, "address"), vlan.address
    accepted = phrase("a host of {network} other than {ip}", network=subnet.network, ip=subnet.ip)
    if host.address not in subnet.network:
        why = phrase(
            "is not inside {network}, the subnet of {vlan}", network=subnet.network, vlan=vlan.name
        )
    elif host.address == subnet.ip:
        why = phrase("is the gateway's own address")
    elif is_reserved_address(host.address, subnet):
        why = phrase("is a reserved address of {network}", network=subnet.network)
    else:
        return
    needs: tuple[KeyPath, ...] = (("vlans", vlan.name, "address"),)
    yield Diagnostic(path=path, value=host.address, reason=why, accepted=accepted, depends_on=needs)


def _duplicates(
    name: str, host: Reservation, where: KeyPath, owners: dict[tuple[str, object], KeyPath]
) -> Iterator[Diagnostic]:
    """Names are unique over all VLANs, which share one resolver. A device has one address."""
    claims: tuple[tuple[KeyPath, Phrase, object], ...] = (
        (where, phrase("name"), name),
        ((*where, "mac"), phrase("mac"), host.mac),
        ((*where, "address"), phrase("address"), host.address),
    )
    for path, what, value in claims:
        first = owners.setdefault((what, value), where)
        if first != where:
            why = phrase(
                "is the {what} of {first} already",
                what=what,
                first=format_key_path(first),
            )
            accepted = phrase("a {what} of its own", what=what)
            yield Diagnostic(
                path=path, value=value, reason=why, accepted=accepted, depends_on=(first,)
            )
