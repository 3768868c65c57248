"""The files that a cloud-init text writes, as `lbrouter relay setup` prints it. Pure.

Only the shape of that text is known: a list `write_files`, each with `path` and a literal block
`content`. So what runs in the lab is what a rented machine would write, to the byte.
"""

import re
from collections.abc import Mapping
from textwrap import dedent

WRITTEN_FILE = re.compile(
    r"^  - path: (?P<path>\S+)\n(?:    \w+: .*\n)*?    content: \|\n(?P<block>(?:(?: {6}.*)?\n)+)",
    re.MULTILINE,
)


def written_files(cloud_init: str) -> Mapping[str, str]:
    """Each file's text by its path."""
    matches = WRITTEN_FILE.finditer(cloud_init.rstrip() + "\n")
    return {match["path"]: dedent(match["block"]).rstrip() + "\n" for match in matches}
