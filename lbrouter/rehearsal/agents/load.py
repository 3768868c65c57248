"""Load from one client host: TCP flows as fast as they go or paced, and probes beside them.

Runs by its path inside a client's namespace, on the standard library alone: `load.py REQUEST`,
where REQUEST is JSON: {"to", "port", "name", "sources", "up", "pace_bps", "seconds", "flows",
"probe"}. From each source `flows` TCP connections send (`up`) or receive, each at `pace_bps` (bytes
of payload, in bits per second; 0 = as fast as it goes). With `probe` a datagram is echoed every
20 ms. Prints when it began, a row for each flow that received, and one for the probe.
"""

import json
import socket
import sys
import threading
import time
from contextlib import suppress
from typing import Any

LoadRow = dict[str, Any]

SEND_PACING_OPTION = 47
"""From asm-generic/socket.h; TCP paces by itself where the interface has no fq."""

LOAD_CHUNK = bytes(1 << 16)
LOAD_PROBE_INTERVAL_S = 0.02
LOAD_SOCKET_TIMEOUT_S = 2.0
LOAD_ROWS: list[LoadRow] = []


def connect_paced(request: LoadRow, source: str) -> socket.socket:
    """A TCP connection to the server, paced where that is asked for."""
    address = (request["to"], request["port"])
    line = socket.create_connection(address, LOAD_SOCKET_TIMEOUT_S, (source, 0))
    if request["pace_bps"]:
        rate = int(request["pace_bps"]) // 8
        line.setsockopt(socket.SOL_SOCKET, SEND_PACING_OPTION, rate)
    return line


def send(request: LoadRow, source: str, number: int, until: float) -> None:
    """One upload flow; the far end counts what arrives."""
    with suppress(OSError), connect_paced(request, source) as line:
        line.sendall(f"push {request['name']}-{number}\n".encode())
        while time.monotonic() < until:
            line.sendall(LOAD_CHUNK)


def receive(request: LoadRow, source: str, number: int, until: float) -> None:
    """One download flow; we count what arrives."""
    row: LoadRow = {"kind": "flow", "flow": f"{request['name']}-{number}", "times": [], "sizes": []}
    LOAD_ROWS.append(row)
    with suppress(OSError), connect_paced(request, source) as line:
        line.sendall(f"flood {request['seconds']} {request['pace_bps']}\n".encode())
        while time.monotonic() < until and (size := len(line.recv(1 << 18))):
            row["times"].append(time.monotonic())
            row["sizes"].append(size)


def probe(request: LoadRow, until: float) -> None:
    """Datagrams that are echoed: when each was sent, and its round trip in milliseconds."""
    row: LoadRow = {"kind": "probe", "sent": 0, "rtts": []}
    LOAD_ROWS.append(row)
    family = socket.AF_INET6 if ":" in request["to"] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as line:
        line.bind((request["sources"][0], 0))
        line.connect((request["to"], request["port"]))
        line.settimeout(LOAD_SOCKET_TIMEOUT_S)
        listener = threading.Thread(target=read_echoes, args=(line, row), daemon=True)
        listener.start()
        pause = threading.Event()
        while time.monotonic() < until:
            with suppress(OSError):
                line.send(f"e probe {row['sent']} {time.monotonic()}".encode())
            row["sent"] += 1
            pause.wait(LOAD_PROBE_INTERVAL_S)
        pause.wait(0.3)


def read_echoes(line: socket.socket, row: LoadRow) -> None:
    """Echoes: source and port as the far end saw them, then what we sent."""
    with suppress(OSError):
        while True:
            sent = float(line.recv(2048).split()[5])
            row["rtts"].append((sent, (time.monotonic() - sent) * 1000))


def main(request: LoadRow) -> None:
    """Run all flows and the probe at once, for the given time."""
    began = time.monotonic()
    until = began + request["seconds"]
    LOAD_ROWS.append({"kind": "began", "at": began})
    work = send if request["up"] else receive
    sources = [source for source in request["sources"] for _ in range(request["flows"])]
    threads = [
        threading.Thread(target=work, args=(request, source, number, until), daemon=True)
        for number, source in enumerate(sources)
    ]
    if request["probe"]:
        threads.append(threading.Thread(target=probe, args=(request, until), daemon=True))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()) + 0.5)
    for row in LOAD_ROWS:
        print(json.dumps(row))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
