"""The closed table of the boot: what it knows, and that the first apply needs no new structure."""

from lbrouter.compile.firewall.boot_guard import guard_table, is_guard_table
from lbrouter.compile.state.allocate import allocate
from lbrouter.compile.state.diff import diff
from lbrouter.model.facts import Allocation
from lbrouter.model.kernel_state import KernelState, NftTable
from lbrouter.model.plan import Phase
from tests.kit.builders import TWO_LINES, config_of, desired_of

CONFIG = config_of(TWO_LINES)
CLOSED_TABLE = guard_table(CONFIG, allocate(CONFIG, Allocation()), extra_interfaces=["old0"])


def test_it_knows_every_interface_and_forwards_nothing() -> None:
    named = {key for key, _ in CLOSED_TABLE.elements["known_interfaces"]}
    assert named == {"wan1", "wan2", "lan1", "lan2", "lan3", "old0"}
    assert CLOSED_TABLE.elements.keys() == {"known_interfaces", "input_dispatch"}
    assert dict(CLOSED_TABLE.elements["input_dispatch"])["wan1"] == "goto input_uplink"
    assert dict(CLOSED_TABLE.elements["input_dispatch"])["lan3"] == "goto input_manage"


def test_the_first_apply_changes_elements_alone_and_closes_what_is_no_longer_named() -> None:
    desired = desired_of(CONFIG)
    assert desired.nft is not None
    assert CLOSED_TABLE.structure == desired.nft.structure
    whole = {name: CLOSED_TABLE.elements.get(name, frozenset()) for name in desired.nft.elements}
    observed = NftTable(structure=CLOSED_TABLE.structure, elements=whole)
    steps = diff(KernelState(nft=observed), desired).operations
    tables = [step for step in steps if isinstance(step.new, NftTable)]
    assert [step.phase for step in tables] == [Phase.RULESET, Phase.UNGUARD]
    assert all(step.new.structure == CLOSED_TABLE.structure for step in tables)  # type: ignore[union-attr]


def test_a_boot_guard_is_distinguished_from_an_applied_table() -> None:
    assert is_guard_table(CLOSED_TABLE)
    carrying = desired_of(CONFIG).nft
    assert carrying is not None
    assert not is_guard_table(carrying)
    assert not is_guard_table(NftTable(structure="a", elements={}))
