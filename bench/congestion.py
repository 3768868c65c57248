"""Which congestion control the loads of the benchmarks use."""

from typing import Final

CUBIC: Final = ("-C", "cubic")
"""For iperf3: what clients and most servers use. BBR, where it is a kernel's default, ignores
loss: its downloads keep a FIFO leaf, and the provider's queue before it, full all the time."""
