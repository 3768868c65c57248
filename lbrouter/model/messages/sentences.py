"""The English sentence of each code. The catalogues have them in the other languages.

A code may have several: the names of a message's values decide which one it is. A name says the
unit of its value (`span_s`, `limit_percent`), which is printed with it.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from lbrouter.model.messages.bound_sentences import BOUND_SENTENCES
from lbrouter.model.messages.client_sentences import CLIENT_SENTENCES
from lbrouter.model.messages.codes import (
    AddressCode,
    EventCode,
    OfferCode,
    ReasonCode,
    TextCode,
)
from lbrouter.model.messages.lane_sentences import LANE_SENTENCES
from lbrouter.model.messages.line_sentences import LINE_ADDRESSES, LINE_EVENTS, LINE_REASONS
from lbrouter.model.messages.neighbour_sentences import NEIGHBOUR_SENTENCES
from lbrouter.model.messages.precheck_sentences import PRECHECK_SENTENCES


def _over_limit(metric: str, unit: str) -> tuple[str, ...]:
    """The sentences of a metric: over its limit; no longer; when the policy comes back."""
    now = f"{metric} {{now_{unit}}}"
    return (
        f"{now} > {{limit_{unit}}} ({{policy}})",
        f"{now}, was over {{exceeded_{unit}}} ({{policy}})",
        f"{now}, back in {{back_s}} if it stays ({{policy}})",
    )


REASON_SENTENCES: Final[Mapping[StrEnum, tuple[str, ...]]] = {
    ReasonCode.ANSWERING: (
        "{fine} of {targets} answer",
        "{fine} of {targets} answer; none answers packets of {size} bytes",
    ),
    ReasonCode.CAPTIVE_PORTAL: ("captive portal instead of {page}",),
    ReasonCode.CHECKING: (
        "it has an address; no target has answered yet",
        "answers for {clean_s}; in use after {needed_s} of that",
    ),
    ReasonCode.DRAINED: ("drained by hand",),
    ReasonCode.FOLLOWS_OTHER_FAMILY: (
        "no {family} target has ever answered; as {other}: {reason}",
    ),
    ReasonCode.HOLD_DOWN: (
        "answers again for {clean_s}; back after {needed_s} without fault",
        "answers again for {clean_s}; back after {needed_s} without fault, longer after {outages}",
    ),
    ReasonCode.JITTER: _over_limit("jitter", "ms"),
    ReasonCode.LATENCY: _over_limit("latency", "ms"),
    ReasonCode.LOSS: _over_limit("loss", "percent"),
    ReasonCode.NO_ADDRESS: ("{why}", "no address yet ({how}) on {interface}"),
    ReasonCode.NO_ANSWER: ("{failure} on {targets} for {span_s}",),
    **LINE_REASONS,
    ReasonCode.NOT_PROBED: ("not probed yet", "{link}; not probed, no daemon runs"),
    ReasonCode.SUSPECT: (
        "no target answers for {passing_s}, connections go on; new flows avoid it",
        "no answer for {silent_s}; new flows avoid it",
        "was silent; new flows avoid it for another {avoided_s}",
    ),
}

ADDRESS_SENTENCES: Final[Mapping[StrEnum, tuple[str, ...]]] = {
    **LINE_ADDRESSES,
    AddressCode.EXTERNAL_NO_ADDRESS: (
        "no address on {interface} (external): the system has configured none",
    ),
    AddressCode.EXTERNAL_NO_GATEWAY: (
        "no default gateway by {interface} (external): ip route show default dev {interface}",
    ),
    AddressCode.NO_ROUTER_ADVERTISEMENT: ("no router advertises an address on {interface}",),
    AddressCode.DHCP_NOT_ASKED: (
        "no DHCP lease on {interface}: the daemon asks for one (lbrouter run)",
    ),
    AddressCode.DHCP_ASKING: ("asking for a DHCP lease on {interface}",),
    AddressCode.DHCP_NO_SERVER: ("no DHCP server answers on {interface} since {since}",),
    AddressCode.DHCP_NO_SOCKET: ("DHCP cannot be spoken on {interface}: {error}",),
    AddressCode.DHCP_REJECTED: ("the DHCP server on {interface} offers {offer}",),
    AddressCode.PPPOE_WAITING: ("no PPPoE session on {interface} yet",),
    AddressCode.PPPOE_SESSION_ENDED: ("the provider ended the session",),
    AddressCode.PPPOE_NO_NEGOTIATION: ("the PPPoE server does not negotiate (LCP)",),
    AddressCode.PPPOE_SILENT: ("the provider's end fell silent: the session was ended",),
    AddressCode.PPPOE_NO_ADDRESS: ("the provider gave no address",),
    AddressCode.PPPOE_NO_PASSWORD_ASKED: ("the provider asks for no password that pppd can give",),
    AddressCode.PPPOE_LOGIN_REFUSED: ("authentication refused ({protocol})",),
    AddressCode.PPPOE_PORT_DOWN: ("{interface} is down",),
    AddressCode.PPPOE_REFUSED: ("the PPPoE server on {interface} refuses a session",),
    AddressCode.PPPOE_NO_SESSION_GIVEN: (
        "the PPPoE server on {interface} offers a session and gives none",
    ),
    AddressCode.PPPOE_NO_SERVER: ("no PPPoE server answers on {interface} (no PADO)",),
    AddressCode.SESSION_ENDED: ("the session on {interface} ended",),
    AddressCode.LANE_NO_RELAY: ("the file names no relay: uplinks.{lane}.relay",),
    AddressCode.LANE_RELAY_UNKNOWN: (
        "the address of {relay} is not known yet: no resolver has answered",
    ),
    AddressCode.LANE_NO_KEYS: ("its keys are not read yet (lbrouter relay setup {lane})",),
    AddressCode.LANE_NO_HANDSHAKE: (
        "no handshake with the relay {relay} yet",
        "no handshake with the relay {relay} for {age_s}",
    ),
}

OFFER_SENTENCES: Final[Mapping[StrEnum, tuple[str, ...]]] = {
    OfferCode.WHOLE_INTERNET: ("{address} with the netmask 0.0.0.0, the whole internet",),
    OfferCode.NO_HOST_ADDRESS: ("{address}, which is no host's address",),
    OfferCode.RESERVED_ADDRESS: ("{address}, a reserved address of {subnet}",),
    OfferCode.WRONG_NETMASK: ("a netmask that is none ({mask})",),
    OfferCode.NO_ROUTER: ("{address} without a router",),
    OfferCode.WRONG_ROUTER: ("{address} with the router {gateway}, which cannot be one",),
    OfferCode.NO_SERVER_NAMED: ("an address without saying who offers it",),
    OfferCode.NO_TIME: ("{address} for no time at all",),
    OfferCode.REFUSED_AFTERWARDS: ("an address and then refuses it",),
}

EVENT_SENTENCES: Final[Mapping[StrEnum, tuple[str, ...]]] = {
    **LINE_EVENTS,
    EventCode.UPLINK_STATE: (
        "{uplink} is {after} (was {before}): {reason}",
        "{uplink} {family} is {after} (was {before}): {reason}",
    ),
    EventCode.UPLINK_POLICIES: (
        "{uplink} is out of {left}: {reason}",
        "{uplink} is back in {returned}: {reason}",
        "{uplink} is out of {left} and back in {returned}: {reason}",
        "{uplink} {family} is out of {left}: {reason}",
        "{uplink} {family} is back in {returned}: {reason}",
        "{uplink} {family} is out of {left} and back in {returned}: {reason}",
    ),
    EventCode.UPLINK_AT_START: ("{uplink} is {after} (was {before}) at the start of the daemon",),
    EventCode.POLICY_MOVED: (
        "{policy}: new flows go by {ways} (before: {ways_before})",
        "{policy}: new flows go by no uplink: answered as unreachable (before: {ways_before})",
        "{policy}: new flows go by {ways} (before: no uplink: answered as unreachable)",
        "{policy}: new flows go by no uplink: answered as unreachable",
    ),
    EventCode.POLICY_APPEARED: (
        "{policy}: new flows go by {ways} (before: nothing)",
        "{policy}: new flows go by no uplink: answered as unreachable (before: nothing)",
    ),
    EventCode.GUARANTEE_SHORT: (
        (
            "VLAN {vlan} is guaranteed {guaranteed_bps} {direction}, the uplinks that work can"
            " give it {granted_bps}: {short_bps} short"
        ),
    ),
    EventCode.GUARANTEE_WHOLE: ("VLAN {vlan} has its guaranteed {direction} again",),
    EventCode.ADJUSTED: ("{changes}",),
    EventCode.APPLIED: ("{source}: {changes}",),
    EventCode.APPLIED_ON_TRIAL: ("{source}: {changes}, undone in {within} unless confirmed",),
    EventCode.CONFIRMED: ("{source} is kept",),
    EventCode.ROLLED_BACK: ("{source} is undone, {why}: {changes}",),
    EventCode.ROLLED_BACK_LATE: ("{source} was not confirmed in time: undone",),
    EventCode.DRAINED: ("{uplink} is drained: it gets no new flows",),
    EventCode.DRAINED_NOW: ("{uplink} is drained: it gets no new flows, established flows move",),
    EventCode.LEASE_GRANTED: (
        "{uplink} has a DHCP lease of {address} by {gateway}, from {server}",
        (
            "{uplink} has a DHCP lease of {address} by {gateway}, from {server} (before:"
            " {address_before} by {gateway_before})"
        ),
    ),
    EventCode.LEASE_LOST: (
        "{uplink} lost its DHCP lease of {address_before} by {gateway_before}: {reason}",
    ),
    EventCode.LIMIT_EXPIRED: ("the time of the limit is over: {vlan} is no longer limited",),
    EventCode.LIMIT_REMOVED: ("{vlan} is no longer limited",),
    EventCode.LIMIT_ABSENT: ("{vlan} was not limited",),
    EventCode.LIMITED: (
        "{vlan} is limited to {rate} {directions} until you end it",
        "{vlan} is limited to {rate} {directions} for {within}",
        (
            "{vlan} is limited to {rate} {directions} until you end it; while it lasts, its"
            " guarantee ({lowered}) is lowered to that"
        ),
        (
            "{vlan} is limited to {rate} {directions} for {within}; while it lasts, its guarantee"
            " ({lowered}) is lowered to that"
        ),
    ),
    EventCode.PORT_MISSING: (
        "the trunk {trunk} is not there: {waiting}",
        "port {port} is not there: {waiting}",
    ),
    EventCode.PORT_BACK: ("{port} is there again",),
    EventCode.VLANS_WAIT: ("VLANs {vlans} wait", "VLAN {vlan} waits"),
    EventCode.STILL_RUNNING: ("another change is running, the rest follows it",),
    EventCode.OVERRIDE: (
        *("the drain of {uplink}", "the pin of {policy} to {uplink}", "the limit of {vlan}"),
    ),
    EventCode.AWAITED: (
        *("uplink {uplink}", "uplink {uplink} in policy {policy}"),
        *("policy {policy}", "VLAN {vlan}"),
    ),
    EventCode.OVERRIDE_WAITS: (
        (
            "{override} is kept and waiting for {waits_for}, which the file does not have"
            " (`{command}` ends it)"
        ),
    ),
    EventCode.OVERRIDE_BACK: ("{override} is in force again: the file has {waits_for}",),
    EventCode.SETTINGS_KEPT: ("the daemon keeps the applied settings as they are: {error}",),
    EventCode.PINNED: ("{policy} is pinned to {uplink}",),
    EventCode.RESTORED: ("{uplink} is automatic again",),
    EventCode.APPLY_REFUSED: ("{source} is not applied: {error}",),
    EventCode.FAILOVER_REFUSED: ("fast failover failed, it is tried again soon: {error}",),
    EventCode.RATES_REFUSED: ("new rates were refused, a full reconcile follows: {error}",),
    EventCode.RECONCILE_FAILED: ("changing the kernel failed, it is tried again soon: {error}",),
    EventCode.FILE_REFUSED: ("the new file is not applied: {error}",),
    EventCode.NOT_REMEMBERED: ("this setting is lost at the next restart: {error}",),
    EventCode.KERNEL_WRONG: ("the kernel differs from the configuration: {error}",),
    EventCode.KERNEL_RIGHT: ("the kernel is as configured again (it was not since {since})",),
    EventCode.STOPPED: ("the daemon ends; its settings stay in the kernel",),
}

SENTENCES: Final[Mapping[StrEnum, tuple[str, ...]]] = {
    TextCode.FAMILY: ("{family}: {reason}",),
    **REASON_SENTENCES,
    **ADDRESS_SENTENCES,
    **OFFER_SENTENCES,
    **LANE_SENTENCES,
    **NEIGHBOUR_SENTENCES,
    **EVENT_SENTENCES,
    **CLIENT_SENTENCES,
    **PRECHECK_SENTENCES,
    **BOUND_SENTENCES,
}

GENERAL_SENTENCES: Final = ("{text}", "{reason} ({age_s} ago; no daemon runs)")
"""Any code may have these: words that were told, and what was known some time ago."""

COUNTED_NOUNS: Final[Mapping[str, tuple[str, str]]] = {
    "targets": ("{n} target", "{n} targets"),
    "changes": ("{n} change", "{n} changes"),
    "outages": ("{n} outage", "{n} outages"),
    "warnings": ("{n} warning", "{n} warnings"),
    "queries": ("{n} query", "{n} queries"),
    "flows": ("{n} connection", "{n} connections"),
}

WORDS: Final = (
    "up", "degraded", "down", "waiting", "checking", "drained",
    "no answer", "unreachable", "refused", "captive portal", "wrong answer", "not sent",
    "carrier", "upload", "download", "unknown", "none", "and", "as asked",
    "it was not confirmed in time",
)  # fmt: skip
"""Words that are values of messages."""
