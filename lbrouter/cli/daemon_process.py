"""The daemon's own process. It holds no command-line library: `lbrouter run` becomes it.

The command reads its options and then executes this module in its place: the same process, by the
same number, without the 6 MB that the options and the tables took.
"""

import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from lbrouter.cli.errors import run_with_error_report
from lbrouter.cli.screen_language import choose_screen_language
from lbrouter.model.language import Language
from lbrouter.model.paths import Paths


def replace_this_process(paths: Paths, language: Language, *, json: bool) -> NoReturn:
    """Become the daemon of `paths`. Its errors are told in `language`, as JSON too with `json`."""
    # -P: a file in the current directory is no module of ours.
    interpreter = [sys.executable, "-P", "-m", "lbrouter.cli.daemon_process"]
    directories = map(str, (paths.config, paths.state_dir, paths.runtime_dir))
    words = [*interpreter, *directories, str(language), "json" if json else "text"]
    os.execv(sys.executable, words)  # noqa: S606  -- our own interpreter, and no shell


def main(argv: Sequence[str]) -> int:
    """The words of `replace_this_process`; the exit code of the contract."""
    config, state_dir, runtime_dir, language, output = argv
    gc.set_threshold(100_000)  # as in `cli.main`; the daemon sets its own when it has started
    choose_screen_language(language)
    paths = Paths(config=Path(config), state_dir=Path(state_dir), runtime_dir=Path(runtime_dir))
    return run_with_error_report(lambda: _serve(paths), json=output == "json")


def _serve(paths: Paths) -> int:
    import asyncio  # noqa: PLC0415  -- here and below: what fails to load is told as an error is

    from lbrouter.daemon.app import serve  # noqa: PLC0415

    return asyncio.run(serve(paths))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
