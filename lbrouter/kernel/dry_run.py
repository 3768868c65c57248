"""A dry run of the ruleset for a user who is not root, in a new user namespace.

There the user is root over an empty network namespace, which is all that nft needs. The kernel
checks the ruleset, and the network of the host does not change.
"""

import ctypes
import json
import os
from pathlib import Path
from typing import Final

from lbrouter.kernel.netlink.uapi import CLONE_NEWNET
from lbrouter.kernel.objects import nft
from lbrouter.model.errors import LbrouterError, NotAppliedError, message_of
from lbrouter.model.kernel_state import NftTable
from lbrouter.model.messages.message import parse_phrase
from lbrouter.model.messages.phrase import as_phrase, phrase, phrase_document

CLONE_NEWUSER: Final = 0x10000000

CAP_NET_ADMIN: Final = 12

DRY_RUN_EXIT_ACCEPTED, DRY_RUN_EXIT_REFUSED, DRY_RUN_EXIT_UNAVAILABLE = 0, 1, 2
"""Exit codes of the child."""


def dry_run(table: NftTable) -> str:
    """Ask the kernel whether it would take `table`; changes nothing.

    Returns why it could not be asked, "" when it could. Raises NotAppliedError where it refuses.
    """
    # Asked for before: without the capability, libnftables writes to stderr.
    lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
    effective = next(line.split()[1] for line in lines if line.startswith("CapEff:"))
    if int(effective, 16) >> CAP_NET_ADMIN & 1:
        nft.check(table)
        return ""
    # In a child: a process with threads may not change its user namespace.
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _run_child(table, writing)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8", errors="replace") as answer:
        text = answer.read()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code == DRY_RUN_EXIT_REFUSED:
        raise NotAppliedError(parse_phrase(json.loads(text)))
    return parse_phrase(json.loads(text)) if code == DRY_RUN_EXIT_UNAVAILABLE else ""


def _run_child(table: NftTable, result_pipe: int) -> None:
    """All that the child does. It never returns, so that it does not run the parent's clean-up."""
    code, text = DRY_RUN_EXIT_ACCEPTED, ""
    try:
        _enter_user_namespace()
        nft.check(table)
    except NotAppliedError as error:
        code, text = DRY_RUN_EXIT_REFUSED, str(error)
    except (LbrouterError, OSError) as error:
        code, text = (
            DRY_RUN_EXIT_UNAVAILABLE,
            phrase("no user namespace to ask in ({reason})", reason=as_phrase(message_of(error))),
        )
    except BaseException as error:  # noqa: BLE001  -- whatever it is, the child must end here
        code, text = DRY_RUN_EXIT_UNAVAILABLE, f"{type(error).__name__}: {error}"
    os.write(result_pipe, json.dumps(phrase_document(text)).encode())
    os._exit(code)


def _enter_user_namespace() -> None:
    user = os.geteuid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    Path("/proc/self/uid_map").write_text(f"0 {user} 1\n", encoding="ascii")
