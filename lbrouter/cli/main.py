"""The command: its global options. Each verb is a module of `cli/commands/`.

From `apply` to a netlink message a reader goes by `cli/commands/apply.py`, `daemon/applier.py`,
`compile/state/desired.py`, `compile/state/diff.py`, `kernel/transaction.py` and
`kernel/objects/rtnl.py` (or `qdisc.py`, `nft.py`).
"""

import gc
import sys
from collections.abc import Sequence
from typing import Annotated

import typer
from typer.exceptions import Abort, TyperException

from lbrouter import __version__
from lbrouter.cli.errors import run_with_error_report
from lbrouter.cli.plain_values import take_plain_values
from lbrouter.cli.screen_language import LANG_OPTION, choose_screen_language, lang_option_first
from lbrouter.cli.settings import (
    DEFAULT_CONFIG_FILE,
    DEFAULT_RUNTIME_DIR,
    DEFAULT_STATE_DIR,
    CommandSettings,
    ConfigOption,
    JsonOption,
    LangOption,
    RuntimeOption,
    StateOption,
)
from lbrouter.cli.verbs import VerbGroup
from lbrouter.model.errors import ExitCode, UsageError

EXIT_CODES_EPILOG = (
    "Exit codes: 0 done or nothing to do, 1 check or rehearsal failed, 2 plan found changes,"
    " 64 bad usage, 69 something is missing, 70 a defect, 75 not applied, 77 needs root,"
    " 78 the configuration is wrong."
)

app = typer.Typer(
    name="lbrouter",
    cls=VerbGroup,
    help="A load-balancing, failover and fair-share gateway for events.",
    epilog=EXIT_CODES_EPILOG,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:  # noqa: FBT001  -- typer calls it so
    if wanted:
        print(f"lbrouter {__version__}")
        raise typer.Exit


VersionOption = Annotated[
    bool,
    typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version."),
]


@app.callback()
def global_options(
    context: typer.Context,
    *,
    config: ConfigOption = DEFAULT_CONFIG_FILE,
    runtime_dir: RuntimeOption = DEFAULT_RUNTIME_DIR,
    state_dir: StateOption = DEFAULT_STATE_DIR,
    json: JsonOption = False,
    lang: LangOption = None,  # noqa: ARG001  -- `main` has chosen it, for errors of this line too
    version: VersionOption = False,  # noqa: ARG001  -- its callback has done all
) -> None:
    """A load-balancing, failover and fair-share gateway for events."""
    context.obj = CommandSettings(
        config=config, runtime_dir=runtime_dir, state_dir=state_dir, json=json
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code of the contract."""
    # A command is half a second of imports that stay: to look for garbage in them costs a tenth.
    gc.set_threshold(100_000)
    words = lang_option_first(sys.argv[1:] if arguments is None else arguments)
    choose_screen_language(_word_after_lang(words))
    return run_with_error_report(lambda: _run_command(words), json="--json" in words)


def _word_after_lang(words: Sequence[str]) -> str:
    """The code of the first `--lang` of `lang_option_first`'s words; "" without one."""
    option, _, code = words[0].partition("=") if words else ("", "", "")
    if option != LANG_OPTION:
        return ""
    return code or "".join(words[1:2])


def _run_command(words: list[str]) -> int:
    command = typer.main.get_command(app)
    take_plain_values(command)
    try:
        code = command.main(args=words, prog_name="lbrouter", standalone_mode=False)
    except Abort as aborted:
        raise KeyboardInterrupt from aborted
    except TyperException as error:
        raise UsageError(error.format_message(), remedy="Try `lbrouter --help`.") from error
    except SystemExit as ended:
        # Where the reader of our output has gone, click ends with 1 and says nothing of the reason.
        if isinstance(ended.__context__, BrokenPipeError):
            raise ended.__context__ from None
        raise
    return code if isinstance(code, int) else ExitCode.DONE
