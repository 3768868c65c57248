"""The last address that the name of a relay had: it outlives the daemon and a dead resolver."""

from contextlib import suppress
from ipaddress import AddressValueError, IPv4Address
from pathlib import Path

from lbrouter.model.config import Uplink
from lbrouter.services.lane_keys import LANES_DIRECTORY
from lbrouter.system import atomic_file


class RelayAddresses:
    """A file for each lane below the state directory: the name, and its last address."""

    def __init__(self, state_dir: Path) -> None:
        self._directory = state_dir / LANES_DIRECTORY

    def load(self, lane: Uplink) -> IPv4Address | None:
        """The last address of the relay's name; None where none is known, or of another name."""
        assert lane.relay is not None
        with suppress(OSError, ValueError, AddressValueError):
            name, address = self._file(lane).read_text(encoding="ascii").split()
            return IPv4Address(address) if name == lane.relay.host else None
        return None

    def save(self, lane: Uplink, address: IPv4Address) -> None:
        """Remember it. A disk that is full loses it with the daemon, and nothing else."""
        assert lane.relay is not None
        file = self._file(lane)
        with suppress(OSError):
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            atomic_file.replace(
                file, f"{lane.relay.host} {address}\n".encode("ascii"), durable=True
            )

    def _file(self, lane: Uplink) -> Path:
        return self._directory / f"{lane.name}.relay-address"
