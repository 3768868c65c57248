"""A process that applies state 2 over state 1, and dies or is interrupted at a given step.

`python -m tests.contract.transaction.interrupted_apply killed|interrupted STEP`, in a namespace
with two ports.
"""

import asyncio
import sys

from lbrouter.kernel.backend import LinuxKernel
from lbrouter.model.errors import LbrouterError
from tests.contract.transaction.failing_kernels import (
    InterruptedKernel,
    KillingKernel,
    apply_state,
    sample_state,
)

KERNEL_BY_MODE = {"killed": KillingKernel, "interrupted": InterruptedKernel}


async def main(mode: str, step: int) -> int:
    async with LinuxKernel() as kernel:
        try:
            await apply_state(KERNEL_BY_MODE[mode](kernel, step), sample_state(2))
        except LbrouterError as error:
            sys.stdout.write(str(error))
            return error.code
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1], int(sys.argv[2]))))
