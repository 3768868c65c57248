"""Numbers, times and rates as a person reads them, in any language."""


def format_rate(bits_per_second: int) -> str:
    """A rate, short: "6.1 Mbit/s", "0.5 Mbit/s", "64 kbit/s". `Rate` would print every digit."""
    if bits_per_second < 1_000:
        return f"{bits_per_second} bit/s"
    if bits_per_second < 100_000:
        return f"{bits_per_second / 1e3:.1f} kbit/s"
    if bits_per_second < 1_000_000_000:
        return f"{bits_per_second / 1e6:.1f} Mbit/s"
    return f"{bits_per_second / 1e9:.1f} Gbit/s"


def duration_text(seconds: float) -> str:
    """A time as people say it: "0.9 s", "12 s", "5 min"."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def two_figures(value: float) -> str:
    """Two figures: "1.9", "12"."""
    return f"{value:.1f}".removesuffix(".0") if value < 10 else f"{value:.0f}"
