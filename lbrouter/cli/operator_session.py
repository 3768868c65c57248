"""The SSH session that a command runs in, and a refusal to cut it."""

import os

from lbrouter.cli.context import build_applier
from lbrouter.cli.settings import CommandSettings
from lbrouter.compile.firewall.operator_session import (
    OperatorSession,
    parse_ssh_connection,
    session_cut_reason,
)
from lbrouter.compile.state.desired import observation_scope
from lbrouter.daemon.config_file import ConfigFile
from lbrouter.kernel.backend import LinuxKernel
from lbrouter.model.errors import NotAppliedError
from lbrouter.model.kernel_state import KernelState
from lbrouter.model.messages.operator import Operator
from lbrouter.model.messages.phrase import as_phrase, phrase
from lbrouter.system.ssh_session import login_name, ssh_connection


async def refuse_to_cut_session(settings: CommandSettings, file: ConfigFile) -> None:
    """Raise NotAppliedError where an apply of `file` would cut the SSH session of this command."""
    session = operator_session()
    if session is None:
        return
    async with LinuxKernel() as kernel:
        applier = build_applier(settings, kernel)
        facts = await kernel.facts(observation_scope(file.config, KernelState()))
        facts = applier.learned_facts(file.config, facts)
    reason = session_cut_reason(file.config, facts, session)
    if reason:
        raise NotAppliedError(
            phrase(
                "Not applied: this would cut your own SSH session. {reason}.",
                reason=as_phrase(reason),
            ),
            remedy="Use `lbrouter apply --confirm-within 60s`: it is undone if you do not confirm.",
        )


def operator_session() -> OperatorSession | None:
    """The session that this process or a parent of it was started in; sudo hides the variable."""
    return parse_ssh_connection(ssh_connection(os.getpid()))


def own_operator() -> Operator:
    """Who runs this command, for what it does without a daemon."""
    session = operator_session()
    address = None if session is None else str(session.client)
    return Operator(name=login_name(os.getpid(), os.getuid()), address=address)
