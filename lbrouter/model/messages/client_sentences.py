"""English sentences of operators' verbs: what `why` finds of a client, blocks, test alerts."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from lbrouter.model.messages.codes import ClientCode, EventCode

FOUND_SENTENCES: Final[Mapping[StrEnum, tuple[str, ...]]] = {
    ClientCode.SEEN: (
        "{mac} answers on VLAN {vlan}",
        "no VLAN hears it now; VLAN {before} heard it before",
        "no VLAN hears it",
    ),
    ClientCode.LEASE: (
        "{address} is leased to it",
        "it has set {own_address} itself, without a lease",
        "it has no IPv4 address",
        "it has no IPv4 address; {used} of {size} addresses of VLAN {vlan} are on loan",
        "it gave itself {given_address}: no DHCP server has answered it",
    ),
    ClientCode.ADDRESS: (
        "{address} is an address of VLAN {vlan}",
        "{address} is not an address of VLAN {vlan} ({subnet})",
        "{address} belongs to VLAN {other}, and the client is on VLAN {vlan}",
        "{host} belongs to VLAN {other}, and it is on VLAN {vlan}",
    ),
    ClientCode.DUPLICATE: (
        "one device answers for {address}",
        "{macs} answer for {address}",
        "the gateway itself has {own_address}",
    ),
    ClientCode.DNS: (
        "the gateway answers queries for names",
        "none of its {queries} for names was answered",
        "the gateway gets no answer from {resolvers}",
    ),
    ClientCode.BLOCKED: (
        "it is not blocked",
        "{mac} is blocked until you end it",
        "{mac} is blocked for another {left_s}",
    ),
    ClientCode.LIMIT: (
        "it has {connections} connections of {bound}",
        "it has {connections} connections, and a client of VLAN {vlan} may have {bound_at}",
        "its {direction} is {now_bps}, and a client of VLAN {vlan} may have {limit_bps}",
        "the {direction} of VLAN {limited_vlan} is {now_bps}, and its limit is {limit_bps}",
    ),
    ClientCode.POLICY: (
        "new connections go by {uplinks} (policy {policy})",
        "policy {policy} has no line: {reasons}",
        "policy {policy} has only {uplinks}, where nothing answers: {reasons}",
    ),
    ClientCode.IPV6: (
        "IPv6 goes by {uplinks}",
        "VLAN {vlan} has no IPv6",
        "no line of policy {policy} has IPv6, and IPv4 works",
        "IPv6 of policy {policy} has no line: {reasons}",
        "none of its {flows} over IPv6 was answered",
    ),
    ClientCode.PORTAL: ("no line of it shows a captive portal", "{uplink}: {reason}"),
    ClientCode.MTU: (
        "no line of it loses large packets",
        "{uplink}: {reason}",
    ),
    ClientCode.PORT: ("{interface} has a carrier", "{reason}", "every port has a carrier"),
}

REMEDY_SENTENCES: Final[Mapping[StrEnum, tuple[str, ...]]] = {
    ClientCode.LOOK_AT_CABLE: (
        "look at its cable or Wi-Fi, and at the switch port: is it on, and in the right VLAN?",
        "look at the cable of {interface}, and at the switch behind it",
    ),
    ClientCode.GIVE_LEASE: (
        "let the client ask again (DHCP); look whether dnsmasq runs: lbrouter status",
        "widen vlans.{full_vlan}.dhcp.range or shorten its lease, then let the client ask again",
        "VLAN {vlan} gives no addresses: set one by hand, or write vlans.{vlan}.dhcp",
    ),
    ClientCode.USE_DHCP: (
        "switch the client to DHCP",
        "give the client an address of {subnet}, with the gateway {gateway}",
    ),
    ClientCode.CHANGE_VLAN: (
        "plug it into a port of VLAN {other} (or its Wi-Fi), or switch it to DHCP",
    ),
    ClientCode.CHANGE_ADDRESS: ("give one of the two another address, or switch both to DHCP",),
    ClientCode.REPAIR_DNS: (
        "look at gateway.dns of the file: do these resolvers answer? lbrouter check",
        "let the client use {gateway} as its resolver: switch it to DHCP",
    ),
    ClientCode.UNBLOCK: ("lbrouter unblock {mac}",),
    ClientCode.RAISE_LIMIT: (
        "close programs on it, or raise vlans.{vlan}.connections",
        "wait, or raise per_client of vlans.{paced_vlan}",
        "wait, or end the limit: lbrouter limit {limited_vlan} off",
    ),
    ClientCode.REPAIR_LINE: ("look at the lines: lbrouter status, lbrouter events",),
    ClientCode.LOG_IN: ("log in at the page of {uplink}'s provider, from a manage VLAN",),
    ClientCode.SET_MTU: ("set `mtu` for {uplink} lower, or tell its provider",),
}

ALERT_SENTENCES: Final[Mapping[StrEnum, tuple[str, ...]]] = {
    EventCode.ALERT_TEST: ("this is a test: alerts of this gateway arrive here",),
    EventCode.ALERT_TEST_DELIVERED: ("{channel}: a test alert is delivered",),
    EventCode.ALERT_TEST_FAILED: ("{channel}: a test alert is not delivered: {error}",),
}

BLOCK_SENTENCES: Final[Mapping[StrEnum, tuple[str, ...]]] = {
    EventCode.CLIENT_SHUT_OUT: (
        "{client} is blocked until you end it",
        "{client} is blocked for {within}",
    ),
    EventCode.CLIENT_LET_IN: ("{client} is no longer blocked",),
    EventCode.CLIENT_NOT_BLOCKED: ("{client} was not blocked",),
    EventCode.CLIENT_BLOCK_EXPIRED: ("the time of the block is over: {client} is let in again",),
}

CLIENT_SENTENCES: Final = {
    **FOUND_SENTENCES,
    **REMEDY_SENTENCES,
    **BLOCK_SENTENCES,
    **ALERT_SENTENCES,
}
