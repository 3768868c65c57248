"""The fault table: what users outside the gateway see when a line dies or goes bad."""

from collections.abc import Iterator

from bench.failing import loss, moves, peers, twins
from bench.figures import Figure
from bench.options import BenchOptions


def measure(options: BenchOptions) -> Iterator[Figure]:
    """Every fault, `options.runs` times; then the peer programs for comparison."""
    yield from moves.measure(options)
    yield from loss.measure(options)
    yield from twins.measure(options)
    if options.peers:
        yield from peers.measure(options)
