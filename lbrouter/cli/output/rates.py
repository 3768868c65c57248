"""Rates for people."""


def format_rate(bits_per_second: int) -> str:
    """A measured rate, short: "6.1 Mbit/s". `Rate` would print every digit."""
    value = float(bits_per_second)
    for unit in ("bit/s", "kbit/s", "Mbit/s"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "bit/s" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} Gbit/s"
