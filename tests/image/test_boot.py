"""From an empty disk to a working gateway: the part of the image ring that every run covers."""

import re

import pytest

from tests.image.console import CONFIG_PATH, CONFIG_WRITTEN_MESSAGE, run_checked, status
from tests.image.emulated_pc import EmulatedPc
from tests.image.pc_venue import PcVenue

pytestmark = pytest.mark.timeout(1500)


def test_the_first_login_asks_for_a_password_and_proposes_a_file(
    gateway: EmulatedPc, first_login_text: str
) -> None:
    assert "New password" in first_login_text
    assert CONFIG_WRITTEN_MESSAGE in first_login_text
    found = run_checked(gateway, f"grep -E '^(interface|trunk)' {CONFIG_PATH}")
    assert len(set(re.findall(r'"(\w+)"', found))) == 3, found


def test_the_disk_has_grown_and_nothing_has_failed(gateway: EmulatedPc) -> None:
    code, text = gateway.run("systemctl is-system-running --wait")
    assert (code, text.strip()) == (0, "running"), gateway.run("systemctl --failed --no-legend")
    assert int(run_checked(gateway, "df --output=size --block-size=1M / | tail -n 1")) > 3500


def test_started_it_is_a_working_gateway(running_gateway: EmulatedPc, pc_venue: PcVenue) -> None:
    pc_venue.assert_client_online()
    assert status(running_gateway)["daemon"] is True
    assert run_checked(running_gateway, "pgrep --count dnsmasq").strip() == "1"
    assert run_checked(running_gateway, "systemctl is-active lbrouter-dnsmasq").strip() == "active"
    assert run_checked(running_gateway, "systemctl is-system-running").strip() == "running"
