"""Checks of lbrouter itself: it applies, and it leaves no trace."""

from collections.abc import Iterator

from lbrouter.model.errors import ExitCode
from lbrouter.rehearsal.checks.context import RehearsalContext
from lbrouter.rehearsal.report.tables import Check, check_row

APPLY_SECTION = "lbrouter on the gateway"

KernelSnapshot = dict[str, str]


def check_apply(context: RehearsalContext) -> Iterator[Check]:
    """`apply` succeeds, and then there is nothing left to change."""
    context.progress("lbrouter apply")
    yield _command_check(context, "apply")
    context.progress("lbrouter plan")
    yield _command_check(context, "plan", subject="plan after it")


def _command_check(context: RehearsalContext, verb: str, *, subject: str = "") -> Check:
    done = context.venue.gateway.run_lbrouter(verb)
    failed = done.returncode != ExitCode.DONE
    said = (
        _error_text(done.stderr or done.stdout)
        if failed
        else done.stdout.strip().rpartition("\n")[2]
    )
    return check_row(
        APPLY_SECTION,
        subject or verb,
        expected="exit code 0",
        seen=f"{done.returncode}: {said}",
        ok=not failed,
    )


def _error_text(output: str) -> str:
    """The error message of lbrouter, without the notes before it."""
    _, marker, complaint = output.rpartition("lbrouter: ")
    return (complaint if marker else output).strip()


def check_down(context: RehearsalContext, before: KernelSnapshot) -> Iterator[Check]:
    """`down` gives the gateway back as it was found."""
    context.progress("lbrouter down")
    yield _command_check(context, "down")
    after = context.venue.gateway.snapshot()
    wrong = {command: line_difference(before[command], after[command]) for command in before}
    differences = {command: lines for command, lines in wrong.items() if lines}
    yield check_row(
        APPLY_SECTION,
        "what is left after down",
        expected="the gateway as it was",
        seen="\n".join(f"{command}: {lines}" for command, lines in differences.items())
        or "nothing",
        ok=not differences,
    )


def line_difference(before: str, after: str) -> str:
    """Lines that went (-) and came (+), none when equal."""
    old, new = before.splitlines(), after.splitlines()
    lost = [f"-{line}" for line in old if line not in new]
    came = [f"+{line}" for line in new if line not in old]
    return "; ".join([*lost, *came])
