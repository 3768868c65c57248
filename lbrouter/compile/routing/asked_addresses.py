"""Addresses that the gateway itself asks, as the file names them: no lease may take one of them.

Resolvers, targets, relays and the webhook lie wherever the file says, by whichever line is best. A
provider that lends an address there, or a subnet with it, would make them its own.
"""

from collections.abc import Iterator

from lbrouter.model.config import Config, Uplink
from lbrouter.model.kernel_state import IpAddress, IpNetwork


def asked_addresses(config: Config) -> dict[IpAddress, str]:
    """Each address with the key that names it, as "gateway.dns"; hosts by name are not in it."""
    named = dict[IpAddress, str]()
    for address, key in _named_addresses(config):
        named.setdefault(address, key)
    return named


def holds_asked_address(config: Config, network: IpNetwork) -> bool:
    """Whether `network` holds one of them."""
    return any(address in network for address in asked_addresses(config))


def _named_addresses(config: Config) -> Iterator[tuple[IpAddress, str]]:
    for resolver in config.gateway.dns:
        yield resolver, "gateway.dns"
    for target in config.health.targets:
        if target.address is not None:
            yield target.address, "health.targets"
    if config.alerts is not None and config.alerts.webhook is not None:
        address = config.alerts.webhook.address
        if address is not None:
            yield address, "alerts.webhook"
    for uplink in config.uplinks.values():
        yield from _of_uplink(uplink)


def _of_uplink(uplink: Uplink) -> Iterator[tuple[IpAddress, str]]:
    for target in uplink.health.targets or ():
        if target.address is not None:
            yield target.address, f"uplinks.{uplink.name}.health.targets"
    if uplink.relay is not None and uplink.relay.address is not None:
        yield uplink.relay.address, f"uplinks.{uplink.name}.relay"
