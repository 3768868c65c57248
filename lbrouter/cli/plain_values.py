"""Words of the command line that are taken as they are: texts, paths, defaults.

typer hands every value to pydantic, which takes 50 ms to load: half the time of a command that the
daemon answers. What needs no conversion goes by here; all else, and every mistake, is typer's.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any


def take_plain_values(command: Any) -> None:
    """Let the parameters of this command (typer's) load pydantic only where they need it."""
    get_params = command.get_params

    def plain_params(context: Any) -> Any:
        parameters = get_params(context)  # with the one of --help, which is not in `params`
        for each in parameters:
            convert = getattr(each, "get_runtime_param", None)  # None: it converts by itself
            if convert is not None and not isinstance(convert, PlainValue):
                each.get_runtime_param = PlainValue(convert=convert)
        return parameters

    command.get_params = plain_params


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainValue:
    """In place of typer's converter of one parameter. `convert` returns that converter."""

    convert: Any

    def __call__(self) -> "PlainValue":
        """What typer asks a parameter for before each value."""
        return self

    def coerce(self, value: Any, *, param: Any, ctx: Any) -> Any:
        """`value` as the parameter's type. Raises typer's errors."""
        wanted = param.type_descriptor.annotation
        if value is None and not param.multiple and param.nargs != -1:
            return None
        if value is param.default or (wanted is str and isinstance(value, str)):
            return value
        if wanted is Path and isinstance(value, str):
            return Path(value)
        return self.convert().coerce(value, param=param, ctx=ctx)
