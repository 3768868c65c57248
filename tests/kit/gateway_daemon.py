"""The daemon of a venue: started in its gateway, queried, killed, and its log."""

import asyncio
import json
import signal
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from lbrouter.daemon.control_socket import client
from lbrouter.model.errors import LbrouterError
from lbrouter.rehearsal.lab.daemon_process import StartedDaemon
from tests.kit.commands import require_success
from tests.kit.wait import eventually


class GatewayDaemon(StartedDaemon):
    """`with GatewayDaemon(gateway) as daemon:` runs `lbrouter run` until the end of the block.

    `wrapper` is a command that ends in running another.
    """

    def __enter__(self) -> Self:
        self.start()
        assert eventually(self.is_serving, within_s=30), self.log_text()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.stop()
        if error is not None:
            print(self.log_text())

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.process.terminate()
        return self.process.wait(30)

    def reload(self) -> None:
        self.process.send_signal(signal.SIGHUP)

    def is_serving(self) -> bool:
        """Whether it answers; a daemon that has ended is a failure at once."""
        assert self.process.poll() is None, self.log_text()
        with suppress(LbrouterError):
            return self.ask("status") is not None
        return False

    def ask(self, verb: str, **more: Any) -> Any:
        """Its answer over the control socket, None where no daemon listens.

        Tests poll: each `lbrouter` command would take the processor from the daemon for most of a
        second. What the command prints is tested elsewhere.
        """
        request = {"verb": verb, **more}
        return asyncio.run(client.ask(self.gateway.runtime_dir, request, timeout_s=10))

    def status(self) -> Any:
        """The document of `status --json`; without a daemon, as the command computes it."""
        found = self.ask("status")
        if found is None:
            return json.loads(require_success(self.gateway.run_lbrouter("status", "--json")))
        return found

    def uplink(self, name: str) -> Any:
        """One uplink of the `status` document."""
        return self.status()["uplinks"][name]

    def state(self, uplink: str) -> str:
        return str(self.uplink(uplink)["state"])

    def has_logged(self, *words: str) -> bool:
        """Whether one line of its log holds all `words`."""
        return any(all(word in line for word in words) for line in self.log_text().splitlines())

    def events(self, kind: str) -> list[Any]:
        """Events of one kind so far."""
        answer = self.ask("events", limit=1000, since="")
        if answer is None:
            text = require_success(self.gateway.run_lbrouter("events", "--json", "--limit", "1000"))
            answer = {"events": [json.loads(line) for line in text.splitlines()]}
        return [each for each in answer["events"] if each["kind"] == kind]

    def descriptor_count(self) -> int:
        return sum(1 for _ in (self.proc_dir / "fd").iterdir())

    @property
    def proc_dir(self) -> Path:
        return Path(f"/proc/{self.process.pid}")
