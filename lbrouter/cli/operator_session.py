"""Who runs a command, for what it does without a daemon."""

import os

from lbrouter.compile.firewall.ssh_session import parse_ssh_connection
from lbrouter.model.messages.operator import Operator
from lbrouter.system.ssh_session import login_name, ssh_connection


def own_operator() -> Operator:
    """The user who logged in, and the address of the SSH session."""
    session = parse_ssh_connection(ssh_connection(os.getpid()))
    address = None if session is None else str(session.client)
    return Operator(name=login_name(os.getpid(), os.getuid()), address=address)
