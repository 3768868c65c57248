"""Acts on lbrouter itself: it applies, each uplink dies and comes back, it leaves no trace."""

from collections.abc import Iterator

from lbrouter.model.errors import Exit
from lbrouter.rehearsal.oracle import expected_shares
from lbrouter.rehearsal.report import Check, judge, tell
from lbrouter.rehearsal.stage import Stage, errors_of, percent, tally
from lbrouter.rehearsal.traffic import by_policy, no_way

APPLY = "lbrouter on the gateway"
OUTAGE = "each uplink loses its carrier"
CLIENTS = 12
"""New clients for each look at an outage."""

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


def outages(stage: Stage) -> Iterator[Check]:
    """Each uplink in turn: pulled, `apply`, new flows, plugged in again, `apply`, new flows."""
    yield tell(
        OUTAGE,
        "how",
        "the rehearsal runs no daemon: `lbrouter apply` is run after each change, "
        "and a line that dies while its carrier stays is not noticed",
    )
    for name, isp in stage.venue.isps.items():
        stage.progress(f"{name} loses its carrier")
        isp.carrier(up=False)
        yield from _reapply(stage, f"{name} pulled")
        yield from _look(stage, f"{name} pulled", dead=name)
        stage.progress(f"{name} is back")
        isp.carrier(up=True)
        yield from _reapply(stage, f"{name} back")
        yield from _look(stage, f"{name} back", watch=name)


def _reapply(stage: Stage, subject: str) -> Iterator[Check]:
    check = _command(stage, "apply", subject=subject)
    if check.verdict != "pass":
        yield check


def _look(stage: Stage, moment: str, *, dead: str = "", watch: str = "") -> Iterator[Check]:
    """New flows of each policy that has something to do with the uplink in question."""
    for (name, version), ways in by_policy(stage).items():
        policy = stage.config.policies[name]
        if (dead or watch) not in policy.uplinks:
            continue
        subject = f"{moment}: {name}, IPv{version}"
        expected = expected_shares(stage.config, policy, stage.able(version, dead={dead}))
        rows = stage.flows(ways, expected, count=2 * CLIENTS, clients=CLIENTS)
        if not expected:
            yield no_way(OUTAGE, subject, rows)
            continue
        counts, errors = stage.carriers(rows), errors_of(rows)
        seen = tally(counts) + (f"; failed: {tally(errors)}" if errors else "")
        right = set(counts) <= set(expected) and (watch not in expected or counts[watch] > 0)
        yield judge(OUTAGE, subject, expected=percent(expected), seen=seen, ok=right and not errors)


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
