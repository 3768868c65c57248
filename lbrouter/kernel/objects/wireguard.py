"""WireGuard devices: their keys, mark, port and peer, by generic netlink or by a program's socket.

Where the kernel has WireGuard it is asked by generic netlink (linux/wireguard.h); a device of
wireguard-go is a tun device, and its program is asked (`wireguard_program`). Private keys are
passed on, and stand in no message, log or file of ours.
"""

import errno
from collections.abc import Iterable, Mapping
from typing import Any, Final

from pyroute2 import AsyncWireGuard
from pyroute2.netlink.exceptions import NetlinkError
from pyroute2.netlink.generic.wireguard import wgmsg

from lbrouter.kernel.netlink.client import OBJECT_ABSENT_ERRNOS, REQUEST_FLAGS
from lbrouter.kernel.netlink.uapi import DUMP_REQUEST_FLAGS
from lbrouter.kernel.objects import wireguard_program
from lbrouter.kernel.objects.link_message import TUN_KIND, Link
from lbrouter.model.kernel_state import DeviceKind
from lbrouter.model.lane import PeerReadings
from lbrouter.model.plan import Operation
from lbrouter.model.wireguard_tunnel import WireguardTunnel

WG_CMD_GET_DEVICE: Final = 0
WG_CMD_SET_DEVICE: Final = 1
WGDEVICE_F_REPLACE_PEERS: Final = 1
WGPEER_F_REPLACE_ALLOWEDIPS: Final = 2
NO_KEY: Final = "A" * 43 + "="
"""32 zeros: the key of a device that has none."""


async def observe(links: Iterable[Link]) -> frozenset[WireguardTunnel]:
    """The tunnels of our devices that have a key."""
    ours = [link for link in links if link.ours]
    tunnels = [wireguard_program.observe(device.name) for device in ours if device.kind == TUN_KIND]
    kernel = [device.name for device in ours if device.kind == DeviceKind.WIREGUARD]
    if kernel:
        async with AsyncWireGuard() as socket:
            await socket.setup_endpoint()
            tunnels += [await _observe_device(socket, name) for name in kernel]
    return frozenset(tunnel for tunnel in tunnels if tunnel is not None)


async def readings(name: str, kind: str) -> PeerReadings | None:
    """The peer of a device as it is counted; None where there is none, or it is gone."""
    if kind == TUN_KIND:
        return wireguard_program.readings(name)
    try:
        async with AsyncWireGuard() as socket:
            await socket.setup_endpoint()
            peers = _peers(await _ask(socket, name))
    except NetlinkError:
        return None
    return _peer_readings(peers[0]) if peers else None


async def execute(operation: Operation) -> None:
    """Give a device its keys and its peer, or take them; one that is gone needs nothing taken."""
    old, new = operation.old, operation.new
    tunnel = operation.managed_object
    assert isinstance(tunnel, WireguardTunnel)
    if wireguard_program.is_running(tunnel.interface):
        wireguard_program.configure(
            tunnel.interface, new if isinstance(new, WireguardTunnel) else None
        )
        return
    if isinstance(new, WireguardTunnel):
        await _send(_message(new))
    elif isinstance(old, WireguardTunnel):
        await _remove(old.interface)


async def _remove(interface: str) -> None:
    message = _device_message(interface, private_key=NO_KEY)
    try:
        await _send(message)
    except NetlinkError as error:
        if error.code not in OBJECT_ABSENT_ERRNOS | {errno.EOPNOTSUPP}:
            raise


async def _send(message: Any) -> None:
    async with AsyncWireGuard() as socket:
        await socket.setup_endpoint()
        answers = await socket.nlm_request(message, msg_type=socket.prid, msg_flags=REQUEST_FLAGS)
        async for _ in answers:
            pass


