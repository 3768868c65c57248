"""What an operator asks for: drain, pin, restore, limit. They wait for no change of the kernel.

New flows follow at once, by steering. The rest (classes of a limit, routes) is done by the
reconcile that follows: the answer waits for that too, but no longer than `OPERATOR_ANSWER_S`, since
a change of a whole file may be running.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from lbrouter.daemon.control import confirmation
from lbrouter.daemon.control_socket.protocol import (
    Document,
    flag_field,
    int_field,
    operator_of,
    string_field,
)
from lbrouter.daemon.overrides.temporary_limits import (
    LIMIT_DIRECTIONS,
    TemporaryLimit,
    limit_message,
    validated_limit_rate,
)
from lbrouter.daemon.reconcile.loop import ReconcileLoop
from lbrouter.daemon.slow_work import in_disk_thread
from lbrouter.model.errors import LbrouterError, NotAppliedError, UsageError
from lbrouter.model.events import HealthEvent
from lbrouter.model.facts import Facts
from lbrouter.model.health import GatewayHealth
from lbrouter.model.messages.codes import EventCode
from lbrouter.model.messages.message import Message, joined, message
from lbrouter.model.messages.operator import ITSELF, Operator
from lbrouter.model.units import Duration, Rate

EXPIRY_CHECK_INTERVAL_S: Final = 0.5
OPERATOR_ANSWER_S: Final = 0.7
"""An operator has an answer after this time, whatever else is running; the disk may add its own."""

STILL_RUNNING: Final = message(EventCode.STILL_RUNNING)


class OverrideCommands:
    """Answers those requests. `verbs` has a handler for each."""

    def __init__(self, loop: ReconcileLoop) -> None:
        self._loop = loop
        self._steering = set[asyncio.Task[None]]()
        self.verbs: Mapping[str, Callable[[Document], Awaitable[Any]]] = {
            "drain": self._drain,
            "pin": self._pin,
            "restore": self._restore,
            "limit": self._limit,
        }

    async def _drain(self, request: Document) -> Any:
        """No new flows; with "now" the living ones move as well."""
        name, now = string_field(request, "uplink"), flag_field(request, "now")
        config = self._loop.config_file.config
        if name in config.uplinks and not flag_field(request, "yes"):
            confirmation.require_other_uplinks(config, name, *self._current())
        event = self._loop.overrides.drain(config, name, move_flows=now)
        code = EventCode.DRAINED_NOW if now else EventCode.DRAINED
        return await self._apply_override(request, event, message(code, uplink=name))

    async def _pin(self, request: Document) -> Any:
        policy, name = string_field(request, "policy"), string_field(request, "uplink")
        config = self._loop.config_file.config
        known = policy in config.policies and name in config.policies[policy].uplinks
        if known and not flag_field(request, "yes"):
            confirmation.require_fit_pin(config, policy, name, *self._current())
        event = self._loop.overrides.pin(config, policy, name)
        said = message(EventCode.PINNED, policy=policy, uplink=name)
        return await self._apply_override(request, event, said)

    def _current(self) -> tuple[GatewayHealth, Facts]:
        """The health now, and the facts of the last reconcile."""
        applied = self._loop.reconciler.applied
        if applied is None:
            raise NotAppliedError("The kernel is being changed.", remedy="Try again in a second.")
        return self._loop.tracker.health, applied.snapshot.facts

    async def _restore(self, request: Document) -> Any:
        name = string_field(request, "uplink")
        event = self._loop.overrides.restore(self._loop.config_file.config, name)
        said = message(EventCode.RESTORED, uplink=name)
        return await self._apply_override(request, event, said)

    async def _apply_override(self, request: Document, event: HealthEvent, said: Message) -> Any:
        """Set an operator override: new flows follow it when this returns. Kept over a restart."""
        self._loop.tracker.put(event)
        settled = await self.follow()
        await self.log_and_save("wish", said, by=operator_of(request))
        return answer_document(said, settled=settled)

    async def follow(self) -> bool:
        """Have the kernel follow; whether all of it did in time."""
        steered = asyncio.create_task(self._loop.evaluate())
        self._steering.add(steered)
        steered.add_done_callback(self._steering.discard)
        try:
            async with asyncio.timeout(OPERATOR_ANSWER_S):
                await asyncio.shield(steered)  # flows that are being moved are not left half way
                await self._loop.wait_reconciled()
        except TimeoutError:
            return False
        return True

    async def log_and_save(
        self, kind: str, said: Message, *, subject: str = "", by: Operator = ITSELF
    ) -> None:
        """Tell the timeline what an operator asked for, and keep it over a restart."""
        self._loop.journal.log(kind, said, subject=subject, by=by.as_json())
        await self.save()

    async def save(self) -> None:
        """Keep what operators asked for over a restart; a disk that does not take it is told."""
        loop = self._loop
        try:
            await in_disk_thread(loop.overrides.save, loop.applier.store.directory)
        except LbrouterError as error:
            loop.journal.log("trouble", message(EventCode.NOT_REMEMBERED, error=str(error)))

    async def _limit(self, request: Document) -> Any:
        """Set a temporary limit of a VLAN: `rate` in bits per second, 0 removes it."""
        loop, vlan = self._loop, string_field(request, "vlan")
        directions = request.get("directions", list(LIMIT_DIRECTIONS))
        if (
            not isinstance(directions, list)
            or not directions
            or not all(each in LIMIT_DIRECTIONS for each in directions)
        ):
            raise UsageError('"directions" is a list of "upload" and "download".')
        directions = tuple(each for each in LIMIT_DIRECTIONS if each in directions)
        rate = int_field(request, "rate", default=0)
        for_ms = int_field(request, "for_ms", default=0)
        config = loop.config_file.config
        if rate and vlan in config.vlans and not flag_field(request, "yes"):
            rate_asked = validated_limit_rate(rate)
            confirmation.require_whole_guarantee(config.vlans[vlan], directions, rate_asked)
        if rate:
            within = Duration(for_ms) if for_ms else None
            ceiling = TemporaryLimit.start(validated_limit_rate(rate), within)
            loop.overrides.set_limit(config, vlan, directions, ceiling)
            said = limit_message(config.vlans[vlan], directions, Rate(rate), within)
        else:
            had = loop.overrides.remove_limit(config, vlan, directions)
            code = EventCode.LIMIT_REMOVED if had else EventCode.LIMIT_ABSENT
            said = message(code, vlan=vlan)
        loop.request_resync()
        settled = await self.follow()
        await self.log_and_save("limit", said, subject=vlan, by=operator_of(request))
        return {
            **answer_document(said, settled=settled),
            "limit": loop.overrides.limits.status(vlan),
        }

    async def run(self) -> None:
        """End limits whose time is over, for ever."""
        while True:
            await asyncio.sleep(EXPIRY_CHECK_INTERVAL_S)
            # End the limits whose time is over, and wake the loop, which changes the
            # kernel.
            loop = self._loop
            limits = loop.overrides.limits
            over = limits.remove_expired()
            for vlan in over:
                said = message(EventCode.LIMIT_EXPIRED, vlan=vlan)
                await self.log_and_save("limit", said, subject=vlan)
            if limits.remove_released() or over:
                loop.request_resync()


def answer_document(said: Message, *, settled: bool) -> Document:
    """The sentence for people, and the message that it is made of."""
    whole = said if settled else joined([said, STILL_RUNNING])
    return {"said": str(whole), "message": whole.as_json()}
