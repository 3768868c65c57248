"""Plain WireGuard between a gateway and a relay over the one line that the gateway itself uses."""

from dataclasses import dataclass

from lbrouter.compile.relay.cloud_init import RELAY_DEVICE
from lbrouter.rehearsal.lab.host import Host
from lbrouter.rehearsal.lab.venue import Venue

PLAIN_DEVICE = "plain"
PLAIN_PORT = 51999
PLAIN_NEAR, PLAIN_FAR = "10.254.0.2", "10.254.0.1"
PLAIN_MTU = 1420

MAKE_DEVICE = (
    f"ip link add {PLAIN_DEVICE} type wireguard 2>/dev/null || wireguard-go {PLAIN_DEVICE}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TunnelEnd:
    """One end: its host, its address inside, and its keys."""

    host: Host
    address: str
    private_key: str
    public_key: str


def make_plain_tunnel(venue: Venue, lane: str) -> None:
    """A tunnel beside the lane, to the same relay; it is up when this returns."""
    relay = venue.relays[lane]
    venue.gateway.wireguard_sockets = venue.folder / "plain-sockets"
    venue.gateway.wireguard_sockets.mkdir()
    near, far = _end(venue.gateway, PLAIN_NEAR), _end(relay, PLAIN_FAR)
    relay.check_output(["nft", "-f", "-"], stdin=_opened_ports(RELAY_DEVICE))
    _set_up(far, near, f"listen-port {PLAIN_PORT}", "")
    endpoint = f"endpoint {relay.layout.address}:{PLAIN_PORT} persistent-keepalive 5"
    _set_up(near, far, "", endpoint)


def _end(host: Host, address: str) -> TunnelEnd:
    private = host.check_output(["wg", "genkey"]).strip()
    public = host.check_output(["wg", "pubkey"], stdin=private).strip()
    return TunnelEnd(host=host, address=address, private_key=private, public_key=public)


def _set_up(own: TunnelEnd, peer: TunnelEnd, listen: str, endpoint: str) -> None:
    key = "/dev/stdin"
    own.host.run_script(
        f"{MAKE_DEVICE}\n"
        f"echo {own.private_key} | wg set {PLAIN_DEVICE} private-key {key} {listen}"
        f" peer {peer.public_key} allowed-ips {peer.address}/32 {endpoint}\n"
        f"ip address add {own.address}/30 dev {PLAIN_DEVICE}\n"
        f"ip link set {PLAIN_DEVICE} up mtu {PLAIN_MTU}\n"
    )


def _opened_ports(device: str) -> str:
    """The relay's own ruleset lets nothing out of a tunnel reach the relay itself."""
    return "\n".join(
        f"insert rule inet relay input {match} accept"
        for match in (f"udp dport {PLAIN_PORT}", f'iifname {{ "{PLAIN_DEVICE}", "{device}" }}')
    )
