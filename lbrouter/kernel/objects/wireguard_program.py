"""wireguard-go, where the kernel has no WireGuard: its process, its tun device, its socket.

The program makes the device (what it reads from one depends on its version), ends with it, and
takes it along when it ends: the device is observed, repaired and removed, and so is the program.
The socket speaks the cross-platform protocol of WireGuard: https://www.wireguard.com/xplatform.
"""

import shutil
import socket
import subprocess
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from lbrouter.compile.relay.x25519 import public_key_of
from lbrouter.model.errors import NotAppliedError, UnavailableError
from lbrouter.model.lane import PeerReadings
from lbrouter.model.messages.phrase import phrase
from lbrouter.model.wireguard_tunnel import WireguardTunnel

WIREGUARD_MISSING: Final = "This kernel has no WireGuard, and wireguard-go is not installed."
WIREGUARD_REMEDY: Final = (
    "Run a kernel that has it, as Debian's (apt install linux-image-amd64), or: apt install"
    " wireguard-go"
)
PROGRAM: Final = "wireguard-go"
PROGRAM_PATH: Final = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"
TUN_CONTROL: Final = Path("/dev/net/tun")

SOCKET_DIRECTORY: Final = Path("/run/wireguard")
"""Where wireguard-go puts its sockets, and `wg` looks for them."""

OTHER_SOCKETS_DIRECTORY: Final = Path("/run/lbrouter-wireguard")
"""Where they are for a network namespace that is not the machine's first: the program sees this
folder in the place of the usual one, so that two namespaces may have a device of one name."""

START_TIMEOUT_S: Final = 15.0
PROGRAM_ANSWER_TIMEOUT_S: Final = 3.0
MAX_ANSWER_BYTES: Final = 1 << 20

MOUNT_SCRIPT: Final = f'mount --bind "$0" {SOCKET_DIRECTORY} && exec "$@"'


def available() -> bool:
    """Whether the program is installed, and the kernel has tun devices for it."""
    return TUN_CONTROL.exists() and _binary() is not None


def _binary() -> str | None:
    return shutil.which(PROGRAM, path=PROGRAM_PATH)


def start(name: str) -> None:
    """Start the program; its device is there and its socket answers when this returns.

    Raises UnavailableError where it is not installed, NotAppliedError with its own words.
    """
    binary = _binary()
    if binary is None:
        raise UnavailableError(WIREGUARD_MISSING, remedy=WIREGUARD_REMEDY)
    SOCKET_DIRECTORY.mkdir(mode=0o755, exist_ok=True)
    folder = _socket_path(name).parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    apart = ["unshare", "--mount", "--propagation", "slave", "sh", "-c", MOUNT_SCRIPT, str(folder)]
    shell = [] if folder == SOCKET_DIRECTORY else apart
    try:
        done = subprocess.run(
            [*shell, binary, name],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=START_TIMEOUT_S,
            start_new_session=True,
            check=False,
            cwd="/",
            env={"PATH": PROGRAM_PATH},
        )
    except subprocess.TimeoutExpired as error:
        raise NotAppliedError(
            phrase("{program} did not finish its start.", program=PROGRAM)
        ) from error
    if done.returncode != 0:
        said = done.stderr.strip() or phrase("exit code {code}", code=done.returncode)
        raise NotAppliedError(
            phrase("{program} does not start: {said}", program=PROGRAM, said=said)
        )


def forget(name: str) -> None:
    """Remove what a program that was killed leaves: its socket, and our folder of it if empty."""
    path = _socket_path(name)
    with suppress(OSError):
        path.unlink(missing_ok=True)
        if path.parent != SOCKET_DIRECTORY:
            path.parent.rmdir()
            path.parent.parent.rmdir()


def is_running(name: str) -> bool:
    """Whether a program answers for the device `name` in this network namespace."""
    return _request(name, "get=1") is not None


