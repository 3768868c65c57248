"""DHCP, DNS and router advertisements for the clients: the configuration file of dnsmasq.

Pure: configuration in, text and command line out; `lbrouter.services` starts the process. What an
option does is in dnsmasq(8); why it is there is said beside it in the text.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import PurePath
from typing import Final

from lbrouter.compile.firewall.element_words import collapsed
from lbrouter.compile.firewall.modems import PRIVATE_NETWORKS
from lbrouter.compile.firewall.rule_matches import names_of_rules
from lbrouter.compile.services.line_resolvers import may_have_resolvers
from lbrouter.compile.services.vlan_options import (
    dhcp_range,
    further_options,
    learned_names,
    resolver_option,
)
from lbrouter.model.config import Config, Dhcp, Vlan
from lbrouter.model.kernel_state import IpNetwork
from lbrouter.model.managed_process import ManagedProcess
from lbrouter.model.messages.phrase import joined_phrases, phrase

SELF_NETWORKS: Final = tuple(
    ip_network(text) for text in ("0.0.0.0/8", "127.0.0.0/8", "::/127", "::ffff:0:0/96")
)
"""What leads a client to itself."""

SLAAC_PREFIX_LENGTH: Final = 64
"""RFC 4862: clients form an address by themselves under a prefix of this length alone."""

DNSMASQ_HEADER: Final = """\
# Written by lbrouter from the configuration file: what is changed here is lost with the next apply.
# Nothing here runs a script or a helper, so what a client says of itself stays text.

# Each address of the interfaces below is bound by itself, as they come and go with a trunk; name
# servers on this machine's other addresses keep their place.
bind-dynamic
# dnsmasq adds lo to any list of interfaces; this machine's own resolver lives there.
except-interface=lo
"""

DNS_OPTIONS: Final = """\
# Names. The VLANs' private networks and bare names mean nothing to a resolver outside.
bogus-priv
domain-needed
# /etc/hosts speaks of this machine to itself ("127.0.1.1 gateway"), which misleads anybody else.
no-hosts
# A guest that calls itself "wpad" or "mixer" must not become that name for the others.
dhcp-ignore-names
# An event asks for the same few thousand names all day.
cache-size=10000
# While a line dies, questions pile up; the default of 150 would turn away those of other clients.
dns-forward-max=1500
# Names go on when the machine's log is slow, or asks for a name itself.
log-async=25
"""

UPSTREAM_DNS_OPTIONS: Final = """\
# Only the resolvers of the file, all of them at once: the first answer counts, so that one which is
# dead costs no client a second.
no-resolv
all-servers
"""

MACHINE_DNS_OPTIONS: Final = """\
# The file names no resolvers: those of this machine (/etc/resolv.conf) are asked, and those of the
# lines that are fit.
"""

REBINDING_OPTIONS: Final = """\
# A name of the internet that leads to a private address, or to this host itself, would open what is
# near to a page of the internet (DNS rebinding). Not "stop-dns-rebind": that knows no fe80::/10 and
# no 100.64.0.0/10, and refuses documentation networks, which are no danger.
"""

LOCAL_DOMAIN: Final = "internal"
"""Set aside for private use by ICANN (2024): many clients ask for no name without a dot."""

LOCAL_DOMAIN_OPTIONS: Final = f"""\
# Hosts of the file. Who asks for "mixer" or "mixer.{LOCAL_DOMAIN}" is told, whether it is switched
# on or not; other names below {LOCAL_DOMAIN} are not asked outside.
local=/{LOCAL_DOMAIN}/
"""

DHCP_SERVER_OPTIONS: Final = """\
# Addresses. This is the only DHCP server of its VLANs: who brings an address of another network is
# told at once. No ping before an offer: it holds up everybody for three seconds, clients look for
# themselves (RFC 5227), and when the doors open hundreds ask at once.
dhcp-authoritative
no-ping
# Every pool may be used to its end; the default ends at 1000 leases.
"""

ROUTER_ADVERTISEMENT_OPTIONS: Final = """\
# Router advertisements: clients form their IPv6 addresses by themselves.
enable-ra
# One line in the log for each of them would hide the rest.
quiet-ra
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsmasqPaths:
    """Where the process has its files, and as whom it runs once its sockets are open."""

    runtime_dir: PurePath
    state_dir: PurePath
    user: str
    group: str

    @property
    def config_file(self) -> PurePath:
        """The file with `config_text`."""
        return self.runtime_dir / "dnsmasq.conf"

    @property
    def servers_file(self) -> PurePath:
        """The resolvers of the lines, as they are asked now: it is read again at SIGHUP."""
        return self.runtime_dir / "dnsmasq.servers"

    @property
    def pid_file(self) -> PurePath:
        """Where it writes its process id."""
        return self.runtime_dir / "dnsmasq.pid"

    @property
    def lease_file(self) -> PurePath:
        """The lease file: it stays after the process ends, and after a reboot."""
        return self.state_dir / "dnsmasq.leases"


