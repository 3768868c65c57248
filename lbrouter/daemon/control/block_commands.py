"""Clients that an operator shuts out and lets in again: `block` and `unblock`."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from lbrouter.compile.diagnosis.client_facts import reserved_vlan
from lbrouter.daemon.clients.asked_client import WRITTEN_MAC_PATTERN, KnownClient, find_client
from lbrouter.daemon.control.override_commands import (
    EXPIRY_CHECK_INTERVAL_S,
    OverrideCommands,
    answer_document,
)
from lbrouter.daemon.control_socket.protocol import (
    Document,
    flag_field,
    int_field,
    operator_of,
    string_field,
)
from lbrouter.daemon.overrides.blocked_clients import TemporaryBlock
from lbrouter.daemon.reconcile.loop import ReconcileLoop
from lbrouter.kernel.client_flows import end_client_flows
from lbrouter.kernel.own_thread import in_own_thread
from lbrouter.model.config import Config
from lbrouter.model.errors import ConfirmationNeededError
from lbrouter.model.messages.codes import EventCode
from lbrouter.model.messages.message import message
from lbrouter.model.messages.phrase import phrase
from lbrouter.model.units import Duration


class BlockCommands:
    """Answers those requests. `verbs` has a handler for each."""

    def __init__(self, loop: ReconcileLoop, overrides: OverrideCommands) -> None:
        self._loop, self._overrides = loop, overrides
        self.verbs: Mapping[str, Callable[[Document], Awaitable[Any]]] = {
            "block": self._block,
            "unblock": self._unblock,
        }

    async def _block(self, request: Document) -> Any:
        """Nothing of the client passes any more; `for_ms` 0 is until a person ends it."""
        loop, text = self._loop, string_field(request, "client")
        for_ms = int_field(request, "for_ms", default=0)
        config = loop.config_file.config
        known = await find_client(config, loop.applier.dnsmasq, text)
        if not flag_field(request, "yes"):
            _require_harmless(config, known)
        within = Duration(for_ms) if for_ms else None
        loop.overrides.blocks.put(known.mac, TemporaryBlock.start(within))
        said = message(EventCode.CLIENT_SHUT_OUT, client=known.label)
        if within is not None:
            said = message(EventCode.CLIENT_SHUT_OUT, client=known.label, within=str(within))
        loop.request_resync()
        settled = await self._overrides.follow()
        with suppress(OSError):  # what it sends is refused all the same
            await in_own_thread(partial(end_client_flows, known.addresses))
        by = operator_of(request)
        await self._overrides.log_and_save("wish", said, subject=known.mac, by=by)
        return {**answer_document(said, settled=settled), "mac": known.mac}

    async def _unblock(self, request: Document) -> Any:
        loop, text = self._loop, string_field(request, "client")
        config = loop.config_file.config
        mac = label = text.lower().replace("-", ":")
        if not WRITTEN_MAC_PATTERN.fullmatch(text):
            known = await find_client(config, loop.applier.dnsmasq, text)
            mac, label = known.mac, known.label
        had = loop.overrides.blocks.remove(mac)
        code = EventCode.CLIENT_LET_IN if had else EventCode.CLIENT_NOT_BLOCKED
        said = message(code, client=label)
        loop.request_resync()
        settled = await self._overrides.follow()
        by = operator_of(request)
        await self._overrides.log_and_save("wish", said, subject=mac, by=by)
        return {**answer_document(said, settled=settled), "mac": mac}

    async def run(self) -> None:
        """End blocks whose time is over, for ever."""
        while True:
            await asyncio.sleep(EXPIRY_CHECK_INTERVAL_S)
            loop = self._loop
            for mac in loop.overrides.blocks.remove_expired():
                loop.request_resync()
                said = message(EventCode.CLIENT_BLOCK_EXPIRED, client=mac)
                await self._overrides.log_and_save("wish", said, subject=mac)


def _require_harmless(config: Config, known: KnownClient) -> None:
    """Raise ConfirmationNeededError where the client is one that the event needs."""
    reserved = reserved_vlan(config, known.mac)
    if reserved is not None:
        why = phrase("The file names it: it is a host of VLAN {vlan}.", vlan=reserved.name)
    elif known.vlan is not None and config.vlans[known.vlan].manage:
        why = phrase("It is on VLAN {vlan}, from which the gateway is managed.", vlan=known.vlan)
    else:
        return
    raise ConfirmationNeededError(
        phrase("{client} is to be blocked. {why}", client=known.label, why=why),
        question=phrase("Block {client} anyway?", client=known.label),
        remedy=phrase("Block another client, or run `lbrouter block {mac} --yes`.", mac=known.mac),
    )
