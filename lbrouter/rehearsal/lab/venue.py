"""The venue: a configuration file's whole event in network namespaces, and its removal."""

import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self

from lbrouter.compile.config.toml_writer import render
from lbrouter.kernel.read.features import features
from lbrouter.model.config import Config
from lbrouter.rehearsal.adapt_config import adapt
from lbrouter.rehearsal.lab import process_netns, setup_scripts
from lbrouter.rehearsal.lab.hosts import Client, Gateway, Host, Internet, Isp
from lbrouter.rehearsal.lab.layout import SERVERS, Site, Style, plan_site
from lbrouter.rehearsal.lab.packet_capture import Capture
from lbrouter.rehearsal.lab.process import Job, Row, undisturbed

MAX_PARALLEL = 4


class Venue:
    """A built venue. Use as a context manager: leaving it removes every trace.

    `site` is its floor plan (with `site.config`, the file as rehearsed, and `site.notes`, what had
    to be different from the file).
    """

    def __init__(self, site: Site) -> None:
        self.site = site
        self.prefix = process_netns.unique_prefix()
        self.jobs: list[Job] = []

    @classmethod
    def build(cls, config: Config, *, style: Style | None = None) -> "Venue":
        """Adapt `config` to this kernel, lay out the venue and build it.

        Raises NotPermittedError without root, UnavailableError without ip or nft, LabError when a
        step fails; nothing is left then.
        """
        process_netns.sweep()
        style = style or Style()
        adapted = adapt(config, tags="vlan" in _features(), leases=style.leases)
        venue = cls(plan_site(adapted, style=style))
        try:
            venue._raise()
        except BaseException:
            venue.close()
            raise
        return venue

    def _raise(self) -> None:
        """Namespaces, cables, each host's script, servers."""
        self.folder = Path(tempfile.mkdtemp(prefix=self.prefix))
        process_netns.create(map(self.namespace, setup_scripts.roles(self.site)))
        process_netns.connect(
            (self.namespace(a), one, self.namespace(b), other)
            for a, one, b, other in setup_scripts.cables(self.site)
        )
        with ThreadPoolExecutor(MAX_PARALLEL) as pool:
            scripts = setup_scripts.scripts(self.site).items()
            list(pool.map(lambda item: self.host(item[0]).script(item[1].text()), scripts))
        self._name_hosts()

    def _name_hosts(self) -> None:
        gateway = self.namespace(setup_scripts.GATEWAY)
        self.gateway = Gateway(gateway, self.jobs, self.folder)
        self.write_config(self.site.config)
        self.internet = Internet(self.namespace(setup_scripts.INTERNET), self.jobs)
        ports = self.site.server_ports
        self.internet.server = self.internet.serve(self.site.servers, tcp=ports, udp=ports)
        self.isps = {line.name: self._isp(line.name) for line in self.site.lines}
        self.clients = {
            seat.name: Client(
                self.namespace(setup_scripts.client_role(seat.name)),
                self.jobs,
                seat,
                segment,
                SERVERS,
            )
            for segment in self.site.segments
            for seat in segment.seats
        }

    def _isp(self, name: str) -> Isp:
        line = next(line for line in self.site.lines if line.name == name)
        namespace, netem = self.namespace(setup_scripts.isp_role(name)), "netem" in _features()
        isp = Isp(namespace, self.jobs, line, folder=self.folder, netem=netem)
        isp.open()
        return isp

    def namespace(self, role: str) -> str:
        """Name of the network namespace of a role ("gateway", "isp-fiber", "client-stream-1")."""
        return self.prefix + role

    def host(self, role: str) -> Host:
        """Any host by its role."""
        return Host(self.namespace(role), self.jobs)

    def isp(self, uplink: str) -> Isp:
        """The provider of an uplink."""
        return self.isps[uplink]

    def client(self, name: str) -> Client:
        """A client by its name ("stream-2"), or the first one of a VLAN ("stream")."""
        return self.clients[name if name in self.clients else f"{name}-1"]

    def clients_of(self, vlan: str) -> list[Client]:
        """All clients of a VLAN."""
        return [each for each in self.clients.values() if each.segment.name == vlan]

    def write_config(self, config: Config) -> None:
        """Put another configuration in front of lbrouter; the venue itself stays as it is."""
        self.gateway.config.write_text(render(config))

    def uplink_of(self, source: str) -> str | None:
        """The uplink that a flow took, from the source address that the internet saw."""
        for line in self.site.lines:
            if any(str(leg.outside) == source for leg in line.legs):
                return line.name
        return None

    def capture(self, host: Host, interface: str) -> Capture:
        """Record the frames on an interface of a host from now on."""
        return Capture(host.namespace, interface)

    def together(self, jobs: Iterable[Job]) -> list[Row]:
        """The rows of several jobs that run at the same time."""
        return [row for job in list(jobs) for row in job.result()]

    def close(self) -> None:
        """End every process and remove every namespace and file of this venue."""
        with undisturbed():
            for job in self.jobs:
                job.close()
            process_netns.delete_prefix(self.prefix)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


@cache
def _features() -> frozenset[str]:
    """The kernel's, asked once in the life of this process."""
    return features()
