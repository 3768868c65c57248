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
from lbrouter.rehearsal.lab.dhcp_server import Offer, server_argv
from lbrouter.rehearsal.lab.host import Host
from lbrouter.rehearsal.lab.impairment import (
    PORTAL_PORTS,
    RELAYED,
    Impairment,
    detour,
    relay_of,
    ruleset,
)
from lbrouter.rehearsal.lab.layout import Leg, Line
from lbrouter.rehearsal.lab.process import Job, run, script_of, until

SIDES = ("line", "wan")
"""A provider's interfaces: towards the gateway, towards the internet."""


class Isp(Host):
    """A provider: the line to the gateway on `line`, the way to the internet on `wan`.

    `home` is the line as it was built, `line` as it is now (a lease may have changed it). All that
    is done to a line stays until `heal`, or until the same method undoes it.
    """

    def __init__(
        self, namespace: str, jobs: list[Job], line: Line, *, folder: Path, netem: bool
    ) -> None:
        super().__init__(namespace, jobs)
        self.home = self.line = line
        self.folder = folder / f"isp-{line.name}"
        self.folder.mkdir(exist_ok=True)
        self._netem = netem
        self._wrong = Impairment()
        self._up, self._dead = True, False
        self._relay: Job | None = None
        self._leases: Job | None = None
        self._offer: Offer | None = None

    def open(self) -> None:
        """Begin as the floor plan says: with the line's own delay, and with a DHCP server."""
        if self.line.delay_ms:
            self._hold(self.line.delay_ms)
        if self.line.leased:
            self.lease()

    @property
    def mac(self) -> str:
        """Hardware address of the provider's end of the line, as the gateway sees it."""
        return self._link()["address"]  # type: ignore[no-any-return]

    def heal(self) -> None:
        """Undo whatever was done to the line: it is as it was built, with the lease of then."""
        self.impair()
        if self._dead:
            self.blackhole(on=False)
        if not self._up:
            self.carrier(up=True)
        if self.line.leased and (self.line != self.home or self._leases is None):
            self.lease()
        elif not self.line.leased and self._leases is not None:
            self._end_lease()

    def carrier(self, *, up: bool) -> None:
        """Plug the gateway's cable in, or pull it: its interface loses its carrier."""
        script = [f"link set line {'up' if up else 'down'}"]
        if up:  # with the link went its IPv6 addresses and all routes by it
            script += setup_scripts.line_side(self.line)
        self._batch(script)
        self._up = up

    def flap(self, *, times: int, period_s: float = 1.0) -> None:
        """Pull the cable and plug it in again, `times` times; it is in when this returns."""
        pause = threading.Event()
        for _ in range(times):
            for up in (False, True):
                self.carrier(up=up)
                pause.wait(period_s / 2)

    def blackhole(self, *, on: bool) -> None:
        """Swallow all but ARP and neighbour discovery: the link is fine, the line is dead."""
        self._dead = on
        if not on:
            self.check(["nft", "delete table inet dead"])
            return
        sink = "icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept; counter drop;"
        chains = "".join(
            f"chain {hook} {{ type filter hook {hook} priority -500; {sink} }}\n"
            for hook in ("prerouting", "output")
        )
        self.check(["nft", "-f", "-"], stdin=f"table inet dead {{\n{chains}}}\n")

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
            self._portal  # noqa: B018  # it must listen before anybody is sent there
        self.check(["nft", "-f", "-"], stdin=ruleset(self.line, wrong))
        if delay_ms != self._wrong.delay_ms:
            self._hold(self.line.delay_ms + delay_ms)
        self._wrong = wrong

    def lease(
        self,
        address: IPv4Interface | None = None,
        gateway: IPv4Address | None = None,
        *,
        lease_s: int = 120,
        renew_s: int | None = None,
        rebind_s: int | None = None,
    ) -> None:
        """Offer this address and gateway from now on (None = those of the floor plan).

        The provider itself moves there with its server, which refuses (NAK) a client that wants to
        renew another subnet's lease. dnsmasq grants 120 s at least; T1 and T2 can be shorter.
        """
        leg = self.home.leg4
        address = address or IPv4Interface(str(leg.address))
        gateway = gateway or IPv4Address(str(leg.gateway))
        offer = Offer(address=address, gateway=gateway, lease_s=lease_s,
                      renew_s=renew_s, rebind_s=rebind_s)  # fmt: skip
        self.no_lease()
        self._move(address, gateway)
        self._offer = offer
        leases, log = self.folder / "leases", self.folder / "dhcp.log"
        leases.unlink(missing_ok=True)
        log.unlink(missing_ok=True)
        self._leases = self.start(server_argv(offer, leases=leases, log=log))
        until(lambda: log.exists() and "DHCP, IP range" in log.read_text(), "dnsmasq to start")

    def no_lease(self) -> None:
        """The DHCP server vanishes; the line itself stays."""
        if self._leases is not None:
            self._leases.close()
        self._leases = None

    def _end_lease(self) -> None:
        """A line whose address is static: the DHCP server was there for a while only."""
        self.no_lease()
        leg = self.home.leg4
        self._move(leg.address, leg.gateway)

    @property
    def lease_log(self) -> str:
        """What the DHCP server has said: each DISCOVER, OFFER, REQUEST, ACK, NAK."""
        return (self.folder / "dhcp.log").read_text()

    def bytes(self) -> tuple[int, int]:
        """Bytes so far (upload, download), counted at the provider's end of the line."""
        stats = self._link()["stats64"]
        return stats["rx"]["bytes"], stats["tx"]["bytes"]

    def strays(self) -> int:
        """Packets so far from the gateway whose source was not this uplink's address."""
        text = self.check(["nft", "-j", "list", "counter", "inet", "observer", "stray"])
        found = (each.get("counter") for each in json.loads(text)["nftables"])
        return sum(int(counter["packets"]) for counter in found if counter)

    def _move(self, address: IpInterface, gateway: IpAddress) -> None:
        """The provider's side of the line, for a gateway that has another address."""
        legs = tuple(
            replace(leg, address=address, gateway=gateway) if leg.address.version == 4 else leg
            for leg in self.home.legs
        )
        moved = replace(self.home, legs=legs)
        if moved == self.line:
            return
        old = [f"address del {_own(leg)} dev line" for leg in self.line.legs
               if leg not in moved.legs]  # fmt: skip
        self.line = moved
        self._batch([*old, *setup_scripts.line_side(moved)])
        self.check(["nft", "-f", "-"], stdin="\n".join(setup_scripts.tables(moved)) + "\n")

    def _hold(self, delay_ms: float) -> None:
        """Delay what leaves by either side, by netem or by our own relay; 0 = not at all."""
        if self._netem:
            self.script("\n".join(setup_scripts.netem(self.line, delay_ms)))
        elif self._relay is not None and delay_ms:
            self._relay.ask(f"delay {delay_ms}")
        elif self._relay is not None:
            self.check(["nft", "delete table netdev slow"])
            self._relay.stop()
            self._relay = None
        elif delay_ms:
            self._relay = self._start_relay(delay_ms)

    def _start_relay(self, delay_ms: float) -> Job:
        lanes = {relay_of(side): side for side in SIDES}
        request = {"lanes": lanes, "delay_ms": delay_ms, "mark": RELAYED}
        relay = self.start([*script_of("delay_line"), json.dumps(request)])
        relay.line()
        self.script("\n".join(_quiet(tap) for tap in lanes))
        self.check(["nft", "-f", "-"], stdin=detour(SIDES))
        return relay

    @cached_property
    def _portal(self) -> Job:
        """The portal's pages; with a certificate where openssl can make one."""
        pair = self.folder / "portal.pem"
        made = run([*CERTIFICATE, "-keyout", str(pair), "-out", f"{pair}.crt"])
        if made.returncode == 0:
            pair.write_text(pair.read_text() + Path(f"{pair}.crt").read_text())
        request = {
            "addresses": [str(leg.public.ip) for leg in self.line.legs],
            "http": PORTAL_PORTS[80],
            "https": PORTAL_PORTS[443],
            "pair": str(pair) if made.returncode == 0 else "",
        }
        job = self.start([*script_of("captive_portal"), json.dumps(request)])
        job.line()
        return job

    def _batch(self, lines: list[str]) -> None:
        self.check(["ip", "-batch", "-"], stdin="\n".join(lines) + "\n")

    def _link(self) -> dict[str, Any]:
        text = self.check(["ip", "-s", "-json", "link", "show", "dev", "line"])
        found: dict[str, Any] = json.loads(text)[0]
        return found


CERTIFICATE = (
    *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
    *("-nodes", "-days", "2", "-subj", "/CN=portal.invalid"),
)
"""A certificate that nobody trusts, for a name that nobody asked for."""


def _own(leg: Leg) -> str:
    return f"{leg.gateway}/{setup_scripts.provider_prefix(leg)}"


def _quiet(device: str) -> str:
    """A device up that says nothing of its own: its neighbour discovery would go on the line."""
    return (
        f"echo 1 > /proc/sys/net/ipv6/conf/{device}/disable_ipv6\n"
        f"ip link set {device} up txqueuelen 5000"
    )