def is_wanted(config: Config) -> bool:
    """Whether the file asks for anything that dnsmasq does."""
    resolvers = config.gateway.dns or any(u.resolvers for u in config.uplinks.values())
    asked = bool(resolvers and config.vlans) or bool(names_of_rules(config))
    return asked or any(
        v.dhcp or v.hosts or v.address6 or v.dhcp_relay for v in config.vlans.values()
    )


def has_dhcp_vlans(config: Config) -> bool:
    """Whether a VLAN's clients need dnsmasq for their addresses."""
    return any(serves_dhcp(vlan) for vlan in config.vlans.values())


def serves_dhcp(vlan: Vlan) -> bool:
    """Whether a client in this VLAN gets an address from here."""
    return vlan.dhcp is not None or bool(vlan.hosts)


def dnsmasq_process(config: Config, paths: DnsmasqPaths) -> ManagedProcess | None:
    """The process that should run, or None if the file needs none."""
    if not is_wanted(config):
        return None
    leasing = [vlan.name for vlan in config.vlans.values() if serves_dhcp(vlan)]
    with_slaac = [vlan.name for vlan in config.vlans.values() if _uses_slaac(vlan)]
    parts = (
        phrase("addresses for {vlans}", vlans=", ".join(leasing)) if leasing else "",
        phrase("IPv6 for {vlans}", vlans=", ".join(with_slaac)) if with_slaac else "",
        phrase("names for {vlans}", vlans=", ".join(config.vlans)) if config.vlans else "",
    )
    return ManagedProcess(
        name="dnsmasq",
        argv=dnsmasq_argv(paths),
        config_text=config_text(config),
        pid_file=str(paths.pid_file),
        why=joined_phrases("; ", filter(None, parts)),
    )


def dnsmasq_argv(paths: DnsmasqPaths) -> tuple[str, ...]:
    """The command line: what depends on the machine, where the text depends on the file alone."""
    return (
        "dnsmasq",
        f"--conf-file={paths.config_file}",
        f"--pid-file={paths.pid_file}",
        f"--dhcp-leasefile={paths.lease_file}",
        f"--user={paths.user}",
        f"--group={paths.group}",
        f"--servers-file={paths.servers_file}",
    )


def config_text(config: Config) -> str:
    """The file. The same configuration gives the same text, to the byte."""
    upstream = UPSTREAM_DNS_OPTIONS + "".join(f"server={ip}\n" for ip in config.gateway.dns)
    if not config.gateway.dns:
        upstream = MACHINE_DNS_OPTIONS + ("all-servers\n" if may_have_resolvers(config) else "")
    # Uplinks are no VLANs and are not listened on anyway: this is a second protection.
    uplinks = config.uplinks.values()
    parts = (
        DNSMASQ_HEADER
        + "".join(
            f"except-interface={name}\n"
            for name in dict.fromkeys(name for u in uplinks for name in (u.interface, u.device))
        ),
        DNS_OPTIONS,
        upstream,
        REBINDING_OPTIONS
        + "".join(f"bogus-nxdomain={network}\n" for network in rebinding_networks(config)),
        *_host_records(config),
        *learned_names(config),
        *_dhcp_server(config),
        *(
            [ROUTER_ADVERTISEMENT_OPTIONS]
            if any(_uses_slaac(vlan) for vlan in config.vlans.values())
            else []
        ),
        *(
            "".join(f"{line}\n" for line in _vlan_options(config, vlan))
            for vlan in config.vlans.values()
        ),
    )
    return "\n".join(parts)


