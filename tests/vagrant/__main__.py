"""Plays the acts on five machines under Vagrant, and prints what it saw as a table in Markdown.

Run by tools/vagrant-lab.sh (`make vagrant-test`). Names of acts as arguments choose some of them.
With LBROUTER_VAGRANT_KEEP=1 the machines are neither made nor destroyed.
"""

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from subprocess import SubprocessError

from tests.vagrant import scenarios
from tests.vagrant.lab import Lab, LabError, kept, say
from tests.vagrant.scenarios import Act, Seen
from tests.vagrant.traffic import Traffic

ACTS: dict[str, tuple[str, Act]] = {
    "apply": ("`apply` of a changed file", scenarios.apply),
    "balance": ("balance 60/40, counted at the providers", scenarios.balance),
    "link-down": ("isp-a: cable pulled", scenarios.link_down),
    "black-hole": ("isp-a: black hole", scenarios.black_hole),
    "reboot": ("gateway rebooted", scenarios.reboot),
    "cut-session": ("SSH cut amid `apply --confirm-within 60s`", scenarios.cut_session),
    "power-cut": ("gateway's power cut amid `apply`", scenarios.power_cut),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An act that was played; `took_s` on the clock of this host."""

    title: str
    seen: Seen
    took_s: float

    def line(self) -> str:
        """As Markdown."""
        text = " ".join(self.seen.text.replace("|", "\\|").split())
        verdict = "pass" if self.seen.good else "FAIL"
        return f"| {self.title} | {text} | {self.took_s:.0f} s | {verdict} |"


def played(title: str, act: Callable[[], Seen]) -> Row:
    """One act; what stops it is what was seen."""
    say(title)
    began = time.monotonic()
    try:
        seen = act()
    except (LabError, SubprocessError, OSError, ValueError, LookupError) as trouble:
        seen = Seen(text=f"{type(trouble).__name__}: {trouble}"[:600], good=False)
    row = Row(title=title, seen=seen, took_s=time.monotonic() - began)
    say(row.line())
    return row


def play(names: list[str]) -> Iterator[Row]:
    """All of it. Without machines there are no acts, and what was made is always destroyed."""
    lab = Lab()
    try:
        if kept():
            lab.learn()
        else:
            yield (first := played("`vagrant up` of five machines", lambda: scenarios.up(lab)))
            if not first.seen.good:
                return
        yield from staged(lab, names)
    finally:
        if not kept():
            yield played("`vagrant destroy`", lambda: scenarios.destroy(lab))


def staged(lab: Lab, names: list[str]) -> Iterator[Row]:
    """The acts, with their traffic."""
    traffic = Traffic(lab)
    try:
        for name in names:
            title, act = ACTS[name]
            yield played(title, lambda act=act: act(lab, traffic))  # type: ignore[misc]
    finally:
        traffic.close()


def main() -> int:
    """Exit code 0 when every row is as it must be."""
    names = sys.argv[1:] or list(ACTS)
    if unknown := set(names) - set(ACTS):
        print(
            f"no such act: {', '.join(sorted(unknown))}; there are {', '.join(ACTS)}",
            file=sys.stderr,
        )
        return 64
    began = time.monotonic()
    rows = list(play(names))
    print("| what was done | what was seen | took | |\n|---|---|---|---|")
    print("\n".join(row.line() for row in rows))
    passed = sum(row.seen.good for row in rows)
    print(f"\n{passed} of {len(rows)} passed, {time.monotonic() - began:.0f} s in all")
    return 0 if rows and passed == len(rows) else 1


if __name__ == "__main__":
    sys.exit(main())
