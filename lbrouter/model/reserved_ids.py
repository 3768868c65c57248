"""Every number that lbrouter claims in the kernel, in one place.

Other programs (Docker, Tailscale, WireGuard, an administrator) may claim numbers of the same kind,
so each of ours is a small range, documented here, and recognised by it when the kernel is observed.
"""

from ipaddress import IPv4Address
from typing import Final

ROUTE_PROTOCOL: Final = 76
"""Routing protocol number ("L") on each route, rule and address of ours."""

MARK_SHIFT: Final = 24
MARK_MASK: Final = 0x0F000000
"""The four bits of the packet mark that carry the uplink number. Tailscale uses 0x00ff0000, Docker
and Kubernetes use bits 13 to 15, wg-quick the low 16: none of them touches these."""

FOREIGN_MARK_MASK: Final = 0xFFFFFFFF ^ MARK_MASK
"""The 28 bits that we leave as we found them."""

MAX_UPLINKS: Final = 15
"""Four bits, and zero means "not decided"."""

GATEWAY_TABLE: Final = 7000
"""The gateway's own table: what is connected on each uplink, and a default by the best of them."""

ALL_BUDGETS: Final = 9_000
"""What all VLANs together may hold of the connection table, in hundredths of a percent. The rest is
for the gateway's own probes and connections, and for what comes in by forwards."""

MIN_BUDGET: Final = 100
"""What a VLAN without a budget of its own is always left, in the same unit: 1 %."""

ROUTE_TABLES: Final = range(7000, 7018)
"""7000 for the gateway itself, 7000 + n for uplink number n, 7016 for the lanes' own packets, 7017
for the VLANs."""

LANE_TABLE: Final = 7016
"""Where a lane's own packets look: a default that leads nowhere. Their copies leave."""

VLAN_TABLE: Final = 7017
"""The VLANs' own subnets, asked before `main` where a provider can put routes there."""

RULE_PRIORITIES: Final = range(10000, 10100)
"""Our band of `ip rule` priorities: before `main` (32766), after what administrators put first."""

RULE_PRIORITY_UNMARKED: Final = 10000
RULE_PRIORITY_VLAN: Final = 10016
RULE_PRIORITY_CONNECTED: Final = 10017
RULE_PRIORITY_LANE: Final = 10018
RULE_PRIORITY_MARK: Final = 10030
RULE_PRIORITY_DEVICE: Final = 10062
RULE_PRIORITY_GATEWAY: Final = 10090

NFT_TABLE: Final = "lbrouter"
"""The one table, family inet."""

BALANCE_SLOTS: Final = 120
"""Slots in the table of a balance policy: divisible by 2, 3, 4, 5, 6, 8, 10, 12 and 15, so that
usual weights come out exactly, and no weight is off by more than 0.5 / 120."""

DEVICE_ALIAS: Final = "lbrouter"
"""The ifalias of each device that we created: how `down` knows it is ours."""

QDISC_HANDLES: Final = range(0x4C00, 0x4C10)
"""Majors of our qdisc handles ("L"). The kernel numbers its own from 0x8001 up."""


def uplink_mark(number: int) -> int:
    """Mark of uplink `number` (1 to 15), within `MARK_MASK`."""
    return number << MARK_SHIFT


def uplink_number_of_mark(mark: int) -> int:
    """Uplink number that `mark` (any 32 bits) carries; 0 when it carries none."""
    return (mark & MARK_MASK) >> MARK_SHIFT


def uplink_table(number: int) -> int:
    """Route table of uplink `number` (1 to 15)."""
    return GATEWAY_TABLE + number


LANE_MARK_BASE: Final = 0x40000000
LANE_COPY_MARK_BASE: Final = 0x80000000
LANE_MARK_MASK: Final = 0xC0000000
"""The whole mark of a packet that a lane's WireGuard sends, and of its copies; the lane's uplink
number is added. Only packets of the gateway itself carry them, and never one of a client."""

VOID_DEVICE: Final = "lbr-void"
"""Where the lanes' own packets go when they were copied: a device that leads nowhere."""

LANE_LOCAL_ADDRESS: Final = IPv4Address("169.254.76.1")
"""Source of the lanes' packets until their copies get the address of a line. Of the link-local
range (RFC 3927): no provider lends such an address, and none of it leaves."""

LANE_OBJECT_PREFIX: Final = "lane_"
"""How the nft objects of the lanes begin: they stand in a table of the family ip, by the same name
as ours, since nft copies packets (`dup`) in no table of the family inet."""

MAIN_TABLE: Final = 254
"""RT_TABLE_MAIN: what is connected, and the networks behind routers inside (`routes`)."""

NAME_SET_PREFIX: Final = "names_"
"""How the sets of addresses begin that dnsmasq fills with what it told of a name."""

ARP_OBJECT_PREFIX: Final = "arp_"
"""The same for ARP, which passes no table of the family inet: a table of the family arp."""

LANE_PORT_BASE: Final = 51900
"""The UDP port of a lane on the gateway, less its uplink number."""


def lane_mark(number: int) -> int:
    """Mark of the packets of the lane that is uplink `number`, before they are copied."""
    return LANE_MARK_BASE | number


def lane_copy_mark(number: int) -> int:
    """Mark of their copies."""
    return LANE_COPY_MARK_BASE | number


def lane_port(number: int) -> int:
    """UDP port on which the gateway's end of the lane listens; the firewall opens it to nobody."""
    return LANE_PORT_BASE + number


SIDE_TABLE_FAMILIES: Final = {LANE_OBJECT_PREFIX: "ip", ARP_OBJECT_PREFIX: "arp"}
"""The families of our tables beside the one of the family inet, by the prefix of their objects."""


def nft_table_of(name: str) -> str:
    """The table, with its family, in which the nft object `name` stands."""
    families = (f for prefix, f in SIDE_TABLE_FAMILIES.items() if name.startswith(prefix))
    return f"{next(families, 'inet')} {NFT_TABLE}"
