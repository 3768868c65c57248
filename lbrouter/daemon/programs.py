"""`ProgramSupervisor`: the programs that serve the clients, started beside everything else.

A start may hang for twenty seconds (a stalled disk, a name service that does not answer). Nothing
but the next start waits for it: no lock of the kernel's changes is held meanwhile.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from lbrouter.daemon.applier import Applier
from lbrouter.daemon.events.journal import Journal
from lbrouter.model.config import Config
from lbrouter.model.errors import LbrouterError
from lbrouter.model.managed_process import ManagedProcess
from lbrouter.model.plan import Operation, Plan

SERVICE_CHECK_INTERVAL_S: Final = 2.0


class ProgramSupervisor:
    """The programs of one machine; `config` returns the configuration in force."""

    def __init__(self, applier: Applier, journal: Journal, config: Callable[[], Config]) -> None:
        self._applier = applier
        self._journal = journal
        self._config = config
        self._lock = asyncio.Lock()

    async def apply(self, config: Config) -> Plan:
        """Start, replace or end the programs for `config`; returns what was done.

        Raises as `Applier.apply_services`.
        """
        async with self._lock:
            return await self._applier.apply_services(config)

    async def run(self) -> None:
        """Start programs now, and those that ended again, for ever; a failure is logged once.

        What the first round starts is not told: it belongs to the start of the daemon.
        """
        trouble, first = "", True
        while True:
            try:
                done = await self.apply(self._config())
                for operation in () if first else done.operations:
                    self._journal.log("repair", f"{_service_name(operation)}: {operation.reason}")
                trouble, first = "", False
            except LbrouterError as error:
                if str(error) != trouble:
                    self._journal.log("trouble", str(error))
                trouble = str(error)
            await asyncio.sleep(SERVICE_CHECK_INTERVAL_S)


def _service_name(operation: Operation) -> str:
    service = operation.managed_object
    return service.name if isinstance(service, ManagedProcess) else ""
