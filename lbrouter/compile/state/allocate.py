"""Numbers of uplinks and VLANs, which stay with the line and the place: no mark, no class changes.

An uplink keeps its number whatever its name and its place in the file: it is known by its
interface and its address. A number whose uplink left the file is remembered, and given to another
only if no unused one is left: connections that still carry it must not go by another uplink.
"""

from collections.abc import Iterable, Mapping

from lbrouter.model.config import Config
from lbrouter.model.facts import Allocation
from lbrouter.model.reserved_ids import MAX_UPLINKS

MAX_VLAN_NUMBER = 4000


def allocate(config: Config, remembered: Allocation) -> Allocation:
    """Numbers for every uplink and VLAN of `config`, keeping those that are remembered.

    An uplink whose address alone has changed keeps the number of its interface; a VLAN whose place
    has changed keeps that of its name: nothing else asks for it.
    """
    uplinks = {name: uplink.identity for name, uplink in config.uplinks.items()}
    vlans = {name: vlan.identity for name, vlan in config.vlans.items()}
    known_uplinks = _known(remembered.uplink_identities, remembered.uplinks, uplinks)
    known_vlans = _known(remembered.vlan_identities, remembered.vlans, vlans)
    _follow(known_uplinks, _same_interface(uplinks.values(), known_uplinks, remembered.retired))
    _follow(known_vlans, _same_name(vlans, remembered.vlans, known_vlans))
    lines, retired = _assign(uplinks.values(), known_uplinks, remembered.retired, MAX_UPLINKS)
    places, _ = _assign(vlans.values(), known_vlans, (), MAX_VLAN_NUMBER)
    return Allocation(
        uplinks={name: lines[identity] for name, identity in uplinks.items()},
        vlans={name: places[identity] for name, identity in vlans.items()},
        uplink_identities=lines,
        vlan_identities=places,
        retired=retired,
    )


def _known(
    identities: Mapping[str, int], names: Mapping[str, int], wanted: Mapping[str, str]
) -> dict[str, int]:
    """Numbers by identity. What an earlier release saved has names alone: those are believed."""
    return dict(identities) or {wanted.get(name, name): number for name, number in names.items()}


def _follow(known: dict[str, int], moves: Iterable[tuple[str, str]]) -> None:
    """Give the number of each old identity to the new one."""
    for old, new in list(moves):
        known[new] = known.pop(old)


def _same_interface(
    wanted: Iterable[str], known: Mapping[str, int], retired: tuple[str, ...]
) -> Iterable[tuple[str, str]]:
    """(old, new) identity of each line on an interface that had another address, the latest."""
    present, lines = (
        set(wanted),
        sorted(known, key=lambda identity: (identity in retired, identity)),
    )
    for new in sorted(present - known.keys()):
        olds = [old for old in lines if old not in present and _interface(old) == _interface(new)]
        if olds:
            lines.remove(olds[0])
            yield olds[0], new


def _interface(identity: str) -> str:
    return identity.partition(" ")[0]


def _same_name(
    wanted: Mapping[str, str], names: Mapping[str, int], known: Mapping[str, int]
) -> Iterable[tuple[str, str]]:
    """(old, new) identity of each VLAN that has moved to a place where none was."""
    present, by_number = set(wanted.values()), {number: old for old, number in known.items()}
    for name, new in wanted.items():
        old = by_number.get(names.get(name, 0))
        if new not in known and old is not None and old not in present:
            yield old, new


def _assign(
    wanted: Iterable[str], numbers: Mapping[str, int], retired: tuple[str, ...], limit: int
) -> tuple[dict[str, int], tuple[str, ...]]:
    """Numbers by identity (absent ones stay reserved), and the absent, longest gone first."""
    present = list(wanted)
    kept = dict(numbers)
    gone = [identity for identity in retired if identity in kept and identity not in present]
    gone += [identity for identity in kept if identity not in present and identity not in gone]
    for identity in present:
        if identity not in kept:
            kept[identity] = _next_number(kept, gone, limit)
    return kept, tuple(gone)


def _next_number(kept: dict[str, int], gone: list[str], limit: int) -> int:
    """The lowest number never given out, else that of the one that is gone longest."""
    taken = set(kept.values())
    for number in range(1, limit + 1):
        if number not in taken:
            return number
    return kept.pop(gone.pop(0))
