"""Why an uplink is in its state, in one short sentence."""

from collections.abc import Iterator

from lbrouter.compile.health.condition import portal, proof_s, suspected
from lbrouter.compile.health.damping import faults
from lbrouter.compile.health.measures import Measures, measures, milliseconds, percent
from lbrouter.compile.health.settings import Limits
from lbrouter.compile.health.tolerance import back_at
from lbrouter.compile.health.uplink_memory import Line, Measure, Standing, counted
from lbrouter.model.health import UplinkState


def reason(line: Line, at: float, *, lonely: bool) -> str:
    """One sentence; what hinders most comes first."""
    if line.drained:
        return "drained by hand"
    if not line.carrier:
        return f"no carrier on {line.settings.interface}"
    if not line.addressed:
        unknown = f"no address yet ({line.settings.addressing}) on {line.settings.interface}"
        return line.lacks or unknown
    if not line.heard:
        return _silent(line, at)
    if line.state is UplinkState.DOWN or line.state is UplinkState.WAITING:
        return _returning(line, at, lonely=lonely)
    return "; ".join(_complaints(line, at)) or _answering(line)


def _silent(line: Line, at: float) -> str:
    seen = counted(line)
    failures = {each.failure for each in seen.values() if each.missed}
    word = failures.pop().value if len(failures) == 1 else "no answer"
    span = at - line.quiet_from
    return f"{word} on {_many(len(seen), 'target')} for {_span(span)}"


def _returning(line: Line, at: float, *, lonely: bool) -> str:
    needed, clean = proof_s(line, at, lonely=lonely), max(at - line.fault_at, 0.0)
    again = faults(line.flaps, at)
    why = f", longer after {again} outages" if again > 1 and not lonely else ""
    return f"answers again for {_span(clean)}; back after {_span(needed)} without fault{why}"


def _complaints(line: Line, at: float) -> Iterator[str]:
    if line.suspect and at < line.replied_at + line.settings.down_after_s:
        quiet = _span(at - line.quiet_from)
        yield f"no target answers for {quiet}, connections go on; new flows avoid it"
    elif line.suspect:
        yield f"no answer for {_span(at - line.quiet_from)}; new flows avoid it"
    elif suspected(line, at):
        yield f"was silent; new flows avoid it for another {_span(line.trusted_at - at)}"
    page = portal(line)
    if page is not None:
        yield f"captive portal instead of {page}"
    pairs = zip(line.settings.limits, line.standings, strict=True)
    over = [(limits, each, each.out) for limits, each in pairs if each.out is not None]
    if over:
        found = measures(line, at)
        yield from (_out(limits, each, out, found, at) for limits, each, out in over)


def _out(limits: Limits, standing: Standing, out: Measure, found: Measures, at: float) -> str:
    """What is over which limit, "loss 12 % > 2 % (show)", or when the policy comes back."""
    now, limit, unit = _figures(limits, out, found)
    text = "unknown" if now is None else f"{_short(now)} {unit}"
    back = back_at(standing)
    if back is not None:
        return f"{out} {text}, back in {_span(max(back - at, 0.0))} if it stays ({limits.policy})"
    if now is not None and now > limit:
        return f"{out} {text} > {_short(limit)} {unit} ({limits.policy})"
    return f"{out} {text}, was over {_short(limit)} {unit} ({limits.policy})"


def _figures(limits: Limits, out: Measure, found: Measures) -> tuple[float | None, float, str]:
    """What is measured, what is tolerated, and the unit of both."""
    if out is Measure.LOSS:
        return percent(found.middle.loss), 100 * (limits.loss or 0.0), "%"
    if out is Measure.LATENCY:
        return milliseconds(found.rtt_s), 1000 * (limits.latency_s or 0.0), "ms"
    return milliseconds(found.jitter_s), 1000 * (limits.jitter_s or 0.0), "ms"


def _answering(line: Line) -> str:
    if line.heard_at is None:
        return "not probed yet"
    fine = sum(1 for seen in line.seen.values() if not seen.missed and seen.srtt_s is not None)
    return f"{fine} of {_many(len(line.seen), 'target')} answer"


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _span(seconds: float) -> str:
    """A time as people say it: "0.9 s", "12 s", "5 min"."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _short(value: float) -> str:
    """Two figures: "1.9", "12"."""
    return f"{value:.1f}".removesuffix(".0") if value < 10 else f"{value:.0f}"
