"""Elements in three forms: our plain words, nft's script, libnftables' JSON.

Plain words carry no quotes ("fiber . tcp . 443"). In a script names are quoted, since an interface
may be called like a keyword of nft ("accept", "ip"); in JSON a key is a tree.
"""

import re
from collections.abc import Iterable
from ipaddress import ip_network
from typing import Any

from lbrouter.model.errors import DefectError
from lbrouter.model.kernel_state import NftElements
from lbrouter.model.messages.phrase import phrase

UNQUOTED_PATTERN = re.compile(r"\d+(-\d+)?|0x[0-9a-f]+|[\d.]+(/\d+)?|[0-9a-f.]*:[0-9a-f:.]*(/\d+)?")
"""What stands in a script as it is: numbers, addresses, networks, class identifiers."""


def elements_to_script(elements: NftElements) -> str:
    """`elements` as they stand between the braces of `add element`, sorted."""
    words = []
    for key, value in sorted(elements):
        # Verdicts stand bare: a chain is named, not quoted.
        is_verdict = value.startswith(("goto ", "jump "))
        written = value if is_verdict else _quote(value)
        words.append(f"{_quote(key)} : {written}" if value else _quote(key))
    return ", ".join(words)


def _quote(words: str) -> str:
    return " . ".join(
        atom if UNQUOTED_PATTERN.fullmatch(atom) else f'"{atom}"' for atom in words.split(" . ")
    )


def elements_from_json(elements: Iterable[Any]) -> NftElements:
    """`elem` of a set or map in libnftables' JSON, as our plain words."""
    return frozenset(_element_from_json(element) for element in elements)


def _element_from_json(element: Any) -> tuple[str, str]:
    if isinstance(element, list):
        key, value = element
        return _plain_text(key), _plain_text(value)
    return _plain_text(element), ""


def _plain_text(tree: Any) -> str:
    """One key or value of a JSON element as plain words."""
    if isinstance(tree, str | int):
        return str(tree)
    match tree:
        case {"concat": parts}:
            return " . ".join(_plain_text(part) for part in parts)
        case {"prefix": {"addr": address, "len": length}}:
            # nft writes ::ffff:0.0.0.0 where Python writes ::ffff:0:0.
            return str(ip_network(f"{address}/{length}"))
        case {"goto": {"target": chain}}:
            return f"goto {chain}"
        case {"jump": {"target": chain}}:
            return f"jump {chain}"
        case {"elem": {"val": inner}}:
            return _plain_text(inner)
        case {"range": [first, last]}:
            return f"{_plain_text(first)}-{_plain_text(last)}"
        case _:
            raise DefectError(
                phrase("nft printed an element that lbrouter cannot read: {tree}", tree=repr(tree))
            )
