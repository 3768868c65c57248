"""Checks of the hosts that have a public address of their own (`[[maps]]`)."""

from collections.abc import Iterator

from lbrouter.compile.config.checks.forwards import SubnetLookup, family_errors, target_errors
from lbrouter.compile.config.checks.names import undefined_reference
from lbrouter.compile.config.diagnostics import Diagnostic, KeyPath
from lbrouter.model.config import ANY_UPLINK, AddressMap, Config
from lbrouter.model.kernel_state import IpAddress
from lbrouter.model.messages.phrase import phrase


def errors(config: Config) -> Iterator[Diagnostic]:
    """Maps without a host, public addresses that are in use, and what two maps claim."""
    places = SubnetLookup(config.vlans.values())
    for index, entry in enumerate(config.maps):
        where: KeyPath = ("maps", index)
        yield from undefined_reference("uplinks", entry.uplink, config.uplinks, (*where, "uplink"))
        yield from target_errors(places, entry.to, (*where, "to"), gateway_may=False)
        if entry.public.version != entry.to.version:
            why = phrase(
                "is IPv{version}, and {public} is IPv{other}",
                version=entry.to.version,
                public=entry.public,
                other=entry.public.version,
            )
            accepted = phrase("a host's address of IPv{version}", version=entry.public.version)
            yield Diagnostic(
                path=(*where, "to"), value=str(entry.to), reason=why, accepted=accepted
            )
        yield from family_errors(config, entry.uplink, entry.public, (*where, "public"))
        yield from _own_address_errors(config, entry, where)
    yield from _duplicates(config)


def _own_address_errors(config: Config, entry: AddressMap, where: KeyPath) -> Iterator[Diagnostic]:
    """A public address that the gateway itself, its provider or a VLAN has."""
    uplink = config.uplinks.get(entry.uplink)
    if uplink is None:
        return
    why, needs = _owner(config, entry)
    if why:
        example = _example(config, entry)
        accepted = phrase("a further address of this line")
        if example is not None:
            accepted = phrase('{what}, such as "{example}"', what=accepted, example=example)
        yield Diagnostic(
            path=(*where, "public"),
            value=str(entry.public),
            reason=why,
            accepted=accepted,
            depends_on=needs,
        )


def _owner(config: Config, entry: AddressMap) -> tuple[str, tuple[KeyPath, ...]]:
    """Who has the public address already, as a reason; "" where it is free."""
    uplink = config.uplinks[entry.uplink]
    section: KeyPath = ("uplinks", uplink.name)
    if entry.public in [own.ip for own in (uplink.static4, uplink.static6) if own is not None]:
        forwards = [
            f"forwards[{index}]"
            for index, forward in enumerate(config.forwards)
            if forward.uplink in (uplink.name, ANY_UPLINK)
        ]
        why = phrase(
            "is the gateway's own address on {uplink}; [[forwards]] are for it", uplink=uplink.name
        )
        if forwards:
            why = phrase(
                "is the gateway's own address on {uplink}, and {forwards} use it; [[forwards]] are"
                " for it",
                uplink=uplink.name,
                forwards=", ".join(forwards),
            )
        return why, (section, ("forwards",))
    if entry.public in (uplink.gateway, uplink.gateway6):
        return phrase("is the provider's router on {uplink}", uplink=uplink.name), (section,)
    if any(
        entry.public in own.network
        for vlan in config.vlans.values()
        for own in (vlan.address, vlan.address6)
        if own is not None
    ):
        return phrase("is in a VLAN, so it is no address outside"), (("vlans",),)
    return "", ()


def _example(config: Config, entry: AddressMap) -> IpAddress | None:
    """A free address in the line's own subnet; None where it has no room."""
    uplink = config.uplinks[entry.uplink]
    own = uplink.static4 if entry.public.version == 4 else uplink.static6
    if own is None:
        return None
    taken = {own.ip, uplink.gateway, uplink.gateway6, *(other.public for other in config.maps)}
    return next((host for host in own.network.hosts() if host not in taken), None)


def _duplicates(config: Config) -> Iterator[Diagnostic]:
    """A public address, or a host on one uplink, that two maps claim."""
    publics: dict[tuple[str, IpAddress], int] = {}
    hosts: dict[tuple[str, IpAddress], int] = {}
    for index, entry in enumerate(config.maps):
        for key, value, owners in (("public", entry.public, publics), ("to", entry.to, hosts)):
            first = owners.setdefault((entry.uplink, value), index)
            if first != index:
                yield Diagnostic(
                    path=("maps", index, key),
                    value=str(value),
                    reason=phrase("is used by maps[{first}] already", first=first),
                    accepted="an address of its own",
                    depends_on=(("maps", first),),
                )
