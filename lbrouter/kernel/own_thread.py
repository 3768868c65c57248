"""A thread for one call that may take long, so that the event loop goes on meanwhile.

Each call has a thread of its own: it begins in the network namespace of its caller, as a thread of
a pool might not.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar

Result = TypeVar("Result")


async def in_own_thread(work: Callable[[], Result]) -> Result:
    """The result of `work`. Whoever cancels this waits for its end: half of it cannot be undone."""
    done = _start(work)
    cancelled: asyncio.CancelledError | None = None
    while not done.done():
        try:
            await asyncio.wait([done])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        done.exception()  # it was looked at: asyncio need not complain
        raise cancelled
    return done.result()


def _start(work: Callable[[], Result]) -> "asyncio.Future[Result]":
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Result] = loop.create_future()

    def run() -> None:
        finish: Callable[[], object]
        try:
            finish = partial(done.set_result, work())
        except BaseException as error:  # noqa: BLE001  -- raised where it is awaited
            finish = partial(done.set_exception, error)
        with suppress(RuntimeError):  # the loop is closed: this process ends
            loop.call_soon_threadsafe(finish)

    threading.Thread(target=run, daemon=True).start()
    return done
