"""A simulated provider, and everything that can go wrong with its line."""

import json
import threading
from dataclasses import replace
from functools import cached_property
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path
from typing import Any

from lbrouter.model.kernel_state import IpAddress, IpInterface
from lbrouter.rehearsal.lab import setup_scripts
from lbrouter.rehearsal.lab.dhcp_server import LeaseTerms, dnsmasq_argv
from lbrouter.rehearsal.lab.host import Host
from lbrouter.rehearsal.lab.impairment import (
    BLACKHOLE_TABLE,
    DELAYED_FWMARK,
    PORTAL_PORTS,
    Impairment,
    blackhole_ruleset,
    delay_line_device,
    delay_line_ruleset,
    impairment_ruleset,
)
from lbrouter.rehearsal.lab.layout import ProviderLine
from lbrouter.rehearsal.lab.process import LabProcess, agent_argv, run, wait_or_fail

PROVIDER_INTERFACES = ("line", "wan")
"""A provider's interfaces: towards the gateway, towards the internet."""


class Isp(Host):
    """A provider: the line to the gateway on `line`, the way to the internet on `wan`.

    `initial_line` is the line as it was built, `line` as it is now (a lease may have changed it).
    All that is done to a line stays until `restore`, or until the same method undoes it.
    """

    def __init__(
        self,
        namespace: str,
        processes: list[LabProcess],
        line: ProviderLine,
        *,
        folder: Path,
        netem: bool,
    ) -> None:
        super().__init__(namespace, processes)
        self.initial_line = self.line = line
        self.folder = folder / f"isp-{line.name}"
        self.folder.mkdir(exist_ok=True)
        self._netem = netem
        self._impairment = Impairment()
        self._carrier_up, self._blackholed = True, False
        self._delay_line: LabProcess | None = None
        self._dhcp_server: LabProcess | None = None
        self._lease_terms: LeaseTerms | None = None

    def bring_up(self) -> None:
        """Begin as the layout says: with the line's own delay, and with a DHCP server."""
        if self.line.delay_ms:
            self._set_delay(self.line.delay_ms)
        if self.line.has_dhcp_server:
            self.offer_lease()

    @property
    def uplink(self) -> str:
        """The uplink's name."""
        return self.initial_line.name

    @property
    def mac(self) -> str:
        """Hardware address of the provider's end of the line, as the gateway sees it."""
        return self._link_details()["address"]  # type: ignore[no-any-return]

    def restore(self) -> None:
        """Undo all that was done to the line: it is as it was built, with its first lease."""
        self.impair()
        if self._blackholed:
            self.set_blackhole(on=False)
        if not self._carrier_up:
            self.set_carrier(up=True)
        if self.line.has_dhcp_server and (
            self.line != self.initial_line or self._dhcp_server is None
        ):
            self.offer_lease()
        elif not self.line.has_dhcp_server and self._dhcp_server is not None:
            # A line whose address is static again: the DHCP server was only temporary.
            self.stop_dhcp_server()
            leg = self.initial_line.ipv4
            self._readdress(leg.address, leg.gateway)

    def set_carrier(self, *, up: bool) -> None:
        """Plug the gateway's cable in, or pull it: its interface loses its carrier."""
        script = [f"link set line {'up' if up else 'down'}"]
        if up:  # with the link went its IPv6 addresses and all routes by it
            script += setup_scripts.provider_line_commands(self.line)
        self._run_ip_batch(script)
        self._carrier_up = up

    def flap(self, *, times: int, period_s: float = 1.0) -> None:
        """Pull the cable and plug it in again, `times` times; it is in when this returns."""
        pause = threading.Event()
        for _ in range(times):
            for up in (False, True):
                self.set_carrier(up=up)
                pause.wait(period_s / 2)

    def set_blackhole(self, *, on: bool) -> None:
        """Swallow all but ARP and neighbour discovery: the link is fine, the line is dead."""
        self._blackholed = on
        if not on:
            self.check_output(["nft", f"delete table {BLACKHOLE_TABLE}"])
            return
        self.check_output(["nft", "-f", "-"], stdin=blackhole_ruleset())

    def impair(
        self,
        *,
        loss_percent: float = 0,
        loss_up_percent: float | None = None,
        loss_down_percent: float | None = None,
        delay_ms: float = 0,
        dns_dead: bool = False,
        portal: bool = False,
    ) -> None:
        """Make the line bad in exactly these ways; what an earlier call asked for is gone.

        `loss_percent` and `delay_ms` are one way, each way, the delay on top of the line's own; a
        loss of its own can be given for up (from the gateway) and down. See `Impairment`.
        """
        wrong = Impairment(
            loss_up_percent=loss_percent if loss_up_percent is None else loss_up_percent,
            loss_down_percent=loss_percent if loss_down_percent is None else loss_down_percent,
            delay_ms=delay_ms,
            dns_dead=dns_dead,
            portal=portal,
        )
        if portal:
            self._portal_server  # noqa: B018  # it must listen before clients are sent there
        self.check_output(["nft", "-f", "-"], stdin=impairment_ruleset(self.line, wrong))
        if delay_ms != self._impairment.delay_ms:
            self._set_delay(self.line.delay_ms + delay_ms)
        self._impairment = wrong

    def offer_lease(
        self,
        address: IPv4Interface | None = None,
        gateway: IPv4Address | None = None,
        *,
        lease_s: int = 120,
        renew_s: int | None = None,
        rebind_s: int | None = None,
    ) -> None:
        """Offer this address and gateway from now on (None = those of the layout).

        The provider itself moves there with its server, which refuses (NAK) a client that wants to
        renew another subnet's lease. dnsmasq grants 120 s at least; T1 and T2 can be shorter.
        """
        leg = self.initial_line.ipv4
        address = address or IPv4Interface(str(leg.address))
        gateway = gateway or IPv4Address(str(leg.gateway))
        offer = LeaseTerms(address=address, gateway=gateway, lease_s=lease_s,
                      renew_s=renew_s, rebind_s=rebind_s)  # fmt: skip
        self.stop_dhcp_server()
        self._readdress(address, gateway)
        self._lease_terms = offer
        leases, log = self.folder / "leases", self.folder / "dhcp.log"
        leases.unlink(missing_ok=True)
        log.unlink(missing_ok=True)
        self._dhcp_server = self.start(dnsmasq_argv(offer, leases=leases, log=log))
        wait_or_fail(
            lambda: log.exists() and "DHCP, IP range" in log.read_text(), "dnsmasq to start"
        )

    def stop_dhcp_server(self) -> None:
        """Stop the DHCP server; the line itself stays."""
        if self._dhcp_server is not None:
            self._dhcp_server.close()
        self._dhcp_server = None

    @property
    def dhcp_log(self) -> str:
        """The log of the DHCP server: each DISCOVER, OFFER, REQUEST, ACK, NAK."""
        return (self.folder / "dhcp.log").read_text()

    def byte_counts(self) -> tuple[int, int]:
        """Bytes so far (upload, download), counted at the provider's end of the line."""
        stats = self._link_details()["stats64"]
        return stats["rx"]["bytes"], stats["tx"]["bytes"]

    def stray_packets(self) -> int:
        """Packets so far from the gateway whose source was not this uplink's address."""
        text = self.check_output(["nft", "-j", "list", "counter", "inet", "observer", "stray"])
        counters = (item.get("counter") for item in json.loads(text)["nftables"])
        return sum(int(counter["packets"]) for counter in counters if counter)

    def _readdress(self, address: IpInterface, gateway: IpAddress) -> None:
        """Change the provider's side of the line, for a gateway that has another address."""
        legs = tuple(
            replace(leg, address=address, gateway=gateway) if leg.address.version == 4 else leg
            for leg in self.initial_line.families
        )
        moved = replace(self.initial_line, families=legs)
        if moved == self.line:
            return
        old = [
            f"address del {leg.gateway}/{setup_scripts.provider_prefix(leg)} dev line"
            for leg in self.line.families
            if leg not in moved.families
        ]
        self.line = moved
        self._run_ip_batch([*old, *setup_scripts.provider_line_commands(moved)])
        self.check_output(
            ["nft", "-f", "-"], stdin="\n".join(setup_scripts.provider_tables(moved)) + "\n"
        )

    def _set_delay(self, delay_ms: float) -> None:
        """Delay what leaves by either side, by netem or by our own delay line; 0 = not at all."""
        if self._netem:
            self.run_script("\n".join(setup_scripts.netem_commands(self.line, delay_ms)))
        elif self._delay_line is not None and delay_ms:
            self._delay_line.ask(f"delay {delay_ms}")
        elif self._delay_line is not None:
            self.check_output(["nft", "delete table netdev slow"])
            self._delay_line.stop()
            self._delay_line = None
        elif delay_ms:
            interface_by_tap = {delay_line_device(side): side for side in PROVIDER_INTERFACES}
            request = {"taps": interface_by_tap, "delay_ms": delay_ms, "mark": DELAYED_FWMARK}
            delay_line = self.start([*agent_argv("delay_line"), json.dumps(request)])
            delay_line.read_json()
            # A device up that says nothing of its own: no neighbour discovery on the line.
            self.run_script(
                "\n".join(
                    f"echo 1 > /proc/sys/net/ipv6/conf/{tap}/disable_ipv6\n"
                    f"ip link set {tap} up txqueuelen 5000"
                    for tap in interface_by_tap
                )
            )
            self.check_output(["nft", "-f", "-"], stdin=delay_line_ruleset(PROVIDER_INTERFACES))
            self._delay_line = delay_line

    @cached_property
    def _portal_server(self) -> LabProcess:
        """The portal's pages; with a certificate where openssl can make one."""
        pair = self.folder / "portal.pem"
        made = run([*PORTAL_CERTIFICATE_ARGV, "-keyout", str(pair), "-out", f"{pair}.crt"])
        if made.returncode == 0:
            pair.write_text(pair.read_text() + Path(f"{pair}.crt").read_text())
        request = {
            "addresses": [str(leg.public.ip) for leg in self.line.families],
            "http": PORTAL_PORTS[80],
            "https": PORTAL_PORTS[443],
            "pair": str(pair) if made.returncode == 0 else "",
        }
        job = self.start([*agent_argv("captive_portal"), json.dumps(request)])
        job.read_json()
        return job

    def _run_ip_batch(self, lines: list[str]) -> None:
        self.check_output(["ip", "-batch", "-"], stdin="\n".join(lines) + "\n")

    def _link_details(self) -> dict[str, Any]:
        text = self.check_output(["ip", "-s", "-json", "link", "show", "dev", "line"])
        link: dict[str, Any] = json.loads(text)[0]
        return link


PORTAL_CERTIFICATE_ARGV = (
    *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
    *("-nodes", "-days", "2", "-subj", "/CN=portal.invalid"),
)
"""A certificate that no client trusts, for a name that no client asked for."""
