"""`make fuzz`: each decoder of strangers' bytes under a coverage-guided fuzzer (atheris).

FUZZ_SECONDS (default 60) is the time for each, FUZZ_ONLY names some of them, with commas between.
An input that makes a decoder raise what it must not is written to `.cache/fuzz`, and the run fails.
What reached new branches stays as the corpus in tests/pure/wire/corpus, which `make check` replays.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tests.kit.fuzz_targets import FuzzTarget

ROOT: Final = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

FAULTS: Final = ROOT / ".cache/fuzz"
MAX_INPUT_BYTES: Final = 1500
"""What fits into a frame."""


def fuzz_one(name: str, arguments: list[str]) -> None:
    """In a process of its own: libFuzzer takes it over, and ends it."""
    import atheris  # noqa: PLC0415  -- only here is it installed for

    with atheris.instrument_imports(include=["lbrouter", "h11"]):  # before any other import
        target = targets()[name]
        target.run(b"")
    atheris.Setup([sys.argv[0], *arguments], target.run)
    atheris.Fuzz()


def targets() -> "dict[str, FuzzTarget]":
    """The decoders, by name."""
    from tests.kit.fuzz_targets import FUZZ_TARGETS  # noqa: PLC0415  -- it imports the decoders

    return {target.name: target for target in FUZZ_TARGETS}


def fuzz(target: "FuzzTarget", seconds: int) -> bool:
    """Fuzz one decoder and keep its corpus; whether it held."""
    from tests.kit.fuzz_corpus import (  # noqa: PLC0415  -- after the path
        covering,
        read_corpus,
        write_corpus,
    )

    with tempfile.TemporaryDirectory() as scratch:
        found = Path(scratch)
        for number, data in enumerate((*read_corpus(target.name), *target.seeds)):
            (found / str(number)).write_bytes(data)
        FAULTS.mkdir(parents=True, exist_ok=True)
        limits = [f"-max_len={MAX_INPUT_BYTES}", "-timeout=10", "-rss_limit_mb=1024"]
        prefix = f"-artifact_prefix={FAULTS}/{target.name}-"
        asked = [f"-max_total_time={seconds}", "-print_final_stats=1", prefix, *limits]
        done = start(target, [*asked, str(found)])
        print(f"{target.name}: {summary(done.stderr)}", flush=True)
        if done.returncode:
            print(f"{done.stdout}\n{done.stderr}"[-3000:], file=sys.stderr)
            return False
        inputs = [file.read_bytes() for file in found.iterdir()]
    write_corpus(target.name, covering(target, inputs))
    return True


def start(target: "FuzzTarget", arguments: list[str]) -> subprocess.CompletedProcess[str]:
    """Run `fuzz_one` to its end."""
    argv = [sys.executable, __file__, "--one", target.name, *arguments]
    return subprocess.run(argv, capture_output=True, text=True, errors="replace", check=False)


def summary(said: str) -> str:
    """How many inputs were tried, and how many branches they reached."""
    runs = [line.split()[-1] for line in said.splitlines() if "number_of_executed_units" in line]
    progress = [line for line in said.splitlines() if " cov: " in line] or [" cov: ? "]
    reached = progress[-1].partition(" cov: ")[2].split()[0]
    return f"{runs[-1] if runs else '?'} inputs, {reached} branches reached"


def main() -> None:
    """All decoders, or those that are named; fails where one does not hold."""
    if sys.argv[1:2] == ["--one"]:
        fuzz_one(sys.argv[2], sys.argv[3:])
        return
    by_name = targets()
    only = [name for name in os.environ.get("FUZZ_ONLY", "").split(",") if name]
    seconds = int(os.environ.get("FUZZ_SECONDS", "60"))
    held = [fuzz(by_name[name], seconds) for name in only or by_name]
    sys.exit(not all(held))


if __name__ == "__main__":
    main()
