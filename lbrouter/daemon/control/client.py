"""Asking the daemon, from the command and from the process that undoes what nobody confirmed."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from lbrouter.daemon.control.protocol import LARGE, Document, line, result_of, socket_of
from lbrouter.model.errors import NotAppliedError, NotPermittedError

PATIENCE_S: Final = 60.0
"""For an answer: an apply of a large file takes seconds, a daemon that is stopped answers never."""

SILENT: Final = "The daemon does not answer."
REMEDY: Final = "systemctl restart lbrouter, or look at its messages: journalctl -u lbrouter"

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def connected(runtime_dir: Path) -> AsyncIterator[Streams | None]:
    """A connection to the daemon of `runtime_dir`; None where none listens."""
    try:
        streams = await asyncio.open_unix_connection(socket_of(runtime_dir), limit=LARGE)
    except PermissionError as error:
        raise NotPermittedError(
            "The daemon's socket may not be opened.", remedy="Run it as root."
        ) from error
    except OSError:
        yield None
        return
    try:
        yield streams
    finally:
        streams[1].close()


async def ask(
    runtime_dir: Path, request: Document, *, patience_s: float = PATIENCE_S
) -> Any | None:
    """The daemon's result, None where no daemon runs. Raises what the daemon refuses with.

    Results are never None. NotAppliedError where the daemon does not answer in time.
    """
    async with connected(runtime_dir) as streams:
        if streams is None:
            return None
        reader, writer = streams
        try:
            writer.write(line(request))
            answer = await asyncio.wait_for(reader.readline(), patience_s)
        except (OSError, TimeoutError) as error:
            raise NotAppliedError(SILENT, remedy=REMEDY) from error
    if not answer:
        raise NotAppliedError("The daemon closed the connection.", remedy=REMEDY)
    return result_of(json.loads(answer))


async def follow(runtime_dir: Path, request: Document) -> AsyncGenerator[Any, None]:
    """Results one after the other, as long as the daemon sends them; none where no daemon runs."""
    async with connected(runtime_dir) as streams:
        if streams is None:
            return
        reader, writer = streams
        writer.write(line(request))
        while answer := await reader.readline():
            yield result_of(json.loads(answer))
