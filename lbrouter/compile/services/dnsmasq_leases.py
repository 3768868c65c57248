"""dnsmasq's lease file: who has which address, and how full the pools are. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final, TypedDict

from lbrouter.compile.services.dnsmasq import size
from lbrouter.model.config import Config

FULL_PERCENT: Final = 80
"""From here on a pool is worth a word: the next busload of guests may find it empty."""

EASED_PERCENT: Final = 70
"""Below this a pool that was worth a word is not any more: one guest who comes and goes is no news.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """One address on loan. `expires` in seconds since the epoch (0: never), `mac` as it stands."""

    expires: int
    mac: str
    address: IPv4Address


class Pool(TypedDict):
    """How many addresses of a VLAN's range are on loan, and how many there are."""

    used: int
    size: int


def leases(text: str) -> tuple[Lease, ...]:
    """The IPv4 leases of a file (dnsmasq writes "expiry MAC address name client-id" a line).

    Lines that do not look so (the server's own DUID, a line half written) are passed over.
    """
    found = (_lease(line.split()) for line in text.splitlines())
    return tuple(lease for lease in found if lease is not None)


def pools(config: Config, held: Iterable[Lease], *, now: int) -> dict[str, Pool]:
    """Each VLAN that leases addresses, with what is on loan at `now` (seconds since the epoch)."""
    alive = [each.address for each in held if each.expires == 0 or each.expires > now]
    return {
        vlan.name: Pool(
            used=sum(address in vlan.dhcp.range for address in alive), size=size(vlan.dhcp)
        )
        for vlan in config.vlans.values()
        if vlan.dhcp is not None
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """The pools that are short now, and a sentence for each that became so, or is no longer."""

    short: frozenset[str]
    sentences: dict[str, str]


def short(found: Mapping[str, Pool], before: frozenset[str]) -> News:
    """Which pools are short, where `before` were."""
    now = {name for name, pool in found.items() if _percent(pool) >= FULL_PERCENT}
    now |= {n for n, pool in found.items() if n in before and _percent(pool) >= EASED_PERCENT}
    sentences = {name: _sentence(name, found[name]) for name in sorted(now - before)}
    for name in sorted(before - now):
        pool = found.get(name)
        left = "" if pool is None else f" ({pool['used']} of {pool['size']} are on loan)"
        sentences[name] = f"VLAN {name} has addresses again{left}"
    return News(short=frozenset(now), sentences=sentences)


def _percent(pool: Pool) -> float:
    return pool["used"] * 100 / pool["size"]


def _sentence(name: str, pool: Pool) -> str:
    return (
        f"VLAN {name}: {pool['used']} of {pool['size']} addresses are on loan;"
        " widen its range or shorten its lease"
    )


def crowded(found: dict[str, Pool]) -> tuple[str, ...]:
    """A sentence for each pool that is nearly used up."""
    return tuple(
        _sentence(name, pool) for name, pool in found.items() if _percent(pool) >= FULL_PERCENT
    )


def _lease(words: list[str]) -> Lease | None:
    if len(words) != 5 or not (words[0].isascii() and words[0].isdigit()):
        return None
    try:
        return Lease(expires=int(words[0]), mac=words[1], address=IPv4Address(words[2]))
    except ValueError:
        return None
