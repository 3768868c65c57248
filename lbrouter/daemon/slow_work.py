"""Threads for what may take long: a disk that is slow, a program that did not finish its start.

Each kind has a thread of its own. In the pool that asyncio shares, a disk that hangs would take the
thread that asks the carriers.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

_DISK: Final = ThreadPoolExecutor(1, thread_name_prefix="disk")
_PROGRAMS: Final = ThreadPoolExecutor(1, thread_name_prefix="programs")
_CARRIERS: Final = ThreadPoolExecutor(1, thread_name_prefix="carriers")


async def in_disk_thread(
    work: Callable[Arguments, Result], *arguments: Arguments.args, **named: Arguments.kwargs
) -> Result:
    """The result of `work`, which writes and syncs files. One after the other, in order."""
    return await _run(_DISK, lambda: work(*arguments, **named))


async def in_program_thread(
    work: Callable[Arguments, Result], *arguments: Arguments.args, **named: Arguments.kwargs
) -> Result:
    """The result of `work`, which looks at programs, or starts and ends them."""
    return await _run(_PROGRAMS, lambda: work(*arguments, **named))


async def in_carrier_thread(work: Callable[[], None]) -> None:
    """Await `work`, which asks the carriers until it is stopped."""
    await _run(_CARRIERS, work)


async def _run(pool: ThreadPoolExecutor, work: Callable[[], Result]) -> Result:
    return await asyncio.get_running_loop().run_in_executor(pool, work)