def rebinding_networks(config: Config) -> list[IpNetwork]:
    """Networks that no name of the internet may lead to: private ones, loopback, the modems."""
    modems = [
        ip_network(gateway)
        for uplink in config.uplinks.values()
        for gateway in (uplink.gateway, uplink.gateway6)
        if gateway is not None
    ]
    inside = [
        own.network
        for vlan in config.vlans.values()
        for own in (vlan.address, vlan.address6)
        if own is not None
    ]
    return collapsed([*PRIVATE_NETWORKS, *SELF_NETWORKS, *modems, *inside])


def pool_size(dhcp: Dhcp) -> int:
    """How many addresses a pool has."""
    return int(dhcp.range.end) - int(dhcp.range.start) + 1


def _host_records(config: Config) -> Iterator[str]:
    """A record for each host of the file, whether it holds a lease or not."""
    records = [
        f"host-record={name},{name}.{LOCAL_DOMAIN},{host.address}\n"
        for vlan in config.vlans.values()
        for name, host in vlan.hosts.items()
    ]
    if records:
        yield LOCAL_DOMAIN_OPTIONS + "".join(records)


def _dhcp_server(config: Config) -> Iterator[str]:
    serving = [vlan for vlan in config.vlans.values() if serves_dhcp(vlan)]
    if serving:
        yield f"{DHCP_SERVER_OPTIONS}dhcp-lease-max={sum(map(_max_leases, serving))}\n"


def _max_leases(vlan: Vlan) -> int:
    """How many leases there may be: the pool, and the hosts that have an address beside it."""
    pool = vlan.dhcp
    outside_pool = [
        host for host in vlan.hosts.values() if pool is None or host.address not in pool.range
    ]
    return len(outside_pool) + (0 if pool is None else pool_size(pool))


def _vlan_options(config: Config, vlan: Vlan) -> Iterator[str]:
    device = config.vlan_device(vlan)
    yield f"# VLAN {vlan.name}"
    yield f"interface={device}"
    if serves_dhcp(vlan):
        # Router and resolver are the gateway's address in this VLAN, whatever else the device has.
        yield f"dhcp-range=set:{vlan.name},{dhcp_range(vlan)}"
        yield f"dhcp-option=tag:{vlan.name},option:router,{vlan.address.ip}"
        yield from resolver_option(vlan)
        yield from further_options(vlan)
        if any(other.hosts for other in config.vlans.values()):
            yield f"dhcp-option=tag:{vlan.name},option:domain-name,{LOCAL_DOMAIN}"
        for name, host in vlan.hosts.items():
            yield f"# {name}"
            yield f"dhcp-host={host.mac},{host.address}"
    if _uses_slaac(vlan):
        assert vlan.address6 is not None
        prefix = vlan.address6.network.network_address
        yield f"dhcp-range=set:{vlan.name},{prefix},ra-only,{SLAAC_PREFIX_LENGTH}"
        resolvers = [f"[{ip}]" for ip in vlan.dns if ip.version == 6]
        told = ",".join(resolvers if vlan.dns else [f"[{vlan.address6.ip}]"])
        # Nothing behind the comma: none is told, where dnsmasq would tell its own address.
        yield f"dhcp-option=tag:{vlan.name},option6:dns-server{',' if told else ''}{told}"
    if vlan.dhcp_relay is not None:
        yield f"dhcp-relay={vlan.address.ip},{vlan.dhcp_relay}"
    elif not serves_dhcp(vlan) and not _uses_slaac(vlan):
        yield f"no-dhcp-interface={device}"


def _uses_slaac(vlan: Vlan) -> bool:
    return vlan.address6 is not None and vlan.address6.network.prefixlen == SLAAC_PREFIX_LENGTH
