"""What is asked before a file is applied, by the daemon and by a command without one."""

from lbrouter.compile.firewall.operator_session import session_cut_reason
from lbrouter.compile.firewall.ssh_session import parse_ssh_connection
from lbrouter.compile.state.desired import observation_scope
from lbrouter.daemon.applier import Applier
from lbrouter.daemon.config_file import ConfigFile, require_distinct_interfaces, require_tools
from lbrouter.model.errors import NotAppliedError
from lbrouter.model.kernel_state import KernelState
from lbrouter.model.messages.phrase import as_phrase, phrase
from lbrouter.services import secrets


async def require_applicable(applier: Applier, file: ConfigFile, session: str) -> None:
    """Raise where the machine cannot have `file`, or where it would cut the operator's session.

    `session` is $SSH_CONNECTION of the command, "" where there is none or it may be cut. Raises
    UnavailableError for a program, ConfigError for a password or an interface, NotAppliedError for
    the session.
    """
    config = file.config
    require_distinct_interfaces(file)
    require_tools(config)
    secrets.require(config)
    known = parse_ssh_connection(session)
    if known is None:
        return
    facts = await applier.kernel.facts(observation_scope(config, KernelState()))
    reason = session_cut_reason(config, applier.learned_facts(config, facts), known)
    if reason:
        raise NotAppliedError(
            phrase(
                "Not applied: this would cut your own SSH session. {reason}.",
                reason=as_phrase(reason),
            ),
            remedy="Use `lbrouter apply --confirm-within 60s`: it is undone if you do not confirm.",
        )
