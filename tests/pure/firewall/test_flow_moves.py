"""Which established flows move: by their own policy and family, and only to something better."""

import pytest

from lbrouter.model.health import FamilyHealth, GatewayHealth, UplinkState
from lbrouter.model.messages.message import parse_reason, told
from tests.pure.firewall.three_lines import (
    ALLOCATION,
    CONFIG,
    DEGRADED,
    DOWN,
    UP,
    V4,
    V6,
    dead_line,
    found,
    health,
    key,
    line,
    moved,
)


@pytest.mark.parametrize(
    "known, show, spread, alone",
    [
        (health(), set(), set(), set()),
        (health(fiber=dead_line()), {"fiber"}, {"fiber"}, set()),
        (health(fiber=line(DOWN)), {"fiber"}, {"fiber"}, set()),
        (health(fiber=dead_line(), lte=dead_line()), {"fiber", "lte"}, {"fiber", "lte"}, set()),
        (health(fiber=dead_line(), lte=dead_line(), dsl=dead_line()), set(), set(), set()),
        (health(fiber=line(UplinkState.DRAINED)), set(), set(), set()),
        (
            health(fiber=line(UplinkState.DRAINED, alive=False)),
            *({"fiber"}, {"fiber"}, set()),
        ),
        (health(fiber=line(drained=True, move_flows=True)), {"fiber"}, {"fiber"}, set()),
        (
            health(
                fiber=line(
                    DEGRADED,
                    excluded_policies=frozenset({"show", "spread"}),
                )
            ),
            *({"fiber"}, set(), set()),
        ),
        (  # suspected alone: too early to cut what lives
            health(
                fiber=line(
                    DEGRADED,
                    why=parse_reason("", "suspect"),
                    excluded_policies=frozenset({"show"}),
                )
            ),
            *(set(), set(), set()),
        ),
    ],
)
def test_a_flow_moves_when_its_own_policy_has_a_better_line(
    known: GatewayHealth, show: set[str], spread: set[str], alone: set[str]
) -> None:
    seen = found(known)
    assert moved(seen, "show") == show
    assert moved(seen, "spread") == spread
    assert moved(seen, "alone") == alone


def test_nothing_moves_from_a_living_line_to_a_bad_one() -> None:
    out = frozenset({"show", "spread"})
    bad = line(DEGRADED, excluded_policies=out, badness=20.0)
    known = health(fiber=line(drained=True, move_flows=True), lte=bad, dsl=dead_line())
    assert moved(found(known), "show") == {"dsl"}


def test_one_family_moves_without_the_other() -> None:
    families = {
        V4: FamilyHealth(state=UP, why=told("")),
        V6: FamilyHealth(state=DOWN, why=told(""), alive=False),
    }
    seen = found(health(fiber=line(families=families)))
    assert moved(seen, "show", V4) == set()
    # lte has no IPv6 at all: whatever carries its mark would be lost too.
    assert moved(seen, "show", V6) == {"fiber", "lte"}
    assert dict(seen["active_show"])["ipv6"] == f"goto assign_mark_{ALLOCATION.uplinks['dsl']}"


def test_own_flows_leave_a_dead_line_and_a_living_one_only_by_command() -> None:
    def left(known: GatewayHealth) -> set[str]:
        verdicts = dict(found(known)["own_mark_verdict"])
        return {n for n in CONFIG.uplinks if verdicts[key(V4, n)].startswith("jump forget_mark_")}

    assert left(health()) == set()
    assert left(health(fiber=dead_line())) == {"fiber"}
    assert left(health(fiber=line(drained=True))) == set()
    assert left(health(fiber=line(drained=True, move_flows=True))) == {"fiber"}
    assert left(health(fiber=dead_line(), lte=dead_line(), dsl=dead_line())) == set()


def test_clients_drawn_while_a_line_is_missing_are_displaced() -> None:
    usual = {value for _, value in found(health())["slots_spread_ip"]}
    assert {value.split("_")[0] for value in usual} == {"goto remember"}
    for missing in (dead_line(), line(UplinkState.DRAINED)):
        fewer = {value for _, value in found(health(dsl=missing))["slots_spread_ip"]}
        assert {value.split("_")[0] for value in fewer} == {"goto displace"}
    # A metered line that is gone is not missed: it carries nothing while others are fit.
    metered = {value for _, value in found(health(lte=dead_line()))["slots_spread_ip"]}
    assert metered == usual
