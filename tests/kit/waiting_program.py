"""A client that only waits: TCP connections that receive and never send again.

Runs by its path inside a namespace, on the standard library alone: `waiting_program.py REQUEST`,
JSON: {"to", "port", "source", "count"}. Prints the sources that the server saw once all are open.
Until standard input ends it reads; then a row for each connection: {"seen", "ended", "error"},
`ended` in monotonic time, or null where it still waits. Each line before is answered by the number
of those that ended.
"""

import json
import selectors
import socket
import sys
import time
from typing import Any


def open_connection(request: dict[str, Any], number: int) -> tuple[socket.socket, dict[str, Any]]:
    """One connection that has asked for the source that the server sees, and its row."""
    source = (request["source"], 0)
    opened = socket.create_connection((request["to"], request["port"]), 10, source)
    opened.sendall(f"who waiting-{number}\n".encode())
    words = opened.recv(200).decode().split()
    opened.settimeout(0)
    return opened, {"seen": words[0], "ended": None, "error": ""}


def read_until_input_ends(connections: list[tuple[socket.socket, dict[str, Any]]]) -> None:
    """Record the moment at which each connection ends."""
    rows = [row for _, row in connections]
    with selectors.DefaultSelector() as waiting:
        waiting.register(sys.stdin, selectors.EVENT_READ)
        for opened, row in connections:
            waiting.register(opened, selectors.EVENT_READ, row)
        while True:
            for key, _ in waiting.select():
                if key.fileobj is sys.stdin:
                    if not sys.stdin.readline():
                        return
                    print(sum(row["ended"] is not None for row in rows), flush=True)
                elif has_ended(key.fileobj, key.data):
                    waiting.unregister(key.fileobj)


def has_ended(opened: Any, row: dict[str, Any]) -> bool:
    """Read what is there; whether the connection is over."""
    try:
        if opened.recv(1 << 16):
            return False
        row["error"] = "closed"
    except OSError as error:
        row["error"] = str(error.strerror)
    row["ended"] = time.monotonic()
    return True


if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    opened_connections = [open_connection(asked, number) for number in range(asked["count"])]
    print(json.dumps([row["seen"] for _, row in opened_connections]), flush=True)
    read_until_input_ends(opened_connections)
    for _, row in opened_connections:
        print(json.dumps(row))
