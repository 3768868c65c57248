"""What of a value a message may show: errors of the file go to the journal, which others may read.

A key whose name says that it holds a secret shows nothing of it, also where such a key is not known
here or the line is no TOML. Of a page's URL scheme and host are shown: the rest may be a token.
"""

import re
from typing import Final

SECRET_KEY_WORDS: Final = ("password", "passwd", "secret", "token", "webhook", "private", "psk")
"""A key that has one of these in its name holds a secret, unless it names a file."""

HIDDEN_TEXT: Final = "..."

_PAGE_URL: Final = re.compile(
    r"""(?P<scheme>https?://)(?:[^/\s"'@]*@)?(?P<host>[^/\s"'?#]*)(?P<rest>[^\s"']*)""",
    re.IGNORECASE,
)
_KEY_BEFORE_VALUE: Final = re.compile(r"\s*([A-Za-z0-9_.-]+)(\s*[=:]\s*|\s+)(\S.*)", re.DOTALL)


def is_secret_key(key: str) -> bool:
    """Whether the value of a key of this name is hidden."""
    name = key.lower().replace("-", "_")
    return not name.endswith("_file") and any(word in name for word in SECRET_KEY_WORDS)


def shorten_urls(text: str) -> str:
    """`text`, with scheme and host of each page alone."""
    return _PAGE_URL.sub(
        lambda found: found["scheme"] + found["host"] + ("/..." if len(found["rest"]) > 1 else ""),
        text,
    )


def hide_line_value(line: str) -> str:
    """A line of a file, TOML or not, without what it may hold of a secret.

    Of a hidden value the first character stays: quotes and brackets say what is wrong with it.
    """
    found = _KEY_BEFORE_VALUE.fullmatch(line)
    if found is None or not is_secret_key(found[1]):
        return shorten_urls(line)
    mark = found[3][0] if found[3][0] in "\"'[{" else ""
    return f"{found[1]}{found[2]}{mark}{HIDDEN_TEXT}"
