"""The bytes of the configuration file. A command reads them, and the daemon parses them."""

from pathlib import Path

from lbrouter.compile.config.size_limit import MAX_CONFIG_BYTES
from lbrouter.model.errors import ConfigError, NotPermittedError
from lbrouter.model.messages.os_errors import os_error_text
from lbrouter.model.messages.phrase import phrase


def read_config(path: Path) -> bytes:
    """The bytes of the file at `path`. Raises ConfigError or NotPermittedError."""
    try:
        with path.open("rb") as file:
            text = file.read(MAX_CONFIG_BYTES + 1)
    except PermissionError as error:
        raise NotPermittedError(
            phrase("{path} cannot be read: permission denied.", path=path), remedy="Run it as root."
        ) from error
    except OSError as error:
        raise ConfigError(
            phrase("{path}: {reason}", path=path, reason=os_error_text(error)),
            remedy="Write it, or name another one: lbrouter --config FILE ...",
        ) from error
    if len(text) > MAX_CONFIG_BYTES:
        raise ConfigError(
            phrase(
                "{path}: the file is larger than {most} MiB",
                path=path,
                most=MAX_CONFIG_BYTES >> 20,
            )
        )
    return text
