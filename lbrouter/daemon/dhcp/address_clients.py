"""The DHCP clients of all uplinks, of both families, as one."""

from collections.abc import Callable

from lbrouter.daemon.dhcp.lease6_store import Lease6Store
from lbrouter.daemon.dhcp.lease_store import LeaseStore
from lbrouter.daemon.dhcp.uplink_clients import DhcpClients
from lbrouter.daemon.dhcp.uplink_clients6 import Dhcp6Clients
from lbrouter.daemon.events.journal import Journal
from lbrouter.kernel.read.monitor import Notice
from lbrouter.model.config import Config


class AddressClients:
    """`on_change` is called when the kernel has to follow a change of a lease."""

    def __init__(
        self,
        leases: LeaseStore,
        leases6: Lease6Store,
        journal: Journal,
        on_change: Callable[[], object],
    ) -> None:
        self._clients = DhcpClients(leases, journal, on_change)
        self._clients6 = Dhcp6Clients(leases6, journal, on_change)

    def configure(self, config: Config) -> None:
        """Run the clients of `config` from now on; those of unchanged uplinks go on."""
        self._clients.configure(config)
        self._clients6.configure(config)

    def handle_notice(self, notice: Notice) -> None:
        """Handle an announcement of the kernel: perhaps a carrier."""
        self._clients.handle_notice(notice)
        self._clients6.handle_notice(notice)

    def carrier_lost(self, interface: str) -> None:
        """The carrier of an interface was found to be lost."""
        self._clients.carrier_lost(interface)
        self._clients6.carrier_lost(interface)

    def close(self) -> None:
        """End the clients. The leases stay, for the next daemon."""
        self._clients.close()
        self._clients6.close()
