"""Numbers and message headers of the kernel's netlink interface, each in one place.

Sources: include/uapi/linux/{netlink,rtnetlink,if_addr,if_ether,pkt_sched,sched}.h and
linux/netfilter/nfnetlink.h; clone(2) for CLONE_NEWNET.
"""

import socket
from struct import Struct
from typing import Final

from lbrouter.model.kernel_state import AddressFamily

AF_BY_FAMILY: Final = {AddressFamily.V4: socket.AF_INET, AddressFamily.V6: socket.AF_INET6}
CLONE_NEWNET: Final = 0x40000000
DUMP_REQUEST_FLAGS: Final = 0x301
"""NLM_F_REQUEST and NLM_F_DUMP (linux/netlink.h)."""
ETH_P_ALL_BE: Final = 0x0300
"""All protocols (3) in network order, as a filter's `info` wants it."""
IFADDRMSG: Final = Struct("=BBBBI")
"""linux/if_addr.h: family, prefix length, flags, scope, index."""
IFA_ADDRESS: Final = 1
IFA_LOCAL: Final = 2
NDA_DST: Final = 1
NDMSG: Final = Struct("=BxxxiHBB")
"""linux/neighbour.h: family, interface, state, flags, type."""
NETLINK_NETFILTER: Final = 12
NFGENMSG: Final = Struct("=BBH")
NLM_F_REQUEST: Final = 1
NLMSGERR_CODE: Final = Struct("=i")
NLMSG_DONE: Final = 3
NLMSG_ERROR: Final = 2
RTA_DST: Final = 1
RTA_OIF: Final = 4
RTA_TABLE: Final = 15
RTM_GETNEIGH: Final = 30
RTM_F_CLONED: Final = 0x200
RT_SCOPE_LINK: Final = 253
TCA_KIND: Final = 1
TCMSG: Final = Struct("=BBHiIII")
"""linux/rtnetlink.h: family, two paddings, index, handle, parent, info."""
TC_H_ROOT: Final = 0xFFFFFFFF
