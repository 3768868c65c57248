"""Network namespaces of one venue: named after the process that made them, so that none stays.

The name carries the pid. The next rehearsal removes what dead processes left behind (after a
`kill -9`, which cannot be caught), and never touches what a running one still uses.
"""

import itertools
import os
import re
import shutil
import signal
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from lbrouter.model.errors import NotPermittedError
from lbrouter.rehearsal.lab.process import check_output, run

NETNS_DIR = Path("/run/netns")
_NAMESPACE_PATTERN = re.compile(r"lbr-(?P<pid>\d+)-\d+-.*")
_prefix_counter = itertools.count(1)


def unique_prefix() -> str:
    """A prefix that no other venue has, in this process or another (a pid may come again)."""
    taken = _lab_namespaces()
    candidates = (f"lbr-{os.getpid()}-{number}-" for number in _prefix_counter)
    return next(
        prefix for prefix in candidates if not any(name.startswith(prefix) for name in taken)
    )


def exec_argv(namespace: str, argv: Sequence[str]) -> list[str]:
    """Command line that runs `argv` in `namespace`."""
    return ["ip", "netns", "exec", namespace, *argv]


def create(names: Iterable[str]) -> None:
    """Make the namespaces. Raises NotPermittedError without root, LabError otherwise."""
    if os.geteuid() != 0:
        raise NotPermittedError(
            "a rehearsal makes network namespaces, which needs root", remedy="run it with sudo"
        )
    check_output(["ip", "-batch", "-"], stdin="".join(f"netns add {name}\n" for name in names))


def create_veth_pairs(links: Iterable[tuple[str, str, str, str]]) -> None:
    """Make veth pairs (namespace, interface, namespace, interface), both ends born inside."""
    lines = (
        f"link add {a} netns {na} type veth peer name {b} netns {nb}" for na, a, nb, b in links
    )
    check_output(["ip", "-batch", "-"], stdin="\n".join(lines) + "\n")


def delete(names: Iterable[str]) -> None:
    """Remove the namespaces that exist, with the processes that still run in them."""
    there = [name for name in names if (NETNS_DIR / name).exists()]
    for pid in _pids_in(there):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    if there:
        batch = "".join(f"netns delete {name}\n" for name in there)
        run(["ip", "-force", "-batch", "-"], stdin=batch)


def delete_prefix(prefix: str) -> None:
    """Remove every namespace and scratch folder of one venue."""
    delete(name for name in _lab_namespaces() if name.startswith(prefix))
    for folder in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        shutil.rmtree(folder, ignore_errors=True)


def delete_stale() -> tuple[str, ...]:
    """Remove what venues of dead processes left; the names of their namespaces."""
    stale = tuple(name for name in _lab_namespaces() if _owner_is_dead(name))
    delete(stale)
    for folder in Path(tempfile.gettempdir()).glob("lbr-*"):
        if _owner_is_dead(folder.name):
            shutil.rmtree(folder, ignore_errors=True)
    return stale


def _lab_namespaces() -> list[str]:
    return sorted(path.name for path in NETNS_DIR.glob("lbr-*"))


def _owner_is_dead(name: str) -> bool:
    matched = _NAMESPACE_PATTERN.fullmatch(name)
    return matched is not None and not Path(f"/proc/{matched['pid']}").exists()


def _pids_in(names: Sequence[str]) -> Iterator[int]:
    """Processes whose network namespace is one of `names` (by inode, as `ip netns pids` does)."""
    wanted = {(NETNS_DIR / name).stat().st_ino for name in names}
    for folder in Path("/proc").glob("[0-9]*") if wanted else ():
        with suppress(OSError):
            if (folder / "ns/net").stat().st_ino in wanted:
                yield int(folder.name)
