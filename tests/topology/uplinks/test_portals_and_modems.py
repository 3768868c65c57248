"""A modem's page while its line is down, and one client that logs in by one line alone."""

import json

from lbrouter.model.errors import ExitCode
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.commands import require_success
from tests.kit.configs import FAILOVER_CONFIG
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.venues import VenueBuilder
from tests.kit.wait import eventually

TEXT = FAILOVER_CONFIG.replace("[vlans.stream]", "[vlans.stream]\nmanage = true", 1)


def address_of(venue: Venue, name: str) -> str:
    """The first address of a client."""
    rows = json.loads(
        venue.client(name).check_output(["ip", "-4", "-json", "address", "show", "eth0"])
    )
    return str(rows[0]["addr_info"][0]["local"])


def uplink_of(venue: Venue, client: str) -> str | None:
    """The uplink of a new flow of the client's first address."""
    [row] = venue.client(client).open_flows(count=1, every=False)
    return None if row["error"] else venue.uplink_of(row["seen"])


def router_of(venue: Venue, uplink: str) -> str:
    return str(
        next(leg.gateway for leg in venue.isp(uplink).line.families if leg.gateway.version == 4)
    )


def reaches(venue: Venue, client: str, address: str) -> bool:
    done = venue.client(client).run(["ping", "-c", "1", "-W", "1", address])
    return done.returncode == 0


def test_a_modems_page_is_reached_while_its_line_is_down_by_those_who_may(
    build_venue: VenueBuilder,
) -> None:
    """No rule of the file leads there; the policies of both VLANs prefer the other line."""
    venue = build_venue(TEXT)
    venue.write_config(venue.layout.config)
    with GatewayDaemon(venue.gateway) as daemon:
        assert eventually(lambda: daemon.state("lte") == "up", within_s=30)
        venue.isp("lte").run_script(
            "nft 'add table inet deaf; add chain inet deaf forward"
            " { type filter hook forward priority -20; }; add rule inet deaf forward drop'"
        )
        assert eventually(lambda: daemon.state("lte") == "down", within_s=30)
        page = router_of(venue, "lte")
        assert eventually(lambda: reaches(venue, "stream", page))
        assert not reaches(venue, "guests", page)
        assert uplink_of(venue, "stream") == "fiber"


def test_one_client_takes_one_line_alone_and_the_others_do_not(build_venue: VenueBuilder) -> None:
    venue = build_venue(TEXT)
    venue.write_config(venue.layout.config)
    gateway = venue.gateway
    with GatewayDaemon(gateway) as daemon:
        assert eventually(lambda: daemon.state("lte") == "up", within_s=30)
        assert uplink_of(venue, "stream") == "fiber"
        client = address_of(venue, "stream")
        said = gateway.run_lbrouter("login", "lte", "--client", client, "--for", "20s")
        assert f"{client} uses lte alone for 20 s" in require_success(said)
        assert uplink_of(venue, "stream") == "lte"
        assert gateway.run_lbrouter("plan").returncode == ExitCode.DONE
        assert daemon.status()["kernel"]["verified"]
        # The line is down for all others; the client goes on by it, and then joins the rest.
        drained = require_success(gateway.run_lbrouter("uplink", "drain", "lte", "--yes"))
        assert drained
        assert uplink_of(venue, "stream") == "lte"
        assert eventually(lambda: uplink_of(venue, "stream") == "fiber", within_s=40)


def test_a_login_that_cannot_be_is_refused_with_the_reason(build_venue: VenueBuilder) -> None:
    venue = build_venue(TEXT)
    venue.write_config(venue.layout.config)
    gateway = venue.gateway
    guest = address_of(venue, "guests")
    absent = gateway.run_lbrouter("login", "lte", "--client", guest)
    assert "needs the daemon" in absent.stderr
    with GatewayDaemon(gateway) as daemon:
        assert eventually(lambda: daemon.state("lte") == "up", within_s=30)
        for words, code, reason in (
            (("nosuch", "--client", guest), ExitCode.USAGE, 'There is no line "nosuch"'),
            (("lte", "--client", guest), ExitCode.USAGE, "which has no manage = true"),
            (("lte", "--client", "192.0.2.7"), ExitCode.USAGE, "is in no VLAN of the file"),
            (("lte", "--client", "x"), ExitCode.USAGE, "is not an IP address"),
            (("lte",), ExitCode.USAGE, "needs to know which client is meant"),
        ):
            done = gateway.run_lbrouter("login", *words)
            assert (done.returncode, reason in done.stderr) == (code, True), done.stderr
