"""The client of the control socket, for the command and for the rollback process."""

import asyncio
import json
import os
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from lbrouter.compile.firewall.operator_session import parse_ssh_connection
from lbrouter.daemon.control_socket.protocol import (
    MAX_ROOT_REQUEST_BYTES,
    READ_ONLY_VERBS,
    Document,
    control_socket_path,
    encode_line,
    result_or_raise,
)
from lbrouter.model.errors import NotAppliedError, NotPermittedError
from lbrouter.system.ssh_session import ssh_connection

CONTROL_REPLY_TIMEOUT_S: Final = 60.0
"""For an answer: an apply of a large file takes seconds, a stopped daemon never answers."""

DAEMON_NOT_ANSWERING: Final = "The daemon does not answer."
DAEMON_RESTART_REMEDY: Final = (
    "systemctl restart lbrouter, or look at its messages: journalctl -u lbrouter"
)

StreamPair = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def connect(runtime_dir: Path) -> AsyncIterator[StreamPair | None]:
    """A connection to the daemon of `runtime_dir`; None where none listens."""
    try:
        streams = await asyncio.open_unix_connection(
            control_socket_path(runtime_dir), limit=MAX_ROOT_REQUEST_BYTES
        )
    except PermissionError as error:
        raise NotPermittedError(
            "The daemon's socket cannot be opened: permission denied.", remedy="Run it as root."
        ) from error
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
            writer.write(encode_line(_with_address(request)))
            answer = await asyncio.wait_for(reader.readline(), timeout_s)
        except (OSError, TimeoutError) as error:
            raise NotAppliedError(DAEMON_NOT_ANSWERING, remedy=DAEMON_RESTART_REMEDY) from error
    if not answer:
        raise NotAppliedError("The daemon closed the connection.", remedy=DAEMON_RESTART_REMEDY)
    return result_or_raise(json.loads(answer))


def _with_address(request: Document) -> Document:
    """An order says where its person sits: the daemon's unit may not read that of other processes.

    A request that says who gives it stays as it is.
    """
    session = parse_ssh_connection(ssh_connection(os.getpid()))
    if session is None or "by" in request or request["verb"] in READ_ONLY_VERBS:
        return request
    return {**request, "by": {"address": str(session.client)}}


async def stream(runtime_dir: Path, request: Document) -> AsyncGenerator[Any, None]:
    """Results one after the other, as long as the daemon sends them; none where no daemon runs."""
    async with connect(runtime_dir) as streams:
        if streams is None:
            return
        reader, writer = streams
        writer.write(encode_line(request))
        while answer := await reader.readline():
            yield result_or_raise(json.loads(answer))
