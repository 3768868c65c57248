"""The manual pages in Markdown (for go-md2man): what the command and the model say of themselves.

lbrouter(8) is made of the command line's own help, lbrouter.toml(5) of the reference page, which is
made of the model's docstrings. So neither can name what does not exist. Commands are of type Any
here: newer versions of typer bring a click of their own.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

import typer

from lbrouter.cli.main import app
from lbrouter.cli.settings import DEFAULT_CONFIG_FILE, DEFAULT_RUNTIME_DIR, DEFAULT_STATE_DIR
from lbrouter.compile.config.reference import reference_markdown
from lbrouter.model.errors import LbrouterError

ABOUT: Final = """\
**lbrouter** turns a machine with two or more internet lines into the gateway of an event. It
compiles one file, lbrouter.toml(5), into policy routes, one nftables table and HTB classes, and
programs them through netlink as one transaction, which is verified and, if need be, undone. The
daemon (**lbrouter run**) probes every line, moves traffic when one dies or goes bad, and repairs
what others change. The kernel carries the packets: they go on flowing when the daemon is stopped,
and **lbrouter down** takes all of it out.

Only what lbrouter made is ever changed or removed; other programs' tables, rules and routes stay.
"""

FILES: Final = (
    (DEFAULT_CONFIG_FILE, "the configuration"),
    (
        DEFAULT_STATE_DIR,
        "numbers that stay with names, the last good configuration, history, leases",
    ),
    (DEFAULT_RUNTIME_DIR, "the lock, the control socket, what waits for confirmation"),
)

RARE_EXITS: Final = (
    (0, "Done, or nothing to do."),
    (1, "The check or the rehearsal failed."),
    (2, "**plan** found changes."),
)

ROW: Final = re.compile(
    r"^\| `(?P<key>[^`]+)` \| (?P<value>.*?) \| (?P<default>.*?) \| (?P<text>.*) \|$"
)


def command_page() -> str:
    """lbrouter(8)."""
    command = typer.main.get_command(app)
    parts = [
        _title('lbrouter 8 "" lbrouter "System administration"'),
        "# NAME\n\nlbrouter - load-balancing, failover and fair-share gateway for events\n",
        "# SYNOPSIS\n\n**lbrouter** [*OPTIONS*] *VERB* [*ARGUMENTS*]\n",
        f"# DESCRIPTION\n\n{ABOUT}",
        "# OPTIONS\n",
        *_options(command),
        "# VERBS\n",
        *_verbs(command, ""),
        "# EXIT STATUS\n",
        *(_definition(f"**{code}**", text) for code, text in _exits()),
        "# FILES\n",
        *(_definition(f"*{path}*", text) for path, text in FILES),
        "# SEE ALSO\n\nlbrouter.toml(5), nft(8), ip-rule(8), tc-htb(8), dnsmasq(8)\n",
    ]
    return "\n".join(parts)


def file_page() -> str:
    """lbrouter.toml(5)."""
    about = "lbrouter.toml - what the gateway of an event shall do"
    head = _title('lbrouter.toml 5 "" lbrouter "File formats"')
    head += f"\n# NAME\n\n{about}\n\n# DESCRIPTION\n\n"
    body = reference_markdown().split("\n", 2)[2]
    lines = [_line(line) for line in body.splitlines() if not line.startswith(("| key |", "|---"))]
    return head + "\n".join(lines) + "\n\n# SEE ALSO\n\nlbrouter(8)\n"


def _title(text: str) -> str:
    return f"{text}\n{'=' * len(text)}\n"


def _line(line: str) -> str:
    if line.startswith("## "):
        return f"# {line.removeprefix('## ').strip('`')}"
    found = ROW.match(line)
    if found is None:
        return line
    key, value, default, text = (part.replace("\\|", "|") for part in found.groups())
    also = "" if default in ("", "required") else f" Default: {default}."
    must = ", required" if default == "required" else ""
    return _definition(f"**{key}** ({value}{must})", f"{text}{also}")


def _verbs(group: Any, before: str) -> Iterator[str]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _verbs(command, f"{before}{name} ")
            continue
        words = [f"**{before}{name}**", *_arguments(command)]
        yield f"## {' '.join(words)}\n\n{_clean(command.help or '')}\n"
        yield from _options(command)


def _arguments(command: Any) -> Iterator[str]:
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            name = parameter.metavar or parameter.name.upper()
            yield f"*{name}*" if parameter.required else f"[*{name}*]"


def _options(command: Any) -> Iterator[str]:
    for parameter in command.params:
        if parameter.param_type_name == "option" and not parameter.hidden:
            names = ", ".join(f"**{each}**" for each in parameter.opts)
            value = "" if parameter.is_flag else f" *{parameter.metavar or 'VALUE'}*"
            variable = f" (environment: {parameter.envvar})" if parameter.envvar else ""
            yield _definition(f"{names}{value}", f"{_clean(parameter.help or '')}{variable}")


def _definition(term: str, text: str) -> str:
    return f"{term}\n: {text}\n"


def _clean(text: str) -> str:
    return " ".join(text.split())


def _exits() -> Iterator[tuple[int, str]]:
    yield from RARE_EXITS
    for error in LbrouterError.__subclasses__():
        yield int(error.code), re.sub(r" \(\d+\)", "", _clean(error.__doc__ or ""))
