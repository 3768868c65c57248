"""The English sentences about bounds on connections (see `sentences`)."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from lbrouter.model.messages.codes import EventCode

BOUND_SENTENCES: Final[Mapping[StrEnum, tuple[str, ...]]] = {
    EventCode.CLIENT_NEAR_BOUND: (
        (
            "client {client} of VLAN {vlan} has over {near_percent} of the {bound} connections"
            " that one client may have"
        ),
    ),
    EventCode.CLIENT_AT_BOUND: (
        (
            "client {client} of VLAN {vlan} has all {bound} connections that one client may have:"
            " new ones are refused"
        ),
    ),
    EventCode.CLIENT_BELOW_BOUND: (
        "client {client} of VLAN {vlan} is no longer near its bound of connections",
    ),
    EventCode.CLIENTS_BOUND_MORE: (
        (
            "VLAN {vlan}: more clients came near the bound of connections, or left it: {number}"
            " (lbrouter clients)"
        ),
    ),
    EventCode.VLAN_NEAR_BOUND: (
        (
            "the clients of VLAN {vlan} have over {near_percent} of the {bound} connections that"
            " they may have together"
        ),
    ),
    EventCode.VLAN_AT_BOUND: (
        (
            "the clients of VLAN {vlan} have all {bound} connections that they may have together:"
            " new ones are refused"
        ),
    ),
    EventCode.VLAN_BELOW_BOUND: ("VLAN {vlan} is no longer near its bound of connections",),
}
