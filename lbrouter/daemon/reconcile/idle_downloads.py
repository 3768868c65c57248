"""Tells the clients of a lost line that only wait: after a fast failover, beside it."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

from lbrouter.compile.firewall.moved_vlans import MovedFlows, has_unfit_uplink, newly_moved_flows
from lbrouter.daemon.events.journal import Journal
from lbrouter.daemon.machine_snapshot import AppliedState
from lbrouter.kernel.idle_clients import (
    MAX_CHALLENGED_CONNECTIONS,
    ChallengeCount,
    LostConnections,
    tell_idle_clients,
)
from lbrouter.kernel.mapped_connections import forget_mapped_flows
from lbrouter.model.config import Config
from lbrouter.model.kernel_state import IpNetwork
from lbrouter.model.messages.phrase import joined_phrases, phrase
from lbrouter.model.reserved_ids import uplink_mark


class IdleDownloads:
    """Follows the applied state; one thread at a time sends, so that its bound holds for all lines.

    The thread ends with the process: it must delay neither the failover nor the end of the daemon.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._previous: AppliedState | None = None
        self._one_at_a_time = threading.Lock()

    def follow(self, applied: AppliedState | None) -> None:
        """Tell the clients whose flows move since the last call. Returns at once.

        None where the applied state is not known: the next call will compare with the last one.
        """
        before = self._previous
        if applied is None or applied is before:
            return
        self._previous = applied
        if before is not None and has_unfit_uplink(applied.snapshot.health):
            arguments = (before, applied, asyncio.get_running_loop())
            threading.Thread(target=self._run, args=arguments, daemon=True).start()

    def _run(
        self, before: AppliedState, after: AppliedState, loop: asyncio.AbstractEventLoop
    ) -> None:
        pause = threading.Event().wait
        with self._one_at_a_time, suppress(RuntimeError):  # the loop is closed: the daemon ends
            _forget_mapped_flows(before, after)
            for text in _told_texts(list(_lost_connections(before, after)), pause):
                loop.call_soon_threadsafe(self._journal.log, "trouble", text)


def _forget_mapped_flows(before: AppliedState, after: AppliedState) -> None:
    """Flows of hosts with a public address of the lost line (1:1) begin again by another line."""
    config, snapshot = after.file.config, after.snapshot
    for moved in newly_moved_flows(config, before.snapshot.health, snapshot.health, snapshot.facts):
        publics = {
            entry.public.packed
            for entry in config.maps
            if entry.uplink == moved.uplink and entry.public.version == moved.family.version
        }
        if publics:
            with suppress(OSError):
                forget_mapped_flows(moved.family, publics)


def _told_texts(
    found: Sequence[tuple[MovedFlows, LostConnections]], pause: Callable[[float], object]
) -> list[str]:
    """Tell the clients; a sentence for each line and family that has some who were not told."""
    if not found:
        return []
    try:
        counts = tell_idle_clients([lost for _, lost in found], pause)
    except OSError as error:
        lines = ", ".join(dict.fromkeys(moved.uplink for moved, _ in found))
        return [
            phrase(
                "{lines}: clients that wait for data do not learn that it is lost: {error}",
                lines=lines,
                error=str(error),
            )
        ]
    pairs = zip((moved for moved, _ in found), counts, strict=True)
    return [text for moved, count in pairs if (text := _left_out_text(moved, count))]


def _lost_connections(
    before: AppliedState, after: AppliedState
) -> Iterator[tuple[MovedFlows, LostConnections]]:
    config, snapshot = after.file.config, after.snapshot
    for moved in newly_moved_flows(config, before.snapshot.health, snapshot.health, snapshot.facts):
        networks = dict(_networks(config, moved))
        if networks:
            mark = uplink_mark(snapshot.allocation.uplinks[moved.uplink])
            yield moved, LostConnections(mark=mark, family=moved.family, networks=networks)


def _networks(config: Config, moved: MovedFlows) -> Iterator[tuple[IpNetwork, str]]:
    """The VLANs' networks of the family, with their devices."""
    for name in sorted(moved.vlans):
        vlan = config.vlans[name]
        for address in (vlan.address, vlan.address6):
            if address is not None and address.version == moved.family.version:
                yield address.network, config.vlan_device(vlan)


def _left_out_text(moved: MovedFlows, count: ChallengeCount) -> str:
    """Which connections were not told; empty where all were."""
    left: list[str] = []
    if count.too_many:
        left.append(
            phrase(
                "all beyond the first {most}",
                most=MAX_CHALLENGED_CONNECTIONS,
            )
        )
    if count.unknown_station:
        left.append(
            phrase(
                "{count} whose client's hardware address is not known",
                count=count.unknown_station,
            )
        )
    if not left:
        return ""
    return phrase(
        "{uplink} is lost: of its IPv{version} connections that only wait, these do"
        " not learn it: {left}. They end when their client gives up.",
        uplink=moved.uplink,
        version=moved.family.version,
        left=joined_phrases(", ", left),
    )
