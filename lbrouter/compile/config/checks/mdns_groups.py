"""Checks of the groups of VLANs that see each other's announcements (`gateway.mdns`)."""

from collections.abc import Iterator

from lbrouter.compile.config.checks.names import duplicates, undefined_reference
from lbrouter.compile.config.diagnostics import Diagnostic, KeyPath
from lbrouter.model.config import Config
from lbrouter.model.messages.phrase import phrase


def errors(config: Config) -> Iterator[Diagnostic]:
    """VLANs that are not there, and a VLAN that stands in one group twice."""
    for number, group in enumerate(config.gateway.mdns):
        path: KeyPath = ("gateway", "mdns", number)
        yield from duplicates(group, path)
        for index, name in enumerate(group):
            yield from undefined_reference("vlans", name, config.vlans, (*path, index))


def warnings(config: Config) -> Iterator[Diagnostic]:
    """Groups in which a device is seen, and none may connect to it."""
    for number, group in enumerate(config.gateway.mdns):
        if not any(set(config.vlans[name].reach) & set(group) for name in group):
            why = "these VLANs see each other's announcements, and none of them may connect"
            yield Diagnostic(
                path=("gateway", "mdns", number),
                value=list(group),
                reason=why,
                accepted=phrase(
                    'reach = ["{other}"] in [vlans.{vlan}], or the other way',
                    other=group[1],
                    vlan=group[0],
                ),
            )
