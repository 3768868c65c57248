"""Checks of the gateway's own section."""

from collections.abc import Iterator
from typing import Final

from lbrouter.compile.config.checks.names import duplicates
from lbrouter.compile.config.diagnostics import Diagnostic, KeyPath, format_key_path
from lbrouter.model.config import Config
from lbrouter.model.kernel_state import IpAddress
from lbrouter.model.messages.phrase import phrase

HELPERS_PATH: Final[KeyPath] = ("gateway", "helpers")


def errors(config: Config) -> Iterator[Diagnostic]:
    """Resolvers that are the gateway itself: queries would loop."""
    yield from duplicates([str(resolver) for resolver in config.gateway.dns], ("gateway", "dns"))
    yield from duplicates([str(helper) for helper in config.gateway.helpers], HELPERS_PATH)
    own = _own_addresses(config)
    for index, resolver in enumerate(config.gateway.dns):
        if resolver in own:
            why = phrase(
                "is the gateway itself, by {own}: it would ask itself",
                own=format_key_path(own[resolver]),
            )
            path, needs = ("gateway", "dns", index), (own[resolver],)
            accepted = "a resolver elsewhere"
            yield Diagnostic(
                path=path, value=resolver, reason=why, accepted=accepted, depends_on=needs
            )


def _own_addresses(config: Config) -> dict[IpAddress, KeyPath]:
    """Each address that the file gives to the gateway, with its key."""
    keys: dict[IpAddress, KeyPath] = {}
    for uplink in config.uplinks.values():
        for key, own in (("address", uplink.static4), ("address6", uplink.static6)):
            if own is not None:
                keys[own.ip] = ("uplinks", uplink.name, key)
    for vlan in config.vlans.values():
        keys[vlan.address.ip] = ("vlans", vlan.name, "address")
        if vlan.address6 is not None:
            keys[vlan.address6.ip] = ("vlans", vlan.name, "address6")
    return keys
