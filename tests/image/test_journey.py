"""From an empty disk to the first stream, and through a reboot and a power cut: one journey."""

import json
import re
import shlex
from collections.abc import Iterator

import pytest

from tests.image.computer import Computer
from tests.image.world import World

pytestmark = [pytest.mark.image, pytest.mark.timeout(900)]

BOOT_S = 400
"""A bound, many times what an emulated PC needs on an idle machine."""

PASSWORD = "gala-2026-hall"
KNOCK = b"knock-knock-from-outside"
KNOCKING = f"""
import select, socket, sys
to = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(9000):
    try:
        to.sendto({KNOCK!r}, (sys.argv[1], 5000))
    except OSError:
        pass
    select.select([sys.stdin], [], [], 0.1)[0] and sys.exit()
"""
"""Ten datagrams a second from the provider to a client behind the gateway, 15 minutes at most."""


@pytest.fixture(scope="module")
def pc(world: World, computer: Computer) -> Iterator[Computer]:
    with computer:
        yield computer


def log_in(pc: Computer) -> None:
    """As root, at the serial port; the second time with the password of the first."""
    pc.wait_for(r"login: $", within_s=BOOT_S)
    seen = ""
    while "password" not in seen.lower():  # agetty takes the first line for its terminal's answer
        pc.type("root")
        seen = pc.wait_for(r"(?i)(password|login): ?$", within_s=120)
    pc.type(PASSWORD)
    if "new password" in seen.lower():
        pc.wait_for(r"(?i)retype.*: ?$", within_s=60)
        pc.type(PASSWORD)


def status(pc: Computer) -> dict[str, object]:
    code, text = pc.run("lbrouter status --json")
    assert code == 0, text
    found: dict[str, object] = json.loads(text)
    return found


def states(pc: Computer) -> dict[str, str]:
    uplinks = status(pc)["uplinks"]
    assert isinstance(uplinks, dict)
    return {name: uplink["state"] for name, uplink in uplinks.items()}


def until_up(pc: Computer, count: int) -> None:
    """Until this many uplinks are up. Asked in the PC: a look takes a second of its time."""
    seen = 'lbrouter status --json | grep -c \'"state": "up"\''
    loop = f'until [ "$({seen})" = {count} ]; do :; done'
    code, text = pc.run(f"timeout 120 sh -c {shlex.quote(loop)}", within_s=150)
    assert code == 0, (text, states(pc))


def test_the_first_login_asks_for_a_password_and_proposes_a_file(pc: Computer) -> None:
    log_in(pc)
    for question in ("Name of the gateway", "trunk", "Ports with internet lines"):
        pc.wait_for(rf"{question}.*: $", within_s=120)
        pc.type("")
    for _ in range(4):
        pc.wait_for(r"rate \(.*: $", within_s=60)
        pc.type("")
    assert "written: /etc/lbrouter/lbrouter.toml" in pc.wait_for(
        r"systemctl start.*\n", within_s=60
    )
    pc.wait_for(r"[#$] $", within_s=30)
    code, text = pc.run("grep -E 'interface|trunk' /etc/lbrouter/lbrouter.toml")
    names = re.findall(r'"(\w+)"', text)
    assert code == 0
    assert len(set(names)) == 3, text


def test_the_disk_has_grown_and_nothing_has_failed(pc: Computer) -> None:
    code, text = pc.run("systemctl is-system-running --wait", within_s=200)
    assert (code, text.strip()) == (0, "running"), pc.run("systemctl --failed --no-legend")
    code, text = pc.run("df --output=size --block-size=1M / | tail -n 1")
    assert int(text) > 3500


def test_started_it_is_a_working_gateway(pc: Computer, world: World) -> None:
    code, text = pc.run("systemctl start lbrouter", within_s=120)
    assert code == 0, text
    until_up(pc, 2)
    client = world.venue.client("stream")
    answered = client.run(["ping", "-c", "5", "-i", "0.2", "-W", "5", "1.1.1.1"])
    assert " 0% packet loss" in answered.stdout
    assert pc.run("systemctl is-system-running")[1].strip() == "running"


def test_a_reboot_brings_it_back_by_itself_and_lets_nothing_in(pc: Computer, world: World) -> None:
    client, isp, gateway = (
        world.venue.client("stream"),
        world.venue.isp("line1"),
        world.venue.gateway,
    )
    with (
        world.venue.capture(client, "eth0") as inside,
        world.venue.capture(gateway, world.venue.site.config.uplinks["line1"].interface) as outside,
    ):
        to, via = str(client.seat.of(4)[0]), str(isp.line.legs[0].address.ip)
        isp.check(["ip", "route", "replace", to, "via", via, "dev", "line"])
        flood = isp.start(["/usr/bin/python3", "-c", KNOCKING, to])
        pc.type("reboot")
        log_in(pc)
        until_up(pc, 2)
        answered = client.run(["ping", "-c", "5", "-i", "0.2", "-W", "5", "1.1.1.1"])
        flood.close()
    assert " 0% packet loss" in answered.stdout
    assert sum(KNOCK in frame for frame in outside.stop()) > 100
    assert [frame for frame in inside.stop() if KNOCK in frame] == []
    code, text = pc.run("systemd-analyze")
    assert code == 0
    print(text)
