"""The password of a PPPoE line and the URL of a webhook: read from their files, never shown."""

from pathlib import Path

from lbrouter.compile.services import pppd
from lbrouter.model.config import Config, Uplink
from lbrouter.model.errors import ConfigError, LbrouterError, NotPermittedError
from lbrouter.model.messages.os_errors import os_error_text
from lbrouter.model.messages.phrase import as_phrase, joined_phrases, phrase
from lbrouter.model.sections.alerts import parse_webhook
from lbrouter.model.sections.targets import ProbeTarget
from lbrouter.model.validated_strings import InvalidValueError
from lbrouter.services.secret_file import UnsafeSecretFileError, read_secret_file


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
        text = read_secret_file(file).decode().removesuffix("\n").removesuffix("\r")
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
    except UnsafeSecretFileError as error:
        raise ConfigError(
            phrase("{where}: {reason}", where=where, reason=as_phrase(error.reason))
        ) from error
    if wrong := pppd.secret_error(text):
        raise ConfigError(
            phrase("{where}: the password {wrong}", where=where, wrong=as_phrase(wrong))
        )
    return text


def webhook_error(config: Config) -> str:
    """What is wrong with the file that holds the URL of the webhook, "" where it can be used."""
    alerts = config.alerts
    if alerts is None or alerts.webhook_file is None:
        return ""
    where = f'alerts.webhook_file = "{alerts.webhook_file}"'
    try:
        read_webhook(Path(alerts.webhook_file))
    except OSError as error:
        return phrase("{where}: {reason}", where=where, reason=os_error_text(error))
    return ""


def read_webhook(file: Path) -> ProbeTarget:
    """The URL in a file. Raises OSError, without a word of what is in it."""
    try:
        return parse_webhook(read_secret_file(file).decode("ascii").strip())
    except UnsafeSecretFileError as error:
        said = phrase("{path}: {reason}", path=file, reason=as_phrase(error.reason))
        raise OSError(said) from None
    except (InvalidValueError, ValueError):
        raise OSError(phrase("{path} does not hold the URL of a page", path=file)) from None
