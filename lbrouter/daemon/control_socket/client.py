"""The client of the control socket within an event loop: the screen, the rollback process."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from lbrouter.daemon.control_socket.order_address import with_address
from lbrouter.daemon.control_socket.protocol import (
    CONTROL_REPLY_TIMEOUT_S,
    DAEMON_CLOSED_WHY,
    DAEMON_NOT_ANSWERING,
    DAEMON_RESTART_REMEDY,
    MAX_ROOT_REQUEST_BYTES,
    SOCKET_REFUSED_WHY,
    Document,
    control_socket_path,
    encode_line,
    result_or_raise,
)
from lbrouter.model.errors import NotAppliedError, NotPermittedError

StreamPair = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def connect(runtime_dir: Path) -> AsyncIterator[StreamPair | None]:
    """A connection to the daemon of `runtime_dir`; None where none listens."""
    try:
        streams = await asyncio.open_unix_connection(
            control_socket_path(runtime_dir), limit=MAX_ROOT_REQUEST_BYTES
        )
    except PermissionError as error:
        raise NotPermittedError(SOCKET_REFUSED_WHY, remedy="Run it as root.") from error
    except OSError:
        yield None
        return
    try:
        yield streams
    finally:
        streams[1].close()


async def ask(
    runtime_dir: Path, request: Document, *, timeout_s: float = CONTROL_REPLY_TIMEOUT_S
) -> Any | None:
    """The daemon's result, None where no daemon runs. Raises what the daemon refuses with.

    Results are never None. NotAppliedError where the daemon does not answer in time.
    """
    async with connect(runtime_dir) as streams:
        if streams is None:
            return None
        reader, writer = streams
        try:
            writer.write(encode_line(with_address(request)))
            answer = await asyncio.wait_for(reader.readline(), timeout_s)
        except (OSError, TimeoutError) as error:
            raise NotAppliedError(DAEMON_NOT_ANSWERING, remedy=DAEMON_RESTART_REMEDY) from error
    if not answer:
        raise NotAppliedError(DAEMON_CLOSED_WHY, remedy=DAEMON_RESTART_REMEDY)
    return result_or_raise(json.loads(answer))


async def stream(runtime_dir: Path, request: Document) -> AsyncGenerator[Any, None]:
    """Results one after the other, as long as the daemon sends them; none where no daemon runs."""
    async with connect(runtime_dir) as streams:
        if streams is None:
            return
        reader, writer = streams
        writer.write(encode_line(request))
        while answer := await reader.readline():
            yield result_or_raise(json.loads(answer))
