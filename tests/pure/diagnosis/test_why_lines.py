"""Why a client has no internet where the lines of its policy are the reason."""

from dataclasses import replace

from lbrouter.compile.diagnosis.client_facts import (
    ClientTraffic,
)
from lbrouter.model.health import FamilyHealth, UplinkHealth, UplinkState
from lbrouter.model.kernel_state import AddressFamily
from lbrouter.model.messages.codes import ReasonCode
from lbrouter.model.messages.message import message
from tests.kit.builders import config_of
from tests.pure.diagnosis.why_cases import (
    BY_ADDRESS,
    BY_MAC,
    HEARD,
    TEXT,
    answer,
    cause,
    check,
    line,
    view,
)

SILENT = message(ReasonCode.NO_ANSWER, failure="no answer", targets=2, span_s=9.0)
DOWN = line(UplinkState.DOWN, SILENT, alive=False, badness=2000.0)
UNPLUGGED = line(
    UplinkState.DOWN, message(ReasonCode.NO_CARRIER, interface="wan1"), carrier=False, alive=False
)


def test_a_policy_without_a_line_that_answers() -> None:
    found = answer(BY_ADDRESS, view(fiber=UNPLUGGED, lte=UNPLUGGED))
    assert found["cause"] == "policy without line"
    assert "has no line: fiber: no carrier" in check(found, "policy")["found"]
    half_dead = line(UplinkState.DOWN, SILENT, alive=True, badness=2000.0)
    found = answer(BY_ADDRESS, view(fiber=half_dead, lte=half_dead))
    assert found["cause"] == "policy without line"
    assert "where nothing answers" in check(found, "policy")["found"]
    # The other line carries IPv4 alone.
    assert cause(BY_ADDRESS, view(fiber=DOWN)) == "IPv6 only broken"


def by_family(four: FamilyHealth, six: FamilyHealth) -> UplinkHealth:
    families = {AddressFamily.V4: four, AddressFamily.V6: six}
    return line(UplinkState.UP, four.why, families=families)


def test_ipv6_alone_broken() -> None:
    fine = FamilyHealth(state=UplinkState.UP, why=message(ReasonCode.ANSWERING, fine=2, targets=2))
    dead = FamilyHealth(state=UplinkState.DOWN, why=SILENT, alive=False, badness=2000.0)
    assert cause(BY_ADDRESS, view(fiber=by_family(fine, dead))) == "IPv6 only broken"
    silent = replace(BY_ADDRESS, traffic=ClientTraffic(connections=3, ipv6_flows=3))
    assert cause(silent) == "IPv6 only broken"
    answered = replace(silent, traffic=ClientTraffic(ipv6_flows=3, ipv6_answers=1))
    assert cause(answered) is None
    assert cause(replace(silent, traffic=None)) is None


def test_a_vlan_or_a_policy_without_ipv6_is_no_fault() -> None:
    on_desk = replace(BY_MAC, heard=(replace(HEARD, interface="lan3"),), leases=())
    assert check(answer(on_desk), "ipv6")["found"] == "VLAN desk has no IPv6"
    config = config_of(TEXT.replace('policy = "show"\naddress6', 'policy = "spread"\naddress6'))
    spread = config.policies["spread"].model_copy(update={"uplinks": ("lte",)})
    config = config.model_copy(update={"policies": {**config.policies, "spread": spread}})
    found = answer(BY_ADDRESS, replace(view(), config=config))
    assert "no line of policy spread has IPv6" in check(found, "ipv6")["found"]


def test_a_captive_portal_on_the_line_in_use() -> None:
    portal = message(ReasonCode.CAPTIVE_PORTAL, page="http://8.8.8.8/")
    bad = line(UplinkState.DEGRADED, portal, excluded_policies=frozenset({"show"}), badness=50.0)
    found = answer(BY_ADDRESS, view(fiber=bad, lte=bad))
    assert found["cause"] == "captive portal upstream"
    assert check(found, "captive portal")["found"].startswith("fiber: captive portal")
    assert cause(BY_ADDRESS, view(fiber=bad)) is None


def test_large_packets_that_do_not_pass() -> None:
    hole = message(ReasonCode.MTU_BLACK_HOLE, size=1500)
    bad = line(UplinkState.DEGRADED, hole, excluded_policies=frozenset({"show"}), badness=50.0)
    assert cause(BY_ADDRESS, view(fiber=bad, lte=bad)) == "MTU"
    never = message(ReasonCode.ANSWERING, fine=2, targets=2, size=1500)
    found = answer(BY_ADDRESS, view(fiber=line(UplinkState.UP, never)))
    assert found["cause"] == "MTU"
    assert "1500" in check(found, "mtu")["found"]
