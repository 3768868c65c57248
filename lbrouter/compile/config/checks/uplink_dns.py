"""Checks of the resolvers that are asked by single lines: `uplinks.NAME.dns`."""

from collections.abc import Iterator

from lbrouter.compile.config.checks.names import duplicates
from lbrouter.compile.config.diagnostics import Diagnostic, KeyPath, format_key_path
from lbrouter.model.config import Addressing, Config, Uplink
from lbrouter.model.kernel_state import IpAddress
from lbrouter.model.messages.phrase import phrase

ACCEPTED_DNS = '"lease", "none", or a list of addresses, as ["198.51.100.1"]'


def errors(config: Config) -> Iterator[Diagnostic]:
    """Words beside addresses, and resolvers that the line cannot reach."""
    for uplink in config.uplinks.values():
        path: KeyPath = ("uplinks", uplink.name, "dns")
        if len(uplink.dns) > max(1, len(uplink.resolvers)):
            why = 'has "lease" or "none" beside other values; such a word stands alone'
            yield Diagnostic(path=path, reason=why, accepted=ACCEPTED_DNS)
        yield from duplicates([str(resolver) for resolver in uplink.resolvers], path)
        if uplink.is_lane and uplink.resolvers:
            why = "cannot be used with a lane: its resolvers are those of its lines"
            needs: tuple[KeyPath, ...] = (("uplinks", uplink.name, "address"),)
            yield Diagnostic(path=path, reason=why, accepted="no dns here", depends_on=needs)
            continue
        for resolver in uplink.resolvers:
            yield from _unreachable(config, uplink, resolver, path)


def _unreachable(
    config: Config, uplink: Uplink, resolver: IpAddress, path: KeyPath
) -> Iterator[Diagnostic]:
    for vlan in config.vlans.values():
        for key, own in (("address", vlan.address), ("address6", vlan.address6)):
            if own is not None and resolver in own.network:
                where: KeyPath = ("vlans", vlan.name, key)
                yield Diagnostic(
                    path=path,
                    value=resolver,
                    reason=phrase(
                        "lies in {subnet} of {key}, not on this line",
                        subnet=str(own.network),
                        key=format_key_path(where),
                    ),
                    accepted="a resolver beyond this line",
                    depends_on=(where,),
                )
    external = uplink.addressing is Addressing.EXTERNAL
    family = uplink.address if resolver.version == 4 else uplink.address6
    if family is None and not external:
        key = "address" if resolver.version == 4 else "address6"
        yield Diagnostic(
            path=path,
            value=resolver,
            reason=phrase(
                "is an IPv{version} address, and the line has no {key}",
                version=str(resolver.version),
                key=key,
            ),
            accepted=ACCEPTED_DNS,
            depends_on=(("uplinks", uplink.name, key),),
        )
