"""The venue: the whole site of a configuration in network namespaces, and its removal."""

import json
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self

from lbrouter.compile.config.toml_writer import render_toml
from lbrouter.kernel.read.features import features
from lbrouter.model.config import Config
from lbrouter.rehearsal.adapt_config import adapt_config
from lbrouter.rehearsal.lab import process_netns, setup_scripts
from lbrouter.rehearsal.lab.hosts import ClientHost, GatewayHost, Host, InternetHost, Isp
from lbrouter.rehearsal.lab.layout import INTERNET_SERVERS, VenueLayout, VenueOptions, plan_layout
from lbrouter.rehearsal.lab.packet_capture import PacketCapture
from lbrouter.rehearsal.lab.process import JsonRow, LabError, LabProcess, signals_blocked
from lbrouter.rehearsal.lab.relay_host import RelayHost, missing_for_relay

MAX_PARALLEL_SCRIPTS = 4


class Venue:
    """A built venue. Use as a context manager: leaving it removes every trace.

    `layout` is its plan (with `layout.config`, the file as rehearsed, and `layout.notes`, what had
    to be different from the file).
    """

    def __init__(self, layout: VenueLayout) -> None:
        self.layout = layout
        self.prefix = process_netns.unique_prefix()
        self.processes: list[LabProcess] = []

    @classmethod
    def build(cls, config: Config, *, options: VenueOptions | None = None) -> "Venue":
        """Adapt `config` to this kernel, lay out the venue and build it.

        Raises NotPermittedError without root, UnavailableError without ip or nft, LabError when a
        step fails; nothing is left then.
        """
        process_netns.delete_stale()
        options = options or VenueOptions()
        adapted = adapt_config(
            config,
            tags="vlan" in _kernel_features(),
            leases=options.dhcp_server_uplinks,
            no_lanes=missing_for_relay(_kernel_features()) if config.lanes() else "",
        )
        venue = cls(plan_layout(adapted, options=options))
        try:
            venue._set_up()
        except BaseException:
            venue.close()
            raise
        return venue

    def _set_up(self) -> None:
        """Namespaces, veth pairs, each host's script, servers."""
        self.folder = Path(tempfile.mkdtemp(prefix=self.prefix))
        process_netns.create(map(self.namespace, setup_scripts.roles(self.layout)))
        process_netns.create_veth_pairs(
            (self.namespace(a), one, self.namespace(b), other)
            for a, one, b, other in setup_scripts.veth_pairs(self.layout)
        )
        with ThreadPoolExecutor(MAX_PARALLEL_SCRIPTS) as pool:
            scripts = setup_scripts.scripts_by_role(self.layout).items()
            list(pool.map(lambda item: self.host(item[0]).run_script(item[1].text()), scripts))
        self._create_hosts()
        # As the technician did before the event: the keys, and a machine from what is printed.
        for name, relay in self.relays.items():
            done = self.gateway.run_lbrouter("relay", "setup", name, "--json")
            if done.returncode:
                raise LabError(f"lbrouter relay setup {name} failed", remedy=done.stderr)
            relay.set_up(json.loads(done.stdout)["cloud_init"])

    def _create_hosts(self) -> None:
        gateway = self.namespace(setup_scripts.GATEWAY_ROLE)
        self.gateway = GatewayHost(gateway, self.processes, self.folder)
        self.write_config(self.layout.config)
        self.internet = InternetHost(self.namespace(setup_scripts.INTERNET_ROLE), self.processes)
        ports = self.layout.server_ports
        self.internet.server = self.internet.start_server(self.layout.servers, tcp=ports, udp=ports)
        self.relays = {
            layout.name: RelayHost(
                self.namespace(layout.role), self.processes, layout, folder=self.folder
            )
            for layout in self.layout.relays
        }
        self.isps = {line.name: self._create_isp(line.name) for line in self.layout.lines}
        self.clients = {
            client_layout.name: ClientHost(
                self.namespace(setup_scripts.client_role(client_layout.name)),
                self.processes,
                client_layout,
                segment,
                INTERNET_SERVERS,
            )
            for segment in self.layout.segments
            for client_layout in segment.clients
        }

    def _create_isp(self, name: str) -> Isp:
        line = next(line for line in self.layout.lines if line.name == name)
        namespace, netem = (
            self.namespace(setup_scripts.isp_role(name)),
            "netem" in _kernel_features(),
        )
        isp = Isp(namespace, self.processes, line, folder=self.folder, netem=netem)
        isp.bring_up()
        return isp

    def namespace(self, role: str) -> str:
        """Name of the network namespace of a role ("gateway", "isp-fiber", "client-stream-1")."""
        return self.prefix + role

    def host(self, role: str) -> Host:
        """Any host by its role."""
        return Host(self.namespace(role), self.processes)

    def isp(self, uplink: str) -> Isp:
        """The provider of an uplink."""
        return self.isps[uplink]

    def faulty_host(self, uplink: str) -> Isp | RelayHost:
        """Where the faults of an uplink happen: at its provider, or at the relay of a lane."""
        return self.relays[uplink] if uplink in self.relays else self.isps[uplink]

    @property
    def has_kernel_wireguard(self) -> bool:
        """Whether the lanes run on the kernel's WireGuard."""
        return "wireguard" in _kernel_features()

    def client(self, name: str) -> ClientHost:
        """A client by its name ("stream-2"), or the first one of a VLAN ("stream")."""
        return self.clients[name if name in self.clients else f"{name}-1"]

    def clients_of(self, vlan: str) -> list[ClientHost]:
        """All clients of a VLAN."""
        return [client for client in self.clients.values() if client.segment.name == vlan]

    def write_config(self, config: Config) -> None:
        """Give lbrouter another configuration file; the venue itself stays as it is."""
        self.gateway.config_path.write_text(render_toml(config))

    def uplink_of(self, source: str) -> str | None:
        """The uplink that a flow took, from the source address that the internet saw."""
        for relay in self.layout.relays:
            if str(relay.address) == source:
                return relay.name
        for line in self.layout.lines:
            if any(str(leg.internet_address) == source for leg in line.families):
                return line.name
        return None

    def capture(self, host: Host, interface: str) -> PacketCapture:
        """Record the frames on an interface of a host from now on."""
        return PacketCapture(host.namespace, interface)

    def collect_results(self, processes: Iterable[LabProcess]) -> list[JsonRow]:
        """The rows of several processes that run at the same time."""
        return [row for job in list(processes) for row in job.result()]

    def close(self) -> None:
        """End every process and remove every namespace and file of this venue."""
        with signals_blocked():
            for job in self.processes:
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
def _kernel_features() -> frozenset[str]:
    """The kernel's, asked once in the life of this process."""
    return features()
