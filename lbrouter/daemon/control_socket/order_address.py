"""From where an order comes: both clients of the control socket say it."""

import os

from lbrouter.compile.firewall.ssh_session import parse_ssh_connection
from lbrouter.daemon.control_socket.protocol import READ_ONLY_VERBS, Document
from lbrouter.system.ssh_session import ssh_connection


def with_address(request: Document) -> Document:
    """An order says where its person sits: the daemon's unit may not read that of other processes.

    A request that says who gives it stays as it is.
    """
    session = parse_ssh_connection(ssh_connection(os.getpid()))
    if session is None or "by" in request or request["verb"] in READ_ONLY_VERBS:
        return request
    return {**request, "by": {"address": str(session.client)}}
