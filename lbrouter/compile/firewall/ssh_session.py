"""The SSH session of an operator, as its environment names it."""

from dataclasses import dataclass
from ipaddress import ip_address

from lbrouter.model.kernel_state import IpAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorSession:
    """Both ends of an SSH session, and the interface of a link-local client; "" for others."""

    client: IpAddress
    server: IpAddress
    interface: str = ""


def parse_ssh_connection(text: str) -> OperatorSession | None:
    """The session of $SSH_CONNECTION: client, its port, server, its port. None for anything else.

    Source: ssh(1), ENVIRONMENT. A link-local client has its interface after a percent sign.
    """
    words = text.split()
    if len(words) != 4:
        return None
    try:
        client, server = (ip_address(word.partition("%")[0]) for word in (words[0], words[2]))
    except ValueError:
        return None
    return OperatorSession(client=client, server=server, interface=words[0].partition("%")[2])
