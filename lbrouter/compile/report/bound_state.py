"""How the status document says who is at a bound on connections, or near it."""

from enum import StrEnum
from typing import TypedDict


class BoundState(StrEnum):
    """How much of its bound on connections a client or a VLAN holds; the words of the JSON."""

    NEAR = "near"
    """80 % or more."""
    AT = "at"
    """All: new flows are refused."""


class BoundClientStatus(TypedDict):
    """A client at its bound ("at") or near it ("near"), in `status --json`."""

    name: str | None
    mac: str
    bound: str
