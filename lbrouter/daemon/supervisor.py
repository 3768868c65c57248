"""The supervisor of tasks: a task that fails is reported and started again, the others go on."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from lbrouter.model.messages.phrase import phrase

TASK_RESTART_FIRST_PAUSE_S: Final = 0.1
TASK_RESTART_MAX_PAUSE_S: Final = 5.0
TASK_STEADY_AFTER_S: Final = 30.0
"""After a run of this length the pauses before a restart begin small again."""

CANCEL_RETRY_S: Final = 0.2

ReportFailure = Callable[[str], object]


async def run_forever(
    name: str, work: Callable[[], Awaitable[None]], report: ReportFailure
) -> None:
    """Run `work` for ever: when it fails or ends, say so and start it again after a pause."""
    loop, pause_s = asyncio.get_running_loop(), TASK_RESTART_FIRST_PAUSE_S
    while True:
        begun = loop.time()
        try:
            await work()
            reason: str = phrase("it ended")
        except Exception as error:  # noqa: BLE001  -- no failure of a task may end the others
            reason = f"{type(error).__name__}: {error}"
        if loop.time() - begun > TASK_STEADY_AFTER_S:
            pause_s = TASK_RESTART_FIRST_PAUSE_S
        report(
            phrase(
                "{name} failed and starts again in {pause} s ({reason})",
                name=name,
                pause=f"{pause_s:.1f}",
                reason=reason,
            )
        )
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, TASK_RESTART_MAX_PAUSE_S)


async def cancel_all(tasks: Sequence["asyncio.Task[None]"]) -> None:
    """Cancel all `tasks` until they have ended.

    Once is not enough: a change that is being undone ends as an error of the reconcile, not as a
    cancellation, and the task of the loop would go on for ever.
    """
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=CANCEL_RETRY_S)
    await asyncio.gather(*tasks, return_exceptions=True)
