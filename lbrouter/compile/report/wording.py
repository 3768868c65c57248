"""Numbers, rates and counts as a person reads them."""


def counted(number: int, one: str, several: str) -> str:
    """A number with its noun: "1 change", "0 changes", "12 changes"."""
    return f"{number} {one if number == 1 else several}"
