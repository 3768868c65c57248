"""`login`: one client of a `manage` VLAN takes one line alone for a while, down or not.

So that somebody can log in at the portal behind it. When the line answers, it joins by itself.
"""

from functools import partial
from ipaddress import ip_address
from typing import Any, Final

from lbrouter.compile.routing.uplink_addressing import has_nexthop
from lbrouter.daemon.control_socket.protocol import Document, int_field, string_field
from lbrouter.daemon.reconcile.loop import ReconcileLoop
from lbrouter.kernel.neighbours.neighbour_table import read_neighbour_table
from lbrouter.kernel.objects import nft
from lbrouter.kernel.own_thread import in_own_thread
from lbrouter.model.config import Config, Vlan
from lbrouter.model.errors import NotAppliedError, UsageError
from lbrouter.model.facts import Facts
from lbrouter.model.kernel_state import AddressFamily, IpAddress
from lbrouter.model.messages.codes import EventCode
from lbrouter.model.messages.message import message
from lbrouter.model.messages.phrase import phrase

DEFAULT_LOGIN_MS: Final = 600_000
MAX_LOGIN_MS: Final = 3_600_000


class LoginCommand:
    """Answers the request {"uplink", "client", "for_ms"}."""

    def __init__(self, loop: ReconcileLoop) -> None:
        self._loop = loop

    async def login(self, request: Document) -> Any:
        """Send the client by the line. Raises UsageError or NotAppliedError."""
        name, for_ms = string_field(request, "uplink"), int_field(request, "for_ms", default=0)
        for_s = min(for_ms or DEFAULT_LOGIN_MS, MAX_LOGIN_MS) // 1000
        config, applied = self._loop.config_file.config, self._loop.reconciler.applied
        if applied is None:
            raise NotAppliedError("The kernel is being changed.", remedy="Try again in a second.")
        _require_line(config, name, applied.snapshot.facts)
        client = _parse_client(string_field(request, "client"))
        mac = await _hardware_address(config, _manage_vlan(config, client), client)
        number = applied.snapshot.allocation.uplinks[name]
        await in_own_thread(partial(nft.send_client_by, mac, number, max(1, for_s)))
        said = message(EventCode.LOGIN, uplink=name, client=str(client), for_s=for_s)
        self._loop.journal.log("login", said, subject=name)
        return {"said": str(said), "message": said.as_json(), "uplink": name, "for_s": for_s}


def _require_line(config: Config, name: str, facts: Facts) -> None:
    uplink = config.uplinks.get(name)
    if uplink is None or uplink.is_lane:
        lines = ", ".join(line for line, each in config.uplinks.items() if not each.is_lane)
        raise UsageError(
            phrase('There is no line "{name}".', name=name),
            remedy=phrase("Choose one of: {lines}.", lines=lines),
        )
    if not has_nexthop(uplink, AddressFamily.V4, facts):
        raise NotAppliedError(
            phrase("{name} has no IPv4 address and no router yet.", name=name),
            remedy="See why: lbrouter status.",
        )


def _parse_client(text: str) -> IpAddress:
    try:
        return ip_address(text)
    except ValueError:
        raise UsageError(phrase('The client "{text}" is not an IP address.', text=text)) from None


def _manage_vlan(config: Config, client: IpAddress) -> Vlan:
    """The VLAN of the client, which must be one with `manage`."""
    for vlan in config.vlans.values():
        networks = [own.network for own in (vlan.address, vlan.address6) if own is not None]
        if any(client in network for network in networks):
            if vlan.manage:
                return vlan
            raise UsageError(
                phrase(
                    "{client} is in VLAN {vlan}, which has no manage = true.",
                    client=client,
                    vlan=vlan.name,
                ),
                remedy="Log in from a client of a VLAN with manage.",
            )
    raise UsageError(phrase("{client} is in no VLAN of the file.", client=client))


async def _hardware_address(config: Config, vlan: Vlan, client: IpAddress) -> str:
    """By which the client is known, whatever family it speaks."""
    neighbours = await in_own_thread(
        partial(read_neighbour_table, frozenset({config.vlan_device(vlan)}))
    )
    found = [each.mac for each in neighbours if each.address == client]
    if not found:
        raise NotAppliedError(
            phrase("{client} was not heard on VLAN {vlan} lately.", client=client, vlan=vlan.name),
            remedy="Open any page on it, then try again.",
        )
    return found[0]
