"""The texts of `rulesets/`, read once: constants of the program that are kept in .nft files.

They are files of their own so that an engineer can read, lint and highlight them as nft. A checkout
has them beside the package, an installation inside it.
"""

from functools import cache
from importlib.resources import files
from string import Template

STRUCTURE_FILE = "lbrouter.nft"


@cache
def read_ruleset(name: str) -> str:
    """Text of `rulesets/<name>`, for example "lbrouter.nft"."""
    package = files("lbrouter")
    installed = package / "rulesets"
    folder = installed if installed.is_dir() else package / ".." / "rulesets"
    return (folder / name).read_text(encoding="utf-8")


def render_fragment(name: str, /, **values: str | int) -> str:
    """`rulesets/fragments/<name>.nft` with its placeholders filled; a missing value is an error."""
    return Template(read_ruleset(f"fragments/{name}.nft")).substitute(values)
