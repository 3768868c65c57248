"""Numbers, rates and counts as a person reads them."""

from lbrouter.model.messages.phrase import Phrase, as_phrase, phrase


def counted(number: int, one: str, several: str) -> Phrase:
    """A number with its noun: "1 change", "0 changes", "12 changes"."""
    noun = as_phrase(one if number == 1 else several)
    return phrase("{number} {noun}", number=number, noun=noun)
