"""Why an uplink has no address by DHCPv6."""

from lbrouter.compile.dhcp.dhcp6_client import Dhcp6ClientState, Dhcp6Phase
from lbrouter.compile.dhcp.dhcp6_message import Dhcp6Status
from lbrouter.compile.dhcp.failure_reasons import TRIES_UNTIL_NO_SERVER
from lbrouter.model.messages.codes import AddressCode
from lbrouter.model.messages.message import Message, message


def no_lease6_reason(client: Dhcp6ClientState, interface: str, *, since: str) -> Message | None:
    """Why there is no address on `interface`; None if there is one.

    `since` is the time at which the current search began, as people write it.
    """
    if client.lease is not None:
        return None
    if client.refusal == Dhcp6Status.NO_ADDRESS:
        return message(AddressCode.DHCP6_NO_ADDRESS, interface=interface)
    if client.refusal:
        return message(AddressCode.DHCP6_REFUSED, interface=interface, status=client.refusal)
    if client.phase is Dhcp6Phase.SOLICITING and client.tries > TRIES_UNTIL_NO_SERVER:
        return message(AddressCode.DHCP6_NO_SERVER, interface=interface, since=since)
    return message(AddressCode.DHCP6_ASKING, interface=interface)
