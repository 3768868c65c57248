"""The tasks that listen to what a line's neighbours say, and to what hosts of a VLAN must not."""

from collections.abc import Awaitable, Callable

from lbrouter.daemon.applier import Applier
from lbrouter.daemon.dhcp.advertisement_listener import AdvertisementListener
from lbrouter.daemon.dhcp.router_solicitor import RouterSolicitor
from lbrouter.daemon.events.journal import Journal
from lbrouter.daemon.name_servers import NameServers
from lbrouter.daemon.neighbour_watch import NeighbourWatch
from lbrouter.daemon.reconcile.loop import ReconcileLoop
from lbrouter.model.facts import Facts


class LineNeighbours:
    """Router advertisements, solicitations, and the resolvers that leases and routers name."""

    def __init__(self, applier: Applier, journal: Journal, loop: ReconcileLoop) -> None:
        self._loop, self._applier = loop, applier
        self._watch = NeighbourWatch(journal)
        self._name_servers = NameServers(applier.dnsmasq, journal)
        self.advertisements = AdvertisementListener(
            applier.advertised_store, journal, loop.request_resync
        )

    def tasks(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """The tasks to run, by name."""
        loop = self._loop
        return {
            "the solicitor": lambda: RouterSolicitor().run(lambda: loop.reconciler.applied),
            "the advertisements": lambda: self.advertisements.run(
                lambda: loop.config_file.config, loop.reconciler.known_facts
            ),
            "the neighbours": lambda: self._watch.run(lambda: loop.reconciler.applied),
            "the name servers": lambda: self._name_servers.run(
                lambda: loop.config_file.config,
                lambda: loop.tracker.health,
                self._learned_facts,
            ),
        }

    def _learned_facts(self) -> Facts | None:
        """With what providers say now: a renewal that brings other resolvers asks for nothing."""
        known, config = self._loop.reconciler.known_facts(), self._loop.config_file.config
        return None if known is None else self._applier.learned_facts(config, known)
