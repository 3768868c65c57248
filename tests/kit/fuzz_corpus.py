"""The corpus of each decoder: inputs that reached new branches, a line of hexadecimal each."""

import sys
from collections.abc import Iterable
from pathlib import Path
from types import FrameType
from typing import Any, Final

from tests.kit.fuzz_targets import FuzzTarget

CORPUS: Final = Path(__file__).parents[1] / "pure/wire/corpus"

Step = tuple[str, int, int]
"""A file, and the lines of two steps in it, one after the other."""


def read_corpus(name: str) -> tuple[bytes, ...]:
    """The inputs of one decoder; none where there is no corpus yet."""
    file = CORPUS / f"{name}.hex"
    if not file.exists():
        return ()
    return tuple(bytes.fromhex(line) for line in file.read_text(encoding="ascii").splitlines())


def write_corpus(name: str, inputs: Iterable[bytes]) -> None:
    """Replace the inputs of one decoder."""
    CORPUS.mkdir(parents=True, exist_ok=True)
    text = "".join(f"{data.hex()}\n" for data in sorted(inputs, key=_by_length))
    (CORPUS / f"{name}.hex").write_text(text, encoding="ascii")


def covering(target: FuzzTarget, inputs: Iterable[bytes]) -> list[bytes]:
    """Those of `inputs` that go ways which no shorter one goes."""
    kept, seen = list[bytes](), set[Step]()
    for data in sorted(set(inputs), key=_by_length):
        steps = _steps(target, data)
        if not steps <= seen:
            seen |= steps
            kept.append(data)
    return kept


def _steps(target: FuzzTarget, data: bytes) -> set[Step]:
    found, last = set[Step](), dict[int, int]()

    def trace(frame: FrameType, _event: str, _: Any) -> Any:
        if "/lbrouter/" not in frame.f_code.co_filename:
            return None
        place = id(frame)
        found.add((frame.f_code.co_filename, last.get(place, 0), frame.f_lineno))
        last[place] = frame.f_lineno
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        target.run(data)
    finally:
        sys.settrace(before)
    return found


def _by_length(data: bytes) -> tuple[int, bytes]:
    return len(data), data
