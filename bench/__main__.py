"""`python -m bench [--vm] [NAME...]`: runs the benchmarks and prints one table, in Markdown.

With `--vm` they run inside the virtual machine of tests/vm, whose kernel has all that this one may
lack, on an emulated processor: for latency and fairness at low rates, not for throughput.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from bench import (
    applying,
    busy,
    changes,
    disturbed,
    evenings,
    failing,
    fairness,
    flooding,
    forwarding,
    guest_attack,
    idle,
    lane,
    many_clients,
    new_flows,
    pinged,
    queues,
    rescaling,
    resting,
    sequences,
    shaping,
    steady,
)
from bench.figures import Figure
from bench.options import BenchOptions
from tests.vm import machine

VM_BENCH_TIMEOUT_S = 1500

BENCHES: dict[str, Callable[[BenchOptions], Iterator[Figure]]] = {
    "applying": lambda _: applying.measure(),
    "changes": lambda _: changes.measure(),
    "forwarding": lambda _: forwarding.measure(),
    "new-flows": lambda _: new_flows.measure(),
    "guest-attack": lambda _: guest_attack.measure(),
    "many-clients": lambda _: many_clients.measure(),
    "failing": failing.measure,
    "disturbed": disturbed.measure,
    "pinged": pinged.measure,
    "idle": idle.measure,
    "steady": steady.measure,
    "busy": busy.measure,
    "sequences": sequences.measure,
    "evenings": evenings.measure,
    "resting": lambda _: resting.measure(),
    "shaping": lambda _: shaping.measure(),
    "rescaling": lambda _: rescaling.measure(),
    "flooding": lambda _: flooding.measure(),
    "fairness": lambda _: fairness.measure(),
    "queues": lambda _: queues.measure(),
    "lane": lane.measure,
    "lane-encoder": lane.encoder.measure,
    "lane-faults": lane.faults.measure,
    "lane-flood": lane.flood.measure,
    "lane-cost": lane.cost.measure,
}
DEFAULT_BENCHES = ("applying", "forwarding", "failing")
"""What runs without a name; the others take ten minutes and more, each."""

TABLE_HEADER = "| what | promise | seen | runs |\n|---|---|---|---|"


def main(argv: Sequence[str]) -> int:
    """Run the benchmarks by name; each row is printed as soon as it is there."""
    asked = _parser().parse_args(argv)
    if asked.vm:
        sys.stdout.write(_run_in_vm(asked))
        return 0
    options = BenchOptions(**{key: getattr(asked, key) for key in _option_names()})
    rows: list[dict[str, object]] = []
    sys.stdout.write(TABLE_HEADER + "\n")
    for name in asked.names or DEFAULT_BENCHES:
        sys.stderr.write(f"{name} ... (progress: {options.progress})\n")
        for figure in BENCHES[name](options):
            cells = (figure.what, figure.promise, figure.seen, str(figure.runs))
            sys.stdout.write(f"| {' | '.join(cells)} |\n")
            sys.stdout.flush()
            rows.append({"bench": name, **asdict(figure)})
            if asked.json:
                asked.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return 0


def _run_in_vm(asked: argparse.Namespace) -> str:
    arguments = [*asked.names, "--runs", str(asked.runs)]
    arguments += ["--clip-seconds", str(asked.clip_seconds)]
    return machine.run_benchmarks(arguments, within_s=VM_BENCH_TIMEOUT_S)


def _option_names() -> tuple[str, ...]:
    return (
        *("runs", "minutes", "upload", "download", "loss", "count", "seed", "clip_seconds"),
        *("peers", "progress"),
    )


def _parser() -> argparse.ArgumentParser:
    usual = BenchOptions()
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*BENCHES, []], metavar="NAME")
    parser.add_argument("--vm", action="store_true", help="in the virtual machine of tests/vm")
    parser.add_argument(
        "--runs", type=int, default=usual.runs, help="failing, idle, lane: runs of each fault"
    )
    parser.add_argument("--minutes", type=float, default=usual.minutes, help="steady: how long")
    parser.add_argument("--upload", action="store_true", help="steady: under full own upload")
    parser.add_argument("--download", action="store_true", help="steady: under full download")
    parser.add_argument(
        "--loss", type=float, default=usual.loss, help="steady: percent each way, under load"
    )
    parser.add_argument(
        "--count", type=int, default=usual.count, help="sequences, evenings: how many"
    )
    parser.add_argument(
        "--seed", type=int, default=usual.seed, help="sequences, evenings: the first seed"
    )
    parser.add_argument(
        "--clip-seconds", type=int, default=usual.clip_seconds, help="lane-encoder: how long"
    )
    parser.add_argument("--no-peers", dest="peers", action="store_false", help="failing: us alone")
    parser.add_argument("--progress", type=Path, default=usual.progress)
    parser.add_argument("--json", type=Path, help="write the rows with their samples here")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
