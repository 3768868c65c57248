"""`python -m bench [NAME...]`: runs the benchmarks and prints one table."""

import sys
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.table import Table

from bench import applying, failing, forwarding, resting
from bench.figures import Figure

BENCHES: dict[str, Callable[[], Iterator[Figure]]] = {
    "applying": applying.measure,
    "forwarding": forwarding.measure,
    "failing": failing.measure,
    "resting": resting.measure,
}


def main(names: list[str]) -> int:
    """Run the benchmarks by name, all of them without one."""
    if unknown := set(names) - set(BENCHES):
        sys.stderr.write(
            f"no such benchmark: {', '.join(unknown)}; there are {', '.join(BENCHES)}\n"
        )
        return 64
    table = Table("what", "promise", "median (range)", "runs")
    for name in names or BENCHES:
        sys.stderr.write(f"{name} ...\n")
        for figure in BENCHES[name]():
            table.add_row(figure.what, figure.promise, figure.seen, str(figure.runs))
    Console().print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
