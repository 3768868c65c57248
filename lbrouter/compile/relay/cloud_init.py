"""The relay's machine: WireGuard, its firewall and the cloud-init file that makes both of them.

No program of ours runs there. It forwards for its one peer alone, so it is no open proxy.
"""

from dataclasses import dataclass
from textwrap import indent
from typing import Final

from lbrouter.compile.relay.x25519 import public_key_of
from lbrouter.model.config import Uplink
from lbrouter.model.lane import LANE_DEVICE_MTU

RELAY_DEVICE: Final = "lane"
"""The WireGuard device of the relay."""

DEFAULT_RELAY_PORT: Final = 51820


@dataclass(frozen=True, slots=True, kw_only=True)
class RelaySetup:
    """What `relay setup` gives: public keys in base64, the UDP port, the addresses inside.

    `inside` is the gateway's address with its prefix length. `nft` and `wireguard` are the two
    files that `cloud_init` holds beside others; `wireguard` and `cloud_init` hold the relay's
    private key.
    """

    gateway_public_key: str
    relay_public_key: str
    port: int
    inside: str
    nft: str
    wireguard: str
    cloud_init: str


def relay_setup(lane: Uplink, *, gateway_private_key: str, relay_private_key: str) -> RelaySetup:
    """The relay of `lane`. The same lane and keys give the same text, to the byte."""
    port = DEFAULT_RELAY_PORT if lane.relay is None else lane.relay.port
    gateway_key = public_key_of(gateway_private_key)
    nft = nft_text(lane, port)
    wireguard = wireguard_text(
        lane, port=port, relay_private_key=relay_private_key, gateway_public_key=gateway_key
    )
    return RelaySetup(
        gateway_public_key=gateway_key,
        relay_public_key=public_key_of(relay_private_key),
        port=port,
        inside=str(lane.inside_address),
        nft=nft,
        wireguard=wireguard,
        cloud_init=_CLOUD_INIT.format(
            name=lane.name,
            device=RELAY_DEVICE,
            wireguard=_indented(wireguard),
            nft=_indented(nft),
        ),
    )


def wireguard_text(
    lane: Uplink, *, port: int, relay_private_key: str, gateway_public_key: str
) -> str:
    """The file of wg-quick on the relay."""
    length = lane.inside_address.network.prefixlen
    return _WIREGUARD.format(
        address=f"{lane.relay_inside}/{length}",
        port=port,
        private_key=relay_private_key,
        mtu=LANE_DEVICE_MTU,
        public_key=gateway_public_key,
        gateway=lane.inside_address.ip,
    )


def nft_text(lane: Uplink, port: int) -> str:
    """The firewall of the relay."""
    return _NFT.format(
        port=port, closed=closed_port(port), device=RELAY_DEVICE, gateway=lane.inside_address.ip
    )


def closed_port(port: int) -> int:
    """The UDP port beside the relay's, which answers that it is closed: so UDP passes."""
    return port + 1 if port < 65535 else port - 1


def _indented(text: str) -> str:
    return indent(text, " " * 6).rstrip()


_WIREGUARD: Final = """\
[Interface]
Address = {address}
ListenPort = {port}
PrivateKey = {private_key}
MTU = {mtu}

[Peer]
PublicKey = {public_key}
AllowedIPs = {gateway}/32
"""

_NFT: Final = """\
#!/usr/sbin/nft -f
# The relay of a lane: WireGuard and SSH come in, the tunnel alone goes out.
table inet relay
delete table inet relay

table inet relay {{
	chain input {{
		type filter hook input priority filter; policy drop;
		ct state vmap {{ established : accept, related : accept, invalid : drop }}
		iifname "lo" accept
		# ICMP and ICMPv6 by number: the names are in a file that a small Debian lacks (netbase)
		meta l4proto {{ 1, 58 }} limit rate 100/second burst 100 packets accept
		# what comes out of the tunnel is a client of the gateway: it gets an echo, and no service
		iifname "{device}" drop
		udp dport {port} accept
		tcp dport 22 accept
		udp sport 67 udp dport 68 accept
		udp sport 547 udp dport 546 accept
		# an answer that tells the gateway that UDP passes, when its handshake does not
		udp dport {closed} limit rate 10/second reject with icmpx port-unreachable
		drop
	}}

	chain forward {{
		type filter hook forward priority filter; policy drop;
		ct state vmap {{ established : accept, related : accept, invalid : drop }}
		# the provider's own services (169.254.169.254) are not for clients
		iifname "{device}" ip daddr 169.254.0.0/16 drop
		iifname "{device}" oifname != "{device}" ip saddr {gateway} accept
		drop
	}}

	chain clamp {{
		type filter hook forward priority mangle; policy accept;
		tcp flags & (syn | rst) == syn tcp option maxseg size set rt mtu
	}}

	chain srcnat {{
		type nat hook postrouting priority srcnat; policy accept;
		ip saddr {gateway} oifname != "{device}" masquerade
	}}
}}
"""

_CLOUD_INIT: Final = """\
#cloud-config
# The relay of lane "{name}", for a fresh machine with Debian 12 or 13.
# Made by `lbrouter relay setup`.
# It holds the relay's private key: treat it like a password.
package_update: true
package_upgrade: true
packages:
  - wireguard-tools
  - nftables
  - unattended-upgrades
write_files:
  - path: /etc/wireguard/{device}.conf
    owner: root:root
    permissions: "0600"
    content: |
{wireguard}
  - path: /etc/nftables.conf
    owner: root:root
    permissions: "0755"
    content: |
{nft}
  - path: /etc/systemd/system/wg-quick@{device}.service.d/firewall.conf
    owner: root:root
    permissions: "0644"
    content: |
      # without its firewall the relay is no relay
      [Unit]
      Requires=nftables.service
      After=nftables.service
  - path: /etc/sysctl.d/60-relay.conf
    owner: root:root
    permissions: "0644"
    content: |
      net.ipv4.ip_forward = 1
  - path: /etc/apt/apt.conf.d/52-relay-upgrades
    owner: root:root
    permissions: "0644"
    content: |
      APT::Periodic::Update-Package-Lists "1";
      APT::Periodic::Unattended-Upgrade "1";
      Unattended-Upgrade::Automatic-Reboot "false";
runcmd:
  - [sysctl, --system]
  - [systemctl, enable, nftables.service]
  - [systemctl, restart, nftables.service]
  - [systemctl, enable, --now, wg-quick@{device}.service]
"""