def observe(name: str) -> WireguardTunnel | None:
    """The tunnel of the program's device; None where it has no key, or does not answer."""
    fields, peers = _parsed(name)
    private = fields.get("private_key", "")
    if not private.strip("0"):
        return None
    only = peers[0] if len(peers) == 1 else {}
    own = _as_base64(private)
    return WireguardTunnel(
        interface=name,
        private_key=own,
        public_key=public_key_of(own),
        listen_port=int(fields.get("listen_port", "0")),
        fwmark=int(fields.get("fwmark", "0")),
        peer_key=_as_base64(only["public_key"]) if only else f"{len(peers)} peers",
        peer_endpoint=only.get("endpoint", ""),
        keepalive_s=int(only.get("persistent_keepalive_interval", "0")),
        allowed=only.get("allowed_ip", ""),
    )


def readings(name: str) -> PeerReadings | None:
    """The peer of the program's device, as the program counts it."""
    _, peers = _parsed(name)
    if not peers:
        return None
    seconds = int(peers[0].get("last_handshake_time_sec", "0"))
    return PeerReadings(
        last_handshake_at=float(seconds) if seconds else None,
        received_bytes=int(peers[0].get("rx_bytes", "0")),
        sent_bytes=int(peers[0].get("tx_bytes", "0")),
    )


def configure(name: str, tunnel: WireguardTunnel | None) -> None:
    """Give the device its keys and its peer, or take them (None). Raises NotAppliedError."""
    answer = _request(name, "\n".join(("set=1", *_settings(tunnel))))
    if answer is None or "errno=0" not in answer.splitlines():
        said = "no answer" if answer is None else answer.strip()
        raise NotAppliedError(
            phrase(
                "{program} of {name} refused its settings: {said}",
                program=PROGRAM,
                name=name,
                said=said,
            )
        )


def _settings(tunnel: WireguardTunnel | None) -> Iterator[str]:
    yield f"private_key={'0' * 64 if tunnel is None else _as_hex(tunnel.private_key)}"
    if tunnel is not None:
        yield f"listen_port={tunnel.listen_port}"
        yield f"fwmark={tunnel.fwmark}"
    yield "replace_peers=true"
    if tunnel is not None:
        yield f"public_key={_as_hex(tunnel.peer_key)}"
        yield f"endpoint={tunnel.peer_endpoint}"
        yield f"persistent_keepalive_interval={tunnel.keepalive_s}"
        yield "replace_allowed_ips=true"
        yield f"allowed_ip={tunnel.allowed}"


def _parsed(name: str) -> tuple[dict[str, str], list[dict[str, str]]]:
    """The answer to "get": the device's own fields, and those of each peer."""
    fields: dict[str, str] = {}
    peers: list[dict[str, str]] = []
    for line in (_request(name, "get=1") or "").splitlines():
        key, _, value = line.partition("=")
        if key == "public_key":
            peers.append({})
        last_peer = peers[-1] if peers else fields
        last_peer[key] = (
            f"{last_peer[key]},{value}" if key == "allowed_ip" and key in last_peer else value
        )
    return fields, peers


def _request(name: str, words: str) -> str | None:
    """The answer of the program's socket; None where there is none."""
    path = _socket_path(name)
    if not path.exists():
        return None
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as opened:
        opened.settimeout(PROGRAM_ANSWER_TIMEOUT_S)
        opened.connect(str(path))
        opened.sendall(f"{words}\n\n".encode())
        return _read_answer(opened)
    return None


def _read_answer(opened: socket.socket) -> str:
    """Up to the empty line that ends it."""
    answer = b""
    while not answer.endswith(b"\n\n") and len(answer) < MAX_ANSWER_BYTES:
        piece = opened.recv(65536)
        if not piece:
            break
        answer += piece
    return answer.decode("ascii", errors="replace")


def _socket_path(name: str) -> Path:
    """In a folder for the network namespace of the calling thread."""
    own = Path("/proc/thread-self/ns/net").stat().st_ino
    with suppress(OSError):
        if Path("/proc/1/ns/net").stat().st_ino == own:
            return SOCKET_DIRECTORY / f"{name}.sock"
    return OTHER_SOCKETS_DIRECTORY / str(own) / f"{name}.sock"


def _as_hex(key: str) -> str:
    return b64decode(key).hex()


def _as_base64(key: str) -> str:
    return b64encode(bytes.fromhex(key)).decode()
