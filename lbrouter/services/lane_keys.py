"""The keys of a lane: read from their files, made once, never shown.

Below the state directory: `lanes/NAME.key` is the gateway's private key, `lanes/NAME.relay.key`
that of the relay, which stands in its cloud-init file. Both are for root alone from their first
byte on.
"""

import os
from functools import cache
from pathlib import Path
from typing import Final

from lbrouter.compile.relay.x25519 import KEY_BYTES, private_key_of, public_key_of
from lbrouter.model.config import Uplink
from lbrouter.model.errors import ConfigError, LbrouterError, NotAppliedError, NotPermittedError
from lbrouter.model.lane import LaneKeys
from lbrouter.model.messages.os_errors import os_error_text
from lbrouter.model.messages.phrase import as_phrase, phrase
from lbrouter.model.sections.lanes import parse_wireguard_key
from lbrouter.model.validated_strings import InvalidValueError
from lbrouter.services.secret_file import UnsafeSecretFileError, read_secret_file
from lbrouter.system import atomic_file

LANES_DIRECTORY: Final = "lanes"


def gateway_key_file(lane: Uplink, state_dir: Path) -> Path:
    """Where the gateway's private key is: as the file says, or in the state directory."""
    if lane.key_file is not None:
        return Path(lane.key_file)
    return state_dir / LANES_DIRECTORY / f"{lane.name}.key"


def relay_key_file(lane: Uplink, state_dir: Path) -> Path:
    """Where the private key of the relay is that `relay setup` made."""
    return state_dir / LANES_DIRECTORY / f"{lane.name}.relay.key"


def keys_error(lane: Uplink, state_dir: Path) -> str:
    """What is wrong with the keys of a lane, "" where they can be used."""
    try:
        read_keys(lane, state_dir)
    except LbrouterError as error:
        return str(error)
    return ""


def read_keys(lane: Uplink, state_dir: Path) -> LaneKeys:
    """The keys of a lane. Raises ConfigError or NotPermittedError saying what is wrong."""
    private = _read_key(gateway_key_file(lane, state_dir), lane)
    relay = lane.relay_key or _public(_read_key(relay_key_file(lane, state_dir), lane))
    return LaneKeys(private_key=private, public_key=_public(private), relay_key=relay)


def make_keys(lane: Uplink, state_dir: Path, *, rotate: bool) -> tuple[str, str]:
    """The private keys of gateway and relay, made where there are none, or anew with `rotate`.

    Raises NotAppliedError or NotPermittedError where they cannot be written.
    """
    files = (gateway_key_file(lane, state_dir), relay_key_file(lane, state_dir))
    for file in files:
        if rotate or not file.exists():
            _write_private(file, private_key_of(os.urandom(KEY_BYTES)) + "\n")
    return _read_key(files[0], lane), _read_key(files[1], lane)


@cache
def _public(private_key: str) -> str:
    """It takes 2 ms, and is asked for at every observation."""
    return public_key_of(private_key)


def _read_key(file: Path, lane: Uplink) -> str:
    where = phrase("uplinks.{lane}: the key {file}", lane=lane.name, file=file)
    try:
        text = read_secret_file(file).decode("ascii", errors="replace").strip()
    except PermissionError as error:
        raise NotPermittedError(
            phrase("{where} cannot be read: permission denied", where=where),
            remedy="Run it as root.",
        ) from error
    except FileNotFoundError as error:
        raise ConfigError(
            phrase(
                "{where} is not there; `lbrouter relay setup {lane}` makes the keys",
                where=where,
                lane=lane.name,
            )
        ) from error
    except OSError as error:
        raise ConfigError(
            phrase("{where} cannot be read ({reason})", where=where, reason=os_error_text(error))
        ) from error
    except UnsafeSecretFileError as error:
        raise ConfigError(
            phrase("{where}: {reason}", where=where, reason=as_phrase(error.reason))
        ) from error
    try:
        return parse_wireguard_key(text)
    except InvalidValueError as error:
        raise ConfigError(
            phrase(
                "{where} {reason}; `wg genkey` makes one",
                where=where,
                reason=as_phrase(error.reason),
            )
        ) from error


def _write_private(file: Path, text: str) -> None:
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        atomic_file.replace(file, text.encode("ascii"), durable=True)
    except PermissionError as error:
        raise NotPermittedError(
            phrase("{file} cannot be written.", file=file), remedy="Run it as root."
        ) from error
    except OSError as error:
        raise NotAppliedError(
            phrase("{file} cannot be written: {reason}.", file=file, reason=os_error_text(error))
        ) from error
