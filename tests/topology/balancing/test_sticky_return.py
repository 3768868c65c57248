"""After a failover sticky clients go back to the weights, and `status` tells the real shares."""

from collections import Counter

from lbrouter.rehearsal.lab.layout import VenueOptions
from lbrouter.rehearsal.lab.venue import Venue
from tests.kit.commands import require_success
from tests.kit.config_text import FAST_HEALTH
from tests.kit.configs import BALANCE_CONFIG
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.venues import VenueBuilder
from tests.kit.wait import eventually

SHORT_STICKY_CONFIG = FAST_HEALTH + BALANCE_CONFIG.replace('"10m"', '"8s"')
CLIENTS = VenueOptions(addresses_per_client=20)


def carried_flows(venue: Venue) -> Counter[str | None]:
    """A new flow of each of the twenty clients, by uplink: it renews what is renewed by flows."""
    rows = venue.client("guests").open_flows(count=20)
    return Counter(venue.uplink_of(row["seen"]) for row in rows if not row["error"])


def test_clients_return_within_the_sticky_time_of_their_move(build_venue: VenueBuilder) -> None:
    venue = build_venue(SHORT_STICKY_CONFIG, style=CLIENTS)
    with GatewayDaemon(venue.gateway) as daemon:
        assert eventually(lambda: daemon.state("fiber") == "up", within_s=10)
        assert carried_flows(venue) == {"fiber": 14, "lte": 6}
        venue.isp("fiber").set_carrier(up=False)
        assert eventually(lambda: carried_flows(venue) == {"lte": 20}, within_s=10)
        venue.isp("fiber").set_carrier(up=True)
        assert eventually(lambda: daemon.state("fiber") == "up", within_s=15)
        # They ask on and on, and would stay for ever if each new flow renewed them.
        assert eventually(lambda: carried_flows(venue)["fiber"] >= 8, within_s=12)


def test_shares_are_what_new_flows_do(build_venue: VenueBuilder) -> None:
    venue = build_venue(FAST_HEALTH + BALANCE_CONFIG, style=CLIENTS)
    with GatewayDaemon(venue.gateway) as daemon:

        def spread() -> dict[str, object]:
            found: dict[str, object] = daemon.status()["policies"]["spread"]
            return found

        assert eventually(lambda: daemon.state("fiber") == "up", within_s=10)
        assert spread()["shares"] == spread()["weights"] == {"fiber": 70, "lte": 30}
        venue.isp("fiber").set_carrier(up=False)
        assert eventually(lambda: carried_flows(venue) == {"lte": 20}, within_s=10)
        venue.isp("fiber").set_carrier(up=True)
        assert eventually(lambda: daemon.state("fiber") == "up", within_s=15)

        def shares_after_more_flows() -> object:
            carried_flows(venue)
            return spread()["shares"]

        # Ten minutes of their moves are not over: all of them are still on lte.
        assert eventually(lambda: shares_after_more_flows() == {"fiber": 0, "lte": 100})
        assert spread()["weights"] == {"fiber": 70, "lte": 30}


def test_clients_stay_over_an_apply(build_venue: VenueBuilder) -> None:
    venue = build_venue(FAST_HEALTH + BALANCE_CONFIG, style=CLIENTS)
    with GatewayDaemon(venue.gateway) as daemon:
        assert eventually(lambda: daemon.state("fiber") == "up", within_s=10)

        def lines() -> dict[str, str | None]:
            rows = venue.client("guests").open_flows(count=20)
            return {row["source"]: venue.uplink_of(row["seen"]) for row in rows}

        before = lines()
        text = venue.gateway.config_path.read_text(encoding="utf-8")
        more = '\n[policies.spare]\nmode = "failover"\nuplinks = ["lte"]\n'
        venue.gateway.config_path.write_text(text + more, encoding="utf-8")
        require_success(venue.gateway.run_lbrouter("apply"))
        assert "spare" in daemon.status()["policies"]
        assert lines() == before
