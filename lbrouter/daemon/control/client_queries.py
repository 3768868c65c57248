"""What the daemon answers about one client."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from lbrouter.compile.diagnosis.client_facts import GatewayView
from lbrouter.compile.diagnosis.why import WhyDocument, why_document
from lbrouter.daemon.clients.client_inspection import BlockSource, inspect_client
from lbrouter.daemon.control_socket.protocol import Document, string_field
from lbrouter.daemon.daemon_state import DaemonState
from lbrouter.model.errors import NotAppliedError
from lbrouter.services.dnsmasq import Dnsmasq


class ClientQueries:
    """Answers those requests. `verbs` has a handler for each."""

    def __init__(
        self, state: Callable[[], DaemonState], dnsmasq: Dnsmasq, block_of: BlockSource
    ) -> None:
        self._state, self._dnsmasq, self._block_of = state, dnsmasq, block_of
        self._listening = asyncio.Lock()
        self.verbs: Mapping[str, Callable[[Document], Awaitable[Any]]] = {"why": self._why}

    async def _why(self, request: Document) -> WhyDocument:
        """One at a time: each listens on all VLANs for a second or two."""
        text = string_field(request, "client")
        async with self._listening:
            state = self._state()
            if state.applied is None:
                raise NotAppliedError(
                    "The kernel is being changed.", remedy="Ask again in a second."
                )
            config = state.file.config
            found = await inspect_client(config, self._dnsmasq, text, self._block_of)
        view = GatewayView(
            config=config,
            health=self._state().health,
            facts=state.applied.snapshot.facts,
            limits=state.applied.snapshot.limits,
        )
        return why_document(view, found)
