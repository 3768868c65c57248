"""The DHCP client that the tests of this folder drive."""

import pytest

from tests.kit.dhcp_client import ClientHarness


@pytest.fixture
def harness() -> ClientHarness:
    return ClientHarness()
