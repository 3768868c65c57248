"""From an empty disk to a working gateway: what every run of the tests shows of the image."""

import re

import pytest

from tests.image.console import FILE, TAKEN, must, status
from tests.image.emulated_pc import Computer
from tests.image.pc_venue import World

pytestmark = pytest.mark.timeout(1500)


def test_the_first_login_asks_for_a_password_and_proposes_a_file(
    gateway: Computer, first_words: str
) -> None:
    assert "New password" in first_words
    assert TAKEN in first_words
    found = must(gateway, f"grep -E '^(interface|trunk)' {FILE}")
    assert len(set(re.findall(r'"(\w+)"', found))) == 3, found


def test_the_disk_has_grown_and_nothing_has_failed(gateway: Computer) -> None:
    code, text = gateway.run("systemctl is-system-running --wait")
    assert (code, text.strip()) == (0, "running"), gateway.run("systemctl --failed --no-legend")
    assert int(must(gateway, "df --output=size --block-size=1M / | tail -n 1")) > 3500


def test_started_it_is_a_working_gateway(working: Computer, world: World) -> None:
    world.answered()
    assert status(working)["daemon"] is True
    assert must(working, "pgrep --count dnsmasq").strip() == "1"
    assert must(working, "systemctl is-system-running").strip() == "running"
