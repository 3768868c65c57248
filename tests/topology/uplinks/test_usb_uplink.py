"""`lbrouter uplink add --usb`: a phone becomes the line of an emergency, in one command."""

from pathlib import Path

from lbrouter.model.errors import ExitCode
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.commands import require_success
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.venues import VenueBuilder, uplink_of_new_flow
from tests.kit.wait import eventually
from tests.topology.uplinks.dhcp_uplinks import STATIC_CONFIG, DnsmasqServer

ONE_LINE = STATIC_CONFIG[: STATIC_CONFIG.index("[uplinks.lte]")] + STATIC_CONFIG[
    STATIC_CONFIG.index("[vlans.stream]") :
].replace('uplinks = ["fiber", "lte"]', 'uplinks = ["fiber"] # the only one').replace(
    'uplinks = ["lte"]', 'uplinks = ["fiber"]'
)
PHONE = "enx0200c0ffee01"
POOL = "--dhcp-range=198.51.100.2,198.51.100.2,255.255.255.252,1h"


def plug_phone_in(venue: Venue, folder: Path) -> DnsmasqServer:
    """The second line of the venue becomes a phone: it lends addresses, and translates them."""
    isp = venue.isp("lte")
    venue.gateway.run_script(
        f"ip link set wan2 down; ip link set wan2 name {PHONE}; ip link set {PHONE} up;"
        f" ip address flush dev {PHONE}"
    )
    return DnsmasqServer(isp, folder, POOL, "--dhcp-option=option:router,198.51.100.1")


def write_text(venue: Venue, text: str) -> Path:
    venue.gateway.config_path.write_text(text, encoding="utf-8")
    venue.gateway.config_path.chmod(0o640)
    return venue.gateway.config_path


def test_a_phone_is_added_applied_on_trial_and_kept(
    build_venue: VenueBuilder, tmp_path: Path
) -> None:
    venue = build_venue(STATIC_CONFIG)
    gateway = venue.gateway
    file = write_text(venue, ONE_LINE)
    plug_phone_in(venue, tmp_path)
    with GatewayDaemon(gateway) as daemon:
        assert eventually(lambda: daemon.state("fiber") == "up", within_s=30)
        done = gateway.run_lbrouter("uplink", "add", "--usb")
        assert done.returncode == ExitCode.DONE, done.stderr
        assert "uplinks.phone was written" in done.stderr
        assert eventually(lambda: daemon.state("phone") == "up", within_s=40), daemon.uplink(
            "phone"
        )
        text = file.read_text(encoding="utf-8")
        assert 'uplinks = ["fiber", "phone"] # the only one' in text
        assert Path(f"{file}.before-phone").read_text(encoding="utf-8") == ONE_LINE
        assert file.stat().st_mode & 0o777 == 0o640
        require_success(gateway.run_lbrouter("confirm"))
        venue.isp("fiber").set_carrier(up=False)
        assert eventually(lambda: uplink_of_new_flow(venue) == "lte", within_s=20)
        again = gateway.run_lbrouter("uplink", "add", "--usb")
        assert again.returncode == ExitCode.TRY_AGAIN
        assert "no port by USB that the file does not have" in again.stderr


def test_without_a_phone_nothing_is_written(build_venue: VenueBuilder) -> None:
    venue = build_venue(STATIC_CONFIG)
    file = write_text(venue, ONE_LINE)
    done = venue.gateway.run_lbrouter("uplink", "add", "--usb")
    assert done.returncode == ExitCode.TRY_AGAIN
    assert "switch on USB tethering there. There are now: " in done.stderr
    venue.gateway.run_script(
        "for n in 1 2; do ip link add enx0200c0ffee0$n type veth peer name far$n; done"
    )
    done = venue.gateway.run_lbrouter("uplink", "add", "--usb")
    assert done.returncode == ExitCode.USAGE
    assert "Several ports by USB are free: enx0200c0ffee01, enx0200c0ffee02." in done.stderr
    for words in (("--usb", "--name", "fiber"), ("--usb", "--interface", "wan1"), ()):
        assert venue.gateway.run_lbrouter("uplink", "add", *words).returncode == ExitCode.USAGE
    assert file.read_text(encoding="utf-8") == ONE_LINE
    assert list(file.parent.glob("*.before-*")) == []