def _message(tunnel: WireguardTunnel) -> Any:
    """Everything in one message: the kernel takes it whole or refuses it."""
    message = _device_message(tunnel.interface, private_key=tunnel.private_key)
    address, _, port = tunnel.peer_endpoint.rpartition(":")
    network, _, length = tunnel.allowed.partition("/")
    allowed = {
        "attrs": [
            ["WGALLOWEDIP_A_FAMILY", 2],
            ["WGALLOWEDIP_A_IPADDR", bytes(map(int, network.split(".")))],
            ["WGALLOWEDIP_A_CIDR_MASK", int(length)],
        ]
    }
    peer = [
        ["WGPEER_A_PUBLIC_KEY", tunnel.peer_key],
        ["WGPEER_A_ENDPOINT", {"addr": address, "port": int(port)}],
        ["WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL", tunnel.keepalive_s],
        ["WGPEER_A_FLAGS", WGPEER_F_REPLACE_ALLOWEDIPS],
        ["WGPEER_A_ALLOWEDIPS", [allowed]],
    ]
    message["attrs"] += [
        ["WGDEVICE_A_LISTEN_PORT", tunnel.listen_port],
        ["WGDEVICE_A_FWMARK", tunnel.fwmark],
        ["WGDEVICE_A_PEERS", [{"attrs": peer}]],
    ]
    return message


def _device_message(interface: str, *, private_key: str) -> Any:
    message = wgmsg()
    message["cmd"], message["version"] = WG_CMD_SET_DEVICE, 1
    message["attrs"] = [
        ["WGDEVICE_A_IFNAME", interface],
        ["WGDEVICE_A_PRIVATE_KEY", private_key],
        ["WGDEVICE_A_FLAGS", WGDEVICE_F_REPLACE_PEERS],
    ]
    return message


async def _ask(socket: AsyncWireGuard, name: str) -> list[Any]:
    message = wgmsg()
    message["cmd"], message["version"] = WG_CMD_GET_DEVICE, 1
    message["attrs"] = [["WGDEVICE_A_IFNAME", name]]
    answers = await socket.nlm_request(message, msg_type=socket.prid, msg_flags=DUMP_REQUEST_FLAGS)
    return [answer async for answer in answers]


def _peers(answers: Iterable[Any]) -> list[Any]:
    return [peer for answer in answers for peer in answer.get_attr("WGDEVICE_A_PEERS") or ()]


async def _observe_device(socket: AsyncWireGuard, name: str) -> WireguardTunnel | None:
    answers = await _ask(socket, name)
    private = _key_text(answers[0].get_attr("WGDEVICE_A_PRIVATE_KEY")) if answers else NO_KEY
    if private in ("", NO_KEY):
        return None
    head = answers[0]
    peers = [_decode_peer(peer) for peer in _peers(answers)]
    only = peers[0] if len(peers) == 1 else {}
    return WireguardTunnel(
        interface=name,
        private_key=private,
        public_key=_key_text(head.get_attr("WGDEVICE_A_PUBLIC_KEY")),
        listen_port=head.get_attr("WGDEVICE_A_LISTEN_PORT") or 0,
        fwmark=head.get_attr("WGDEVICE_A_FWMARK") or 0,
        peer_key=str(only.get("key", f"{len(peers)} peers")),
        peer_endpoint=str(only.get("endpoint", "")),
        keepalive_s=int(only.get("keepalive", 0)),
        allowed=str(only.get("allowed", "")),
    )


def _decode_peer(peer: Any) -> Mapping[str, str | int]:
    endpoint = peer.get_attr("WGPEER_A_ENDPOINT")
    allowed = peer.get_attr("WGPEER_A_ALLOWEDIPS") or ()
    return {
        "key": _key_text(peer.get_attr("WGPEER_A_PUBLIC_KEY")),
        "endpoint": "" if endpoint is None else f"{endpoint['addr']}:{endpoint['port']}",
        "keepalive": peer.get_attr("WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL") or 0,
        "allowed": ",".join(sorted(str(network["addr"]) for network in allowed)),
    }


def _peer_readings(peer: Any) -> PeerReadings:
    moment = peer.get_attr("WGPEER_A_LAST_HANDSHAKE_TIME")
    seconds = 0 if moment is None else moment["tv_sec"]
    return PeerReadings(
        last_handshake_at=float(seconds) if seconds else None,
        received_bytes=peer.get_attr("WGPEER_A_RX_BYTES") or 0,
        sent_bytes=peer.get_attr("WGPEER_A_TX_BYTES") or 0,
    )


def _key_text(value: Any) -> str:
    """A key as base64; pyroute2 gives bytes of it, or a decoded attribute that holds them."""
    attributes = value["value"] if isinstance(value, Mapping) else value
    return attributes.decode() if isinstance(attributes, bytes) else str(attributes or "")
