"""Who gave an order: it stands in the event of the order, and in the list of configurations."""

from dataclasses import dataclass
from typing import Final, TypedDict

MAX_OPERATOR_CHARS: Final = 64
"""Of a name or an address: a person wrote it."""


class OperatorDocument(TypedDict):
    """The key `by` of an event. `address` is where the person sits, null where it is not known."""

    name: str
    address: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """A person by name, and by the address from which the order came."""

    name: str
    address: str | None = None

    def as_json(self) -> OperatorDocument:
        """For events, and for the socket."""
        return {"name": self.name, "address": self.address}

    def __str__(self) -> str:
        return self.name if self.address is None else f"{self.name} ({self.address})"


ITSELF: Final = Operator(name="lbrouter")
"""What no person asked for: the start of the daemon, a deadline, a signal."""


def parse_operator(found: object, peer: Operator) -> Operator:
    """What a request says of itself (the web page's user), else the user of the socket's peer.

    Anything that is no name or no address is passed over, and what is not printable is left out.
    """
    known = found if isinstance(found, dict) else {}
    name, address = _text(known.get("name")), _text(known.get("address"))
    return Operator(name=name or peer.name, address=address or peer.address)


def _text(found: object) -> str:
    if not isinstance(found, str):
        return ""
    return "".join(each for each in found if each.isprintable())[:MAX_OPERATOR_CHARS].strip()
