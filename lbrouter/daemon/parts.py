"""Parts that run beside each other: one that fails is reported and starts again alone."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

FIRST_PAUSE_S: Final = 0.1
LONGEST_PAUSE_S: Final = 5.0
STEADY_S: Final = 30.0
"""A part that ran this long begins its next pauses small again."""

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
