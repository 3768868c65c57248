"""The password of a PPPoE line: read from its file, never shown."""

import stat
from pathlib import Path

from lbrouter.compile.services import pppd
from lbrouter.model.config import Config, Uplink
from lbrouter.model.errors import ConfigError, LbrouterError, NotPermittedError
from lbrouter.model.messages.os_errors import os_error_text
from lbrouter.model.messages.phrase import as_phrase, joined_phrases, phrase


def require(config: Config) -> None:
    """Raise ConfigError with every password that cannot be used."""
    found = [said for uplink in pppd.pppoe_uplinks(config) if (said := password_error(uplink))]
    if found:
        raise ConfigError(joined_phrases("\n", found))


def password_error(uplink: Uplink) -> str:
    """What is wrong with the password of a line, "" where it can be used."""
    try:
        read_password(uplink)
    except LbrouterError as error:
        return str(error)
    return ""


def read_password(uplink: Uplink) -> str:
    """The password of a line: its file's one line. Raises ConfigError saying what is wrong.

    Raises NotPermittedError where this user may not read it.
    """
    file = Path(uplink.password_file or "")
    where = f'uplinks.{uplink.name}.password_file = "{file}"'
    try:
        mode = file.stat().st_mode
        text = file.read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r")
    except PermissionError as error:
        raise NotPermittedError(
            phrase("{where}: it may not be read", where=where), remedy="Run it as root."
        ) from error
    except OSError as error:
        raise ConfigError(
            phrase(
                "{where}: it cannot be read ({reason}); write the password into it, one line,"
                " chmod 600",
                where=where,
                reason=os_error_text(error),
            )
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(phrase("{where}: it is not text", where=where)) from error
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        raise ConfigError(
            phrase(
                "{where}: all users of this machine can read it; chmod 600 {file}",
                where=where,
                file=file,
            )
        )
    if wrong := pppd.secret_error(text):
        raise ConfigError(
            phrase("{where}: the password {wrong}", where=where, wrong=as_phrase(wrong))
        )
    return text
