"""Numbers, rates and counts as a person reads them."""


def counted(number: int, one: str, several: str) -> str:
    """A number with its noun: "1 change", "0 changes", "12 changes"."""
    return f"{number} {one if number == 1 else several}"


def format_rate(bits_per_second: int) -> str:
    """A rate, short: "6.1 Mbit/s", "0.5 Mbit/s", "64 kbit/s". `Rate` would print every digit."""
    if bits_per_second < 1_000:
        return f"{bits_per_second} bit/s"
    if bits_per_second < 100_000:
        return f"{bits_per_second / 1e3:.1f} kbit/s"
    if bits_per_second < 1_000_000_000:
        return f"{bits_per_second / 1e6:.1f} Mbit/s"
    return f"{bits_per_second / 1e9:.1f} Gbit/s"
