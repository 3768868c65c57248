"""Blocks of clients: kept over a restart, and ended by themselves."""

from pathlib import Path

import pytest

from lbrouter.daemon.clients.asked_client import parse_client
from lbrouter.daemon.overrides.blocked_clients import BlockTable, TemporaryBlock
from lbrouter.daemon.overrides.store import OperatorOverrides, stored_blocks
from lbrouter.model.errors import UsageError
from lbrouter.model.units import Duration
from tests.kit.builders import TWO_LINES, config_of

ONE, TWO, THREE = (f"02:00:00:00:00:0{n}" for n in (1, 2, 3))


def test_blocks_are_read_back_and_end_by_themselves(tmp_path: Path) -> None:
    overrides = OperatorOverrides()
    overrides.blocks.put(ONE, TemporaryBlock.start(None))
    overrides.blocks.put(TWO, TemporaryBlock.start(Duration(60_000)))
    overrides.blocks.put(THREE, TemporaryBlock.start(Duration(0)))
    overrides.save(tmp_path)
    found = stored_blocks(tmp_path, pytest.fail)
    assert found.in_force() == {ONE, TWO}
    assert OperatorOverrides.load(tmp_path, pytest.fail) == overrides
    assert found.remove_expired() == (THREE,)
    assert (found.remove(ONE), found.remove(ONE)) == (True, False)
    left = found.of(TWO)
    assert left is not None and left.left_s is not None and 50 < left.left_s <= 60
    assert found.of(ONE) is None
    assert found.of(None) is None


def test_a_block_of_another_boot_is_over() -> None:
    table = BlockTable({ONE: TemporaryBlock(boot="another", deadline=1e9)})
    assert table.in_force() == frozenset()
    assert BlockTable({ONE: TemporaryBlock(boot="another")}).in_force() == {ONE}


@pytest.mark.parametrize("text", ["02:00:00:00:00:0A", "02-00-00-00-00-0a"])
def test_a_hardware_address_is_written_in_two_ways(text: str) -> None:
    found = parse_client(config_of(TWO_LINES), (), text)
    assert (found.mac, found.address) == ("02:00:00:00:00:0a", None)


def test_a_name_that_no_client_has_is_refused() -> None:
    with pytest.raises(UsageError, match="not an address"):
        parse_client(config_of(TWO_LINES), (), "anna")
