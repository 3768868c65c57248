"""The control socket. Members of the group may read; `peer` says who may change what.

A client costs the daemon at most one small buffer for a short time: requests have a maximum size
and a deadline, and each user has a maximum number of connections.
"""

import asyncio
import errno
import grp
import os
import socket
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any, Final

from lbrouter.daemon.control_socket.peer import SocketPeer, socket_peer
from lbrouter.daemon.control_socket.protocol import (
    MAX_READER_REQUEST_BYTES,
    MAX_ROOT_REQUEST_BYTES,
    READ_ONLY_VERBS,
    STREAM_VERBS,
    Document,
    control_socket_path,
    encode_line,
    error_response,
    ok_response,
    parse_request,
)
from lbrouter.model.errors import DefectError, LbrouterError, UsageError
from lbrouter.model.messages.operator import parse_operator
from lbrouter.model.messages.phrase import phrase

CONTROL_GROUP: Final = "lbrouter"
"""Its members may read the status. Without such a group the socket is root's alone."""

MAX_CONNECTIONS_PER_USER: Final = 16
"""At a time, for each user: a user who opens more blocks no other user."""

SOCKET_CHECK_INTERVAL_S: Final = 2.0
"""Between two checks that the socket still exists: a program may clean up /run."""

CONTROL_IDLE_TIMEOUT_S: Final = 5.0
"""For a request to arrive in full, and for an answer to be taken."""

RequestHandler = Callable[[Document], Awaitable[Any]]
StreamHandler = Callable[[Document], AsyncGenerator[Any, None]]


class ControlSocket:
    """Serves `answer`, and `stream` for `STREAM_VERBS`, on the socket of a runtime directory."""

    def __init__(self, runtime_dir: Path, *, answer: RequestHandler, stream: StreamHandler) -> None:
        self._path = control_socket_path(runtime_dir)
        self._answer = answer
        self._stream = stream
        self._connections_by_uid: Counter[int] = Counter()

    async def serve(self) -> None:
        """Listen until cancelled. The lock is held: a socket that exists is a dead daemon's.

        Raises FileNotFoundError when the socket was removed, so that the supervisor starts again.
        """
        self._path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        self._path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(0o177)  # never open to others, not for a moment
        try:
            listener.bind(str(self._path))
        finally:
            os.umask(before)
        with suppress(KeyError, PermissionError):
            if os.getegid() == 0:  # the service manager may have given us the group already
                os.chown(self._path, -1, grp.getgrnam(CONTROL_GROUP).gr_gid)
            self._path.chmod(0o660)
        listener.listen(128)
        listener.settimeout(0)
        server = await asyncio.start_unix_server(
            self._handle_connection, sock=listener, limit=MAX_READER_REQUEST_BYTES
        )
        made = self._path.stat().st_ino
        try:
            while self._is_own_socket(made):
                await asyncio.sleep(SOCKET_CHECK_INTERVAL_S)
            raise FileNotFoundError(errno.ENOENT, "it was removed", str(self._path))
        finally:
            server.close()
            if self._is_own_socket(made):
                self._path.unlink(missing_ok=True)

    def _is_own_socket(self, made: int) -> bool:
        """Whether the socket that we listen on is the one at the path."""
        try:
            return self._path.stat().st_ino == made
        except OSError:
            return False

    async def _handle_connection(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        peer = socket_peer(writer)
        uid = peer.uid
        self._connections_by_uid[uid] += 1
        try:
            if self._connections_by_uid[uid] <= MAX_CONNECTIONS_PER_USER:
                await self._serve_requests(
                    LineReader(
                        reader, MAX_ROOT_REQUEST_BYTES if uid == 0 else MAX_READER_REQUEST_BYTES
                    ),
                    writer,
                    peer,
                )
            writer.close()
            await asyncio.wait_for(writer.wait_closed(), CONTROL_IDLE_TIMEOUT_S)
        except (OSError, TimeoutError):
            pass  # it closed, it is too slow, or it sent half a line: no client waits for an answer
        except asyncio.CancelledError:
            pass  # the daemon ends; asyncio's streams would print a traceback for it (3.11)
        finally:
            self._connections_by_uid[uid] -= 1
            writer.transport.abort()

    async def _serve_requests(
        self, lines: "LineReader", writer: asyncio.StreamWriter, peer: SocketPeer
    ) -> None:
        while text := await asyncio.wait_for(lines.read_line(), CONTROL_IDLE_TIMEOUT_S):
            if len(text) > lines.limit:
                much = UsageError(phrase("A request has {limit} bytes at most.", limit=lines.limit))
                await _send_document(writer, error_response(much))
                return
            try:
                asked = parse_request(text)
                peer.require_permission(asked["verb"])
                if asked["verb"] in STREAM_VERBS:
                    await self._serve_stream(asked, lines, writer)
                    return
                if asked["verb"] not in READ_ONLY_VERBS:
                    by = parse_operator(asked.get("by"), peer.operator())
                    asked["by"] = by.as_json()
                answer = ok_response(await self._answer(asked))
            except LbrouterError as error:
                answer = error_response(error)
            except Exception as error:  # noqa: BLE001  -- a bad request must not end the daemon
                answer = error_response(
                    DefectError(phrase("A defect in the daemon: {error}", error=repr(error)))
                )
            await _send_document(writer, answer)

    async def _serve_stream(
        self, asked: Document, lines: "LineReader", writer: asyncio.StreamWriter
    ) -> None:
        """Until the client closes, or sends anything more: then its connection is free at once."""
        flow = asyncio.create_task(self._send_stream(asked, writer))
        gone = asyncio.create_task(lines.read_line())
        try:
            await asyncio.wait((flow, gone), return_when=asyncio.FIRST_COMPLETED)
            if flow.done():
                await flow
        finally:
            for each in (flow, gone):
                each.cancel()
            await asyncio.gather(flow, gone, return_exceptions=True)

    async def _send_stream(self, asked: Document, writer: asyncio.StreamWriter) -> None:
        async with aclosing(self._stream(asked)) as stream:
            async for each in stream:
                await _send_document(writer, ok_response(each))


class LineReader:
    """The lines of a stream. asyncio's own `readline` would discard what it read of a long one."""

    def __init__(self, reader: asyncio.StreamReader, limit: int) -> None:
        self.limit = limit
        self._reader = reader
        self._buffer = bytearray()

    async def read_line(self) -> bytes:
        """A line without its end; b"" at the end of the stream, more than `limit` where too long.

        The last line needs its end as well: a line that is cut off is no request.
        """
        while b"\n" not in self._buffer and len(self._buffer) <= self.limit:
            chunk = await self._reader.read(MAX_READER_REQUEST_BYTES)
            if not chunk:
                return b""
            self._buffer += chunk
        text, _, self._buffer = self._buffer.partition(b"\n")
        return bytes(text)


async def _send_document(writer: asyncio.StreamWriter, document: Document) -> None:
    writer.write(encode_line(document))
    await asyncio.wait_for(writer.drain(), CONTROL_IDLE_TIMEOUT_S)
