"""What a user does at the console of an emulated PC with the image on its disk."""

import json
import shlex
from typing import Any

from tests.image.emulated_pc import EmulatedPc

BOOT_TIMEOUT_S = 400
"""A bound, many times what an emulated PC needs on an idle machine."""

PASSWORD = "gala-2026-hall"
CONFIG_WRITTEN_MESSAGE = "written: /etc/lbrouter/lbrouter.toml"
CONFIG_PATH = "/etc/lbrouter/lbrouter.toml"


def log_in(pc: EmulatedPc) -> str:
    """As root, at the serial port; the first time a password is set, later it is asked for."""
    pc.wait_for(r"lbrouter login: ", within_s=BOOT_TIMEOUT_S)
    pc.type_line("root")
    seen = pc.wait_for(r"(?i)password: ?$", within_s=120)
    pc.type_line(PASSWORD)
    if "new password" in seen.lower():
        pc.wait_for(r"(?i)retype.*: ?$", within_s=120)
        pc.type_line(PASSWORD)
    return seen


def first_login(pc: EmulatedPc, *, lines: int = 2) -> str:
    """Log in to a PC that is no gateway yet: `lbrouter init` asks, Enter is every answer."""
    seen = log_in(pc)
    for question in ("Name of the gateway", "trunk", "Ports with internet lines"):
        seen += pc.wait_for(rf"{question}.*: $", within_s=120)
        pc.type_line("")
    for question in ("Name of the line on", r"rate \(", r"rate \(") * lines:
        seen += pc.wait_for(rf"{question}.*: $", within_s=120)
        pc.type_line("")
    seen += pc.wait_for(r"systemctl start.*\n", within_s=120)
    pc.wait_for(r"[#$] $", within_s=120)
    pc.prepare_shell()
    relax_systemd_timeouts(pc)
    return seen


def relax_systemd_timeouts(pc: EmulatedPc) -> None:
    """Tell systemd that this processor is emulated, and stands still while others work beside it.

    The unit's own bounds (4 s without a word, 90 s for the start) are a real PC's.
    """
    folder = "/etc/systemd/system/lbrouter.service.d"
    words = r"[Service]\nWatchdogSec=60s\nTimeoutStartSec=400s\n"
    run_checked(pc, f"mkdir -p {folder}; printf '{words}' >{folder}/emulated.conf")
    run_checked(pc, "systemctl daemon-reload")


def log_in_to_gateway(pc: EmulatedPc) -> None:
    """Log in to a PC that is a gateway already."""
    log_in(pc)
    pc.wait_for(r"[#$] $", within_s=120)
    pc.prepare_shell()


def run_checked(pc: EmulatedPc, command: str, *, within_s: float = 300) -> str:
    """Output of a command that must succeed."""
    code, text = pc.run(command, within_s=within_s)
    assert code == 0, f"{command}: {code}\n{text}"
    return text


def status(pc: EmulatedPc) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run_checked(pc, "lbrouter status --json"))
    return found


def wait_until_up(pc: EmulatedPc, count: int) -> None:
    """Wait until this many uplinks are up. The PC polls by itself: each query costs it seconds."""
    # An uplink's own state stands at six spaces; those of its families stand deeper.
    seen = 'lbrouter status --json | grep -cE \'^ {6}"state": "up"\''
    loop = f'until [ "$({seen})" = {count} ]; do sleep 2; done'
    code, text = pc.run(f"timeout 300 sh -c {shlex.quote(loop)}", within_s=350)
    assert code == 0, (text, status(pc)["uplinks"])
