"""`parse`: the bytes of a configuration file become a `Config`, or all that is wrong with them."""

import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from lbrouter.compile.config.decode import MAX_ERRORS_SHOWN, TomlDocument, decode_config
from lbrouter.compile.config.diagnostics import Diagnostic, KeyPath
from lbrouter.compile.config.line_numbers import LineNumbers
from lbrouter.compile.config.size_limit import MAX_CONFIG_BYTES
from lbrouter.compile.config.toml_help import toml_fault
from lbrouter.compile.config.validate import config_errors, config_warnings
from lbrouter.model.config import MAX_VLANS, Config
from lbrouter.model.errors import ConfigError
from lbrouter.model.messages.phrase import as_phrase, joined_phrases, phrase

MAX_TABLE_DEPTH: Final = 12
"""Tables within tables. The model needs four."""

MAX_KEY_PARTS: Final = 12
"""Dots in one dotted key: the time that `tomllib` takes grows with the square of their number."""

NOTHING_CHANGED_REMEDY: Final = "Nothing was changed."


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedConfig:
    """A valid file: its model, and its warnings, a sentence each."""

    config: Config
    warnings: tuple[str, ...] = ()


def parse(text: bytes, *, source: str) -> ParsedConfig:
    """The configuration in `text`; `source` is what messages call the file.

    Raises ConfigError that holds all the errors of the file, one a line.
    """
    # The text of the file. Raises ConfigError.
    if len(text) > MAX_CONFIG_BYTES:
        raise _file_error(
            source,
            phrase(
                "has {size} bytes, a configuration has {most} at most",
                size=len(text),
                most=MAX_CONFIG_BYTES,
            ),
        )
    if (nul := text.find(b"\0")) >= 0:
        line = text.count(b"\n", 0, nul) + 1
        raise _file_error(source, "holds a NUL byte; is it a text file?", line=line)
    try:
        toml = text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        raise _file_error(source, "is not UTF-8; save it as UTF-8 text", line=line) from None
    document = _load_toml(toml, source)
    shaped = decode_config(document)
    findings = [*shaped.errors]
    if shaped.config is not None:
        findings += _without_follow_on_errors(config_errors(shaped.config), shaped.invalid_paths)
    lines = LineNumbers(toml)
    if findings or shaped.config is None:
        # The diagnostics in the order of the file, one a line; of very many, the first and a count.
        omitted = shaped.errors_omitted
        ordered = sorted(findings, key=lambda finding: lines.line_of(finding.path))
        report = [
            _format_diagnostic(finding, source, lines) for finding in ordered[:MAX_ERRORS_SHOWN]
        ]
        omitted += max(0, len(findings) - MAX_ERRORS_SHOWN)
        if omitted:
            more = phrase("{source}: and {omitted} more errors", source=source, omitted=omitted)
            report.append(more)
        raise ConfigError(
            joined_phrases("\n", report),
            remedy=NOTHING_CHANGED_REMEDY,
        )
    warnings = tuple(
        _format_diagnostic(warning, source, lines) for warning in config_warnings(shaped.config)
    )
    return ParsedConfig(config=shaped.config, warnings=warnings)


def located(findings: Iterable[Diagnostic], text: bytes, *, source: str) -> tuple[str, ...]:
    """A sentence for each of `findings`, with its line in the valid file `text`."""
    lines = LineNumbers(text.decode("utf-8-sig"))
    return tuple(_format_diagnostic(finding, source, lines) for finding in findings)


def _load_toml(toml: str, source: str) -> TomlDocument:
    """The TOML document in the text, if it is small enough to be checked. Raises ConfigError."""
    for number, line in enumerate(toml.split("\n"), start=1):
        # Dots before the first `=`; in the whole line if a quote may hide that sign.
        key = line.partition("=")[0]
        if (line.count(".") if '"' in key or "'" in key else key.count(".")) > MAX_KEY_PARTS:
            raise _file_error(source, "has a key of too many parts", line=number)
    try:
        document = tomllib.loads(toml)
    except RecursionError:
        raise _file_error(source, "is nested too deeply") from None
    except tomllib.TOMLDecodeError as error:
        fault = toml_fault(toml, error)
        raise _file_error(
            source,
            phrase("is not TOML: it {reason}", reason=as_phrase(fault.reason)),
            line=fault.line,
        ) from None
    except ValueError:
        # CPython refuses to read such a number, for the time it takes (sys.set_int_max_str_digits).
        raise _file_error(source, "holds a number of thousands of digits") from None
    if _depth_exceeds(document, MAX_TABLE_DEPTH):
        raise _file_error(source, "is nested too deeply")
    vlans = document.get("vlans")
    if isinstance(vlans, dict) and len(vlans) > MAX_VLANS:
        raise _file_error(
            source,
            phrase(
                "has {count} VLANs, the gateway takes {most}",
                count=len(vlans),
                most=MAX_VLANS,
            ),
        )
    return document


def _depth_exceeds(document: TomlDocument, limit: int) -> bool:
    """Whether a value lies deeper than `limit` tables and lists. No recursion: it may be deep."""
    level: list[object] = [document]
    for _ in range(limit):
        level = [inner for value in level for inner in _children(value)]
    return bool(level)


def _children(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _without_follow_on_errors(
    findings: Iterable[Diagnostic], invalid_paths: Sequence[KeyPath]
) -> Iterator[Diagnostic]:
    """The diagnostics that do not depend on a part that is reported as broken anyway."""
    for finding in findings:
        places = (finding.path, *finding.depends_on)
        if not any(_is_nested(place, cut) for place in places for cut in invalid_paths):
            yield finding


def _is_nested(one: KeyPath, other: KeyPath) -> bool:
    """Whether one of the two places lies within the other."""
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]


def _format_diagnostic(finding: Diagnostic, source: str, line_numbers: LineNumbers) -> str:
    number = line_numbers.line_of(finding.path)
    place = _place(source, number)
    return phrase("{place}: {finding}", place=place, finding=str(finding))


def _file_error(source: str, reason: str, *, line: int = 0) -> ConfigError:
    place = _place(source, line)
    return ConfigError(
        phrase("{place}: the file {reason}", place=place, reason=as_phrase(reason)),
        remedy=NOTHING_CHANGED_REMEDY,
    )


def _place(source: str, line: int) -> str:
    """The file and the line in it; `source` is a path, or says which configuration is meant."""
    return phrase("{source}:{line}", source=source, line=line) if line else source
