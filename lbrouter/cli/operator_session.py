"""Who runs a command, and the SSH session that it runs in."""

import os

from lbrouter.compile.firewall.ssh_session import OperatorSession, parse_ssh_connection
from lbrouter.model.messages.operator import Operator
from lbrouter.system.ssh_session import login_name, ssh_connection


def operator_session() -> OperatorSession | None:
    """The session that this process or a parent of it was started in; sudo hides the variable."""
    return parse_ssh_connection(ssh_connection(os.getpid()))


def own_operator() -> Operator:
    """The user who logged in, and the address of the SSH session."""
    session = operator_session()
    address = None if session is None else str(session.client)
    return Operator(name=login_name(os.getpid(), os.getuid()), address=address)
