"""Runs a command of the operator: JSON on its standard input, and a few environment variables.

No shell reads the command. The program runs in a session of its own, so that all processes of it
are ended when it ends or its time is over.
"""

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

from lbrouter.model.messages.phrase import phrase

INHERITED_ENV_VARS: Final = ("PATH", "LANG", "TZ")
"""Variables of our environment that the program gets; it gets no others."""


async def run(
    command: Sequence[str], body: bytes, extra_env: Mapping[str, str], *, within_s: float
) -> None:
    """Run `command`, with `extra_env` in its environment. Raises OSError unless it exits with 0.

    Its standard error is ours: the service manager's journal keeps what it says.
    """
    environment = {name: os.environ[name] for name in INHERITED_ENV_VARS if name in os.environ}
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        env=environment | {name: value.replace("\0", "") for name, value in extra_env.items()},
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(within_s):
            assert process.stdin is not None
            with suppress(OSError):  # it need not listen
                process.stdin.write(body)
                await process.stdin.drain()
            process.stdin.close()
            code = await process.wait()
    except TimeoutError:
        raise OSError(phrase("not done within {time} s: killed", time=f"{within_s:g}")) from None
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    if code:
        raise OSError(phrase("it ended with {code}", code=code))
