"""Addresses, protocol numbers and the socket filter of the modules that send frames.

Sources: include/uapi/linux/{if_ether,filter}.h, asm-generic/socket.h; RFC 4861 for ND.
"""

from struct import Struct
from typing import Final

ETHER_BROADCAST: Final = b"\xff" * 6
ETH_P_ALL: Final = 0x0003
ETH_P_IP: Final = 0x0800
ETH_P_IPV6: Final = 0x86DD
IPV6_HEADER: Final = Struct("!IHBB16s16s")
"""Version, class and label; length of what follows; next header; hop limit; the ends."""
ND_HOP_LIMIT: Final = 255
"""A packet with a lower one came from another link, and is dropped."""
SOCK_FILTER: Final = Struct("=HBBI")
"""struct sock_filter (linux/filter.h): code, jump if true, jump if false, operand."""
SO_ATTACH_FILTER: Final = 26
