"""Network namespaces of a thread: enter one, or create a temporary one.

Python has no setns before 3.12, so libc is called. A namespace belongs to the thread: the
thread that enters one must also leave it.
"""

import ctypes
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

from lbrouter.kernel.netlink.uapi import CLONE_NEWNET

T = TypeVar("T")

CURRENT_NETNS: Final = Path("/proc/thread-self/ns/net")

_libc = ctypes.CDLL(None, use_errno=True)


@contextmanager
def in_namespace(namespace: Path) -> Iterator[None]:
    """Inside the block the calling thread is in `namespace` (/run/netns/NAME). Raises OSError."""
    before = os.open(CURRENT_NETNS, os.O_RDONLY | os.O_CLOEXEC)
    try:
        target = os.open(namespace, os.O_RDONLY | os.O_CLOEXEC)
        try:
            _check_result(_libc.setns(target, CLONE_NEWNET))
        finally:
            os.close(target)
        yield
    finally:
        _check_result(_libc.setns(before, CLONE_NEWNET))
        os.close(before)


def in_scratch_namespace(work: Callable[[], T]) -> T:
    """Run `work` in a new namespace, in a thread of its own; both end with it."""

    def isolated() -> T:
        _check_result(_libc.unshare(CLONE_NEWNET))
        return work()

    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(isolated).result()


def _check_result(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
