"""The closed firewall: from early in the boot until the daemon has applied the file."""

from collections.abc import Iterable

from lbrouter.compile.firewall.elements import guard_elements
from lbrouter.compile.firewall.ruleset import digest, structure
from lbrouter.model.config import Config
from lbrouter.model.facts import (
    DEFAULT_CONNECTION_TABLE_SIZE,
    DEFAULT_NEIGHBOUR_TABLE_SIZE,
    Allocation,
)
from lbrouter.model.kernel_state import NftTable


def guard_table(
    config: Config,
    allocation: Allocation,
    *,
    connection_table_size: int = DEFAULT_CONNECTION_TABLE_SIZE,
    neighbour_table_size: int = DEFAULT_NEIGHBOUR_TABLE_SIZE,
    extra_interfaces: Iterable[str] = (),
) -> NftTable:
    """The table of `config` with only the guard elements; `extra_interfaces` names more of them.

    Its structure is that of the open table, so that the first apply changes only elements.
    """
    text = structure(
        config,
        allocation,
        connection_table_size=connection_table_size,
        neighbour_table_size=neighbour_table_size,
    )
    known = guard_elements(config, allocation)
    known["known_interfaces"] |= frozenset((interface, "") for interface in extra_interfaces)
    return NftTable(
        structure=digest(text),
        elements=known,
        script=text,
        why="nothing is forwarded until the gateway stands",
    )


def is_guard_table(table: NftTable) -> bool:
    """Whether a table is closed: it knows interfaces, and lets nothing in by them."""
    elements = table.elements
    return bool(elements.get("known_interfaces")) and not elements.get("prerouting_dispatch")
