"""What the global options say: where the file and the directories are, and how to print."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Final

import typer

from lbrouter.model.language import Language

DEFAULT_CONFIG_FILE: Final = Path("/etc/lbrouter/lbrouter.toml")
DEFAULT_RUNTIME_DIR: Final = Path("/run/lbrouter")
DEFAULT_STATE_DIR: Final = Path("/var/lib/lbrouter")


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandSettings:
    """The global options, after the environment and the defaults had their say."""

    config: Path = DEFAULT_CONFIG_FILE
    runtime_dir: Path = DEFAULT_RUNTIME_DIR
    state_dir: Path = DEFAULT_STATE_DIR
    json: bool = False


ConfigOption = Annotated[
    Path,
    typer.Option(
        "--config", metavar="FILE", envvar="LBROUTER_CONFIG", help="The configuration file."
    ),
]
RuntimeOption = Annotated[
    Path,
    typer.Option(
        "--runtime-dir",
        metavar="DIR",
        envvar="LBROUTER_RUNTIME_DIR",
        help="Directory of the lock, the sockets and pending changes.",
    ),
]
StateOption = Annotated[
    Path,
    typer.Option(
        "--state-dir",
        metavar="DIR",
        envvar="LBROUTER_STATE_DIR",
        help="Directory of what must survive a reboot.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
LangOption = Annotated[
    Language | None,
    typer.Option(
        "--lang",
        help="Language of the screen, also after the command; the default is that of LC_ALL,"
        " LC_MESSAGES, LANG.",
    ),
]


def settings_of(context: typer.Context, *, json: bool) -> CommandSettings:
    """The settings for a verb; `--json` counts wherever it stands."""
    settings = context.find_object(CommandSettings)
    assert settings is not None
    return replace(settings, json=json or settings.json)
