"""Plain WireGuard between a gateway and a relay over the one line that the gateway itself uses."""

from dataclasses import dataclass

from lbrouter.rehearsal.lab.host import Host
from lbrouter.rehearsal.lab.venue import Venue

PLAIN_DEVICE = "plain"
PLAIN_PORT = 51999
PLAIN_NEAR, PLAIN_FAR = "10.254.0.2", "10.254.0.1"
PLAIN_MTU = 1420

MAKE_DEVICE = f"ip link add {PLAIN_DEVICE} type wireguard 2>/dev/null || wireguard-go {PLAIN_DEVICE}"


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
    relay.check_output(["nft", "-f", "-"], stdin=_open_port(relay))
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


def _open_port(relay: Host) -> str:
    """The relay's own ruleset lets the lane alone in: an accepting rule before each of its own."""
    chains = relay.check_output(["nft", "list", "chains"])
    found, table = [], ""
    for line in map(str.split, chains.splitlines()):
        table = " ".join(line[1:3]) if line[:1] == ["table"] else table
        if line[:1] == ["chain"]:
            found.append((table, line[1]))
    hooks = [(table, chain) for table, chain in found if chain in {"input", "incoming"}]
    return "\n".join(
        f'insert rule {table} {chain} udp dport {PLAIN_PORT} accept\n'
        f'insert rule {table} {chain} iifname "{PLAIN_DEVICE}" accept'
        for table, chain in hooks
    )
