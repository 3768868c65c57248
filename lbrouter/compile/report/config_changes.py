"""What differs between two configuration files, in words and as lines of TOML. Pure.

The documents are compared as they are written: a key that is absent is told as "not set".
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import unified_diff
from typing import Any, Final, TypedDict

SECTION_WORDS: Final = {
    "uplinks": "uplink {name}",
    "vlans": "VLAN {name}",
    "policies": "policy {name}",
    "rules": "rule {number}",
    "forwards": "forward {number}",
    "maps": "map {number}",
}
"""Of sections that there are several of; any other section is named as it is written."""

OTHER_SECTION: Final = "section {name}"
IS_NEW: Final = "{what} is new"
IS_GONE: Final = "{what} is gone"
IS_CHANGED: Final = "{what}: {key} is {after}, it was {before}"
IS_SET: Final = "{what}: {key} is {after}, it was not set"
IS_UNSET: Final = "{what}: {key} is not set any more, it was {before}"


class ConfigChangeDocument(TypedDict):
    """One difference: a sentence, and what it is made of. Values are null where not set."""

    said: str
    section: str
    name: str
    key: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigChange:
    """One difference. `key` is "" where the whole part is new or gone.

    `name` is that of the part, or its place among its like, counted from 1.
    """

    section: str
    name: str
    key: str = ""
    before: Any = None
    after: Any = None

    @property
    def what(self) -> str:
        """The template of the part that differs: it has a place for its name or its number."""
        return SECTION_WORDS.get(self.section, OTHER_SECTION)

    @property
    def sentence(self) -> str:
        """The template of the sentence."""
        if not self.key:
            return IS_NEW if self.before is None else IS_GONE
        if self.before is None:
            return IS_SET
        return IS_UNSET if self.after is None else IS_CHANGED

    def values(self) -> dict[str, str]:
        """The values of the sentence, but for `what`."""
        if not self.key:
            return {}
        found = {"key": self.key}
        if self.before is not None:
            found["before"] = toml_value(self.before)
        if self.after is not None:
            found["after"] = toml_value(self.after)
        return found

    def as_json(self) -> ConfigChangeDocument:
        """For the socket and `--json`; the sentence is English."""
        what = self.what.format(name=self.name, number=self.name)
        return {
            "said": self.sentence.format(what=what, **self.values()),
            "section": self.section,
            "name": self.name,
            "key": self.key,
            "before": self.before,
            "after": self.after,
        }


def config_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[ConfigChange]:
    """The differences of two documents, in the order of the later one."""
    return [
        change
        for section in dict.fromkeys((*after, *before))
        for change in _section_changes(section, before.get(section), after.get(section))
    ]


def toml_lines(before: str, after: str) -> str:
    """The differing lines of two texts, with three lines around each; "" where none differ."""
    return "\n".join(
        line.rstrip("\n")
        for line in unified_diff(
            before.splitlines(), after.splitlines(), "before", "after", lineterm=""
        )
    )


def toml_value(value: Any) -> str:
    """A value as it stands in the file, in one line."""
    if isinstance(value, dict):
        inside = ", ".join(f"{key} = {toml_value(each)}" for key, each in value.items())
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(value, list):
        return f"[{', '.join(map(toml_value, value))}]"
    if isinstance(value, str | bool):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def _section_changes(section: str, before: Any, after: Any) -> Iterator[ConfigChange]:
    old, new = _parts(section, before), _parts(section, after)
    for name in dict.fromkeys((*new, *old)):
        was, now = old.get(name), new.get(name)
        if was is None or now is None:
            yield ConfigChange(section=section, name=name, before=was, after=now)
            continue
        for key in dict.fromkeys((*now, *was)):
            if was.get(key) != now.get(key):
                yield ConfigChange(
                    section=section, name=name, key=key, before=was.get(key), after=now.get(key)
                )


def _parts(section: str, found: Any) -> dict[str, Mapping[str, Any]]:
    """The parts of a section by their name: of a list by the place, of a plain section itself."""
    if isinstance(found, list):
        return {str(number): part for number, part in enumerate(found, start=1)}
    if not isinstance(found, dict):
        return {}
    if section in SECTION_WORDS:
        return dict(found)
    return {section: found}
