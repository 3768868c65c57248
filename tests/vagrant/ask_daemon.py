"""`ask_daemon.py VERB` asks the gateway's daemon; `status` is what `lbrouter status --json` prints.

Runs by its path in the gateway. On an emulated processor the command itself takes ten seconds to
start; for a question that is asked again and again that is too long.
"""

import json
import socket
import sys


def main() -> int:
    """Exit code 1 when no daemon answers."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as daemon:
        daemon.settimeout(20)
        try:
            daemon.connect("/run/lbrouter/control.sock")
            daemon.sendall(json.dumps({"verb": sys.argv[1]}).encode() + b"\n")
            with daemon.makefile("rb") as lines:
                answer = json.loads(lines.readline())
        except (OSError, ValueError) as error:
            print(error, file=sys.stderr)
            return 1
    print(json.dumps(answer["result"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
