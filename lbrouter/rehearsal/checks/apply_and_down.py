"""Acts on lbrouter itself: it applies, and it leaves no trace."""

from collections.abc import Iterator

from lbrouter.model.errors import Exit
from lbrouter.rehearsal.checks.context import Stage
from lbrouter.rehearsal.report.tables import Check, judge

APPLY = "lbrouter on the gateway"

Snapshot = dict[str, str]


def apply(stage: Stage) -> Iterator[Check]:
    """`apply` succeeds, and then there is nothing left to change."""
    stage.progress("lbrouter apply")
    yield _command(stage, "apply")
    stage.progress("lbrouter plan")
    yield _command(stage, "plan", subject="plan after it")


def _command(stage: Stage, verb: str, *, subject: str = "") -> Check:
    done = stage.venue.gateway.lbrouter(verb)
    failed = done.returncode != Exit.DONE
    said = _complaint(done.stderr or done.stdout) if failed else _last_line(done.stdout)
    return judge(
        APPLY,
        subject or verb,
        expected="exit code 0",
        seen=f"{done.returncode}: {said}",
        ok=not failed,
    )


def _complaint(output: str) -> str:
    """What lbrouter says of its failure, without the notes before it."""
    _, found, complaint = output.rpartition("lbrouter: ")
    return (complaint if found else output).strip()


def _last_line(output: str) -> str:
    return output.strip().rpartition("\n")[2]


def down(stage: Stage, before: Snapshot) -> Iterator[Check]:
    """`down` gives the gateway back as it was found."""
    stage.progress("lbrouter down")
    yield _command(stage, "down")
    after = stage.venue.gateway.snapshot()
    wrong = {each: difference(before[each], after[each]) for each in before}
    found = {command: lines for command, lines in wrong.items() if lines}
    yield judge(
        APPLY,
        "what is left after down",
        expected="the gateway as it was",
        seen="\n".join(f"{command}: {lines}" for command, lines in found.items()) or "nothing",
        ok=not found,
    )


def difference(before: str, after: str) -> str:
    """Lines that went (-) and came (+), none when equal."""
    old, new = before.splitlines(), after.splitlines()
    lost = [f"-{line}" for line in old if line not in new]
    came = [f"+{line}" for line in new if line not in old]
    return "; ".join([*lost, *came])
