"""A process on the way from state 1 to state 2, which dies or is interrupted at a given step.

`python -m tests.contract.transaction.interrupted_apply killed|interrupted STEP`, in a namespace
with two ports.
"""

import asyncio
import sys

from lbrouter.kernel.backend import LinuxKernel
from lbrouter.model.errors import LbrouterError
from tests.contract.transaction.failing_kernels import Interrupted, Killed, reach, state

MANNERS = {"killed": Killed, "interrupted": Interrupted}


async def main(manner: str, step: int) -> int:
    async with LinuxKernel() as kernel:
        try:
            await reach(MANNERS[manner](kernel, step), state(2))
        except LbrouterError as error:
            sys.stdout.write(str(error))
            return error.code
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1], int(sys.argv[2]))))
