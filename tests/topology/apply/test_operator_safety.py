"""An apply that would cut its own SSH session; the status after a rollback that came by itself."""

import pytest

from lbrouter.compile.config.parse import parse
from lbrouter.model.errors import ExitCode
from lbrouter.rehearsal.lab.hosts import GatewayHost
from tests.kit.commands import require_success
from tests.kit.configs import FAILOVER_CONFIG
from tests.kit.gateway_daemon import GatewayDaemon
from tests.kit.venues import VenueBuilder
from tests.kit.wait import eventually

MANAGE_CONFIG = FAILOVER_CONFIG.replace(
    'address = "10.10.40.1/24"', 'address = "10.10.40.1/24"\nmanage = true'
)
NEW_CONFIG = FAILOVER_CONFIG.replace('uplinks = ["fiber", "lte"]', 'uplinks = ["lte", "fiber"]')


def apply_over_ssh(gateway: GatewayHost, connection: str, *options: str) -> tuple[int, str]:
    argv = gateway.lbrouter_argv("apply", *options)
    done = gateway.run(["env", f"SSH_CONNECTION={connection}", *argv])
    return done.returncode, done.stderr


@pytest.mark.parametrize("with_daemon", [False, True])
def test_an_apply_that_would_cut_its_own_session_asks(
    build_applied_venue: VenueBuilder, *, with_daemon: bool
) -> None:
    venue = build_applied_venue(MANAGE_CONFIG)
    gateway = venue.gateway
    inside, outside = "10.10.40.7 5000 10.10.40.1 22", "192.0.2.9 5000 203.0.113.2 22"

    def check() -> None:
        assert apply_over_ssh(gateway, inside)[0] == ExitCode.DONE
        code, said = apply_over_ssh(gateway, outside)
        assert (code, "cut your own SSH session" in said) == (ExitCode.TRY_AGAIN, True)
        venue.write_config(parse(FAILOVER_CONFIG.encode(), source="without").config)
        before = gateway.snapshot()
        code, said = apply_over_ssh(gateway, inside)
        assert (code, "manage = true" in said) == (ExitCode.TRY_AGAIN, True), said
        assert "--confirm-within" in said
        assert gateway.snapshot() == before
        assert apply_over_ssh(gateway, inside, "--confirm-within", "30s")[0] == ExitCode.DONE
        require_success(gateway.run_lbrouter("rollback"))

    if with_daemon:
        with GatewayDaemon(gateway):
            check()
    else:
        check()


def test_the_status_is_right_at_once_after_a_rollback(build_applied_venue: VenueBuilder) -> None:
    venue = build_applied_venue(FAILOVER_CONFIG)
    gateway = venue.gateway
    with GatewayDaemon(gateway) as daemon:
        old = daemon.status()
        assert old["rejected_file"] is False
        venue.write_config(parse(NEW_CONFIG.encode(), source="new").config)
        text = gateway.config_path.read_text(encoding="utf-8")
        daemon.ask("apply", config=text, source="new", confirm_within_ms=1500)
        new = daemon.status()
        assert new["config_digest"] != old["config_digest"]
        seen = []

        def is_back() -> bool:
            seen.append(daemon.status())
            return bool(seen[-1]["pending_confirm_s"] is None)

        assert eventually(is_back, within_s=20)
        for each in seen:
            waits = each["pending_confirm_s"] is not None
            active = each["policies"]["show"]["active"]
            assert (each["config_digest"], active) == (
                (new["config_digest"], ["lte"]) if waits else (old["config_digest"], ["fiber"])
            )
        assert seen[-1]["rejected_file"] is True
        assert "is not applied" in require_success(gateway.run_lbrouter("status"))
        require_success(gateway.run_lbrouter("apply"))
        assert daemon.status()["rejected_file"] is False
