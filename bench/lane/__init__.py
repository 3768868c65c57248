"""The lane: what streams notice of faults, of a flood, and what it costs.

Lines of 20 and 40 ms round trip. Which WireGuard ran, the kernel's or wireguard-go, is a row of its
own: under load wireguard-go loses packets by itself.
"""

from collections.abc import Iterator

from bench.figures import Figure
from bench.lane import cost, encoder, faults, flood
from bench.options import BenchOptions


def measure(options: BenchOptions) -> Iterator[Figure]:
    """All of it."""
    yield from encoder.measure(options)
    yield from faults.measure(options)
    yield from flood.measure(options)
    yield from cost.measure(options)
