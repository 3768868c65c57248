"""Changes the nft table three times in a fresh namespace; prints what the monitor says of each.

JSON: {"this thread": true, ...}: whether it was told as our own change.
"""

import asyncio
import json
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from lbrouter.kernel.netns import in_scratch_namespace
from lbrouter.kernel.objects import nft
from lbrouter.kernel.read.monitor import Monitor, NoticeKind
from lbrouter.model.kernel_state import NftTable
from lbrouter.model.plan import Action, Operation, Phase

ANSWER_TIMEOUT_S = 20.0


def load_table() -> None:
    """One change by the thread that calls."""
    table = NftTable(
        structure="", elements={}, script="table inet lbrouter {\n\tchain a {\n\t}\n}\n"
    )
    nft.execute(Operation(phase=Phase.RULESET, action=Action.ADD, new=table, old=None, reason=""))


def delete_with_nft() -> None:
    """A change by a program that is not ours."""
    subprocess.run(["nft", "delete", "table", "inet", "lbrouter"], check=True)


async def reported() -> dict[str, bool]:
    """What the monitor says of each change."""
    with ThreadPoolExecutor(1) as pool:
        changes = {
            "this thread": load_table,
            "another thread": lambda: pool.submit(load_table).result(),
            "another program": delete_with_nft,
        }
        async with Monitor() as monitor:
            return {name: await told_as_own(monitor, change) for name, change in changes.items()}


async def told_as_own(monitor: Monitor, change: Callable[[], None]) -> bool:
    """Of the one notice of a change: a load has two transactions, and their notices are equal."""
    change()
    async with asyncio.timeout(ANSWER_TIMEOUT_S):
        async for notice in monitor:
            if notice.kind is NoticeKind.NFT:
                return notice.own
    raise AssertionError("the monitor has ended")


if __name__ == "__main__":
    print(json.dumps(in_scratch_namespace(lambda: asyncio.run(reported()))))
