"""Parts that run beside each other: one that fails is reported and starts again alone."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

FIRST_PAUSE_S: Final = 0.1
LONGEST_PAUSE_S: Final = 5.0
STEADY_S: Final = 30.0
"""A part that ran this long begins its next pauses small again."""

CANCEL_AGAIN_S: Final = 0.2

Say = Callable[[str], object]


async def keep(name: str, work: Callable[[], Awaitable[None]], say: Say) -> None:
    """Run `work` for ever: when it fails or ends, say so and start it again after a pause."""
    loop, pause_s = asyncio.get_running_loop(), FIRST_PAUSE_S
    while True:
        begun = loop.time()
        try:
            await work()
            reason = "it ended"
        except Exception as error:  # noqa: BLE001  -- no failure of a part may end the others
            reason = f"{type(error).__name__}: {error}"
        if loop.time() - begun > STEADY_S:
            pause_s = FIRST_PAUSE_S
        say(f"{name} failed and starts again in {pause_s:.1f} s ({reason})")
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


async def end(parts: Sequence["asyncio.Task[None]"]) -> None:
    """Cancel all `parts` until they have ended.

    Once is not enough: a change that is being undone ends as an error of the round, not as a
    cancellation, and the round's part would go on for ever.
    """
    left = set(parts)
    while left:
        for part in left:
            part.cancel()
        _, left = await asyncio.wait(left, timeout=CANCEL_AGAIN_S)
    await asyncio.gather(*parts, return_exceptions=True)
