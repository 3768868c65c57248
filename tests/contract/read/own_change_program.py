"""Changes the nft table three times in a fresh namespace; prints what the monitor says of each.

JSON: {"this thread": true, ...}: whether it was told as our own change.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

from lbrouter.kernel.backend import LinuxKernel
from lbrouter.kernel.netns import in_scratch_namespace
from lbrouter.kernel.read.monitor import Monitor, NoticeKind
from lbrouter.model.kernel_state import NftTable
from lbrouter.model.plan import Action, Operation, Phase

ANSWER_TIMEOUT_S = 20.0


async def load_table() -> None:
    """One change by the thread that calls."""
    script = "table inet lbrouter {\n\tchain a {\n\t}\n}\n"
    table = NftTable(structure="", elements={}, script=script)
    async with LinuxKernel() as kernel:
        await kernel.execute(
            Operation(phase=Phase.RULESET, action=Action.ADD, new=table, old=None, reason="")
        )


async def delete_with_nft() -> None:
    """A change by a program that is not ours."""
    process = await asyncio.create_subprocess_exec("nft", "delete", "table", "inet", "lbrouter")
    assert await process.wait() == 0


async def reported() -> dict[str, bool]:
    """What the monitor says of each change."""
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1) as pool:
        changes = {
            "this thread": load_table,
            "another thread": lambda: loop.run_in_executor(pool, asyncio.run, load_table()),
            "another program": delete_with_nft,
        }
        async with Monitor() as monitor:
            return {
                name: await told_as_own(monitor, change, by_nft=change is delete_with_nft)
                for name, change in changes.items()
            }


async def told_as_own(
    monitor: Monitor, change: Callable[[], Awaitable[None]], *, by_nft: bool
) -> bool:
    """Of the first notice of a change; a load has two transactions, and may have two notices."""
    await change()
    async with asyncio.timeout(ANSWER_TIMEOUT_S):
        async for notice in monitor:
            if notice.kind is NoticeKind.NFT and by_nft is ("changed by nft" in notice.detail):
                return notice.own
    raise AssertionError("the monitor has ended")


if __name__ == "__main__":
    print(json.dumps(in_scratch_namespace(lambda: asyncio.run(reported()))))
