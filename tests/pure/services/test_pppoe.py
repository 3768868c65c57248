"""Lines by PPPoE and by router advertisement: names, routes, closed ports, options, reasons."""

from dataclasses import replace
from ipaddress import IPv4Interface, IPv6Address, IPv6Interface
from pathlib import PurePosixPath

import pytest

from lbrouter.compile.config.parse import parse
from lbrouter.compile.explain.explanation import ExplainContext, explain
from lbrouter.compile.explain.flow_words import parse_flow
from lbrouter.compile.health.carrier_only import health_without_daemon, no_nexthop_reason
from lbrouter.compile.routing.uplink_addressing import UplinkNexthop, stable_facts, uplink_nexthop
from lbrouter.compile.services.pppd import PppdPaths, options_text, pppd_process, secret_error
from lbrouter.compile.services.pppd_log import failure_reason
from lbrouter.compile.state.allocate import allocate
from lbrouter.compile.state.desired import desired_state
from lbrouter.model.config import Config
from lbrouter.model.errors import ConfigError
from lbrouter.model.facts import Allocation, Facts, InterfaceFacts
from lbrouter.model.health import UplinkState
from lbrouter.model.kernel_state import AddressFamily, KernelState, Route
from lbrouter.model.lease import AdvertisedLine
from lbrouter.model.messages.message import told
from lbrouter.model.reserved_ids import GATEWAY_TABLE, uplink_table
from lbrouter.model.sections.device_names import ppp_device_name
from tests.kit.builders import TWO_LINES, config_of, facts_of, health_of

STATIC = (
    'address = "203.0.113.2/30"\ngateway = "203.0.113.1"\n'
    'address6 = "2001:db8:1::2/64"\ngateway6 = "2001:db8:1::1"\n'
)
PPPOE = 'address = "pppoe"\nusername = "me@isp"\npassword_file = "/secret"\naddress6 = "auto"\n'
TEXT = TWO_LINES.replace(STATIC, PPPOE)
CONFIG = config_of(TEXT)
DSL = CONFIG.uplinks["fiber"]
ALLOCATION = allocate(CONFIG, Allocation())

SESSION_ADDRESS_V4, SESSION_ADDRESS_V6 = (
    IPv4Interface("100.64.1.2/32"),
    IPv6Interface("2001:db8:9::5/64"),
)
ROUTER = IPv6Address("fe80::1")
PATHS = PppdPaths(runtime_dir=PurePosixPath("/run/lbrouter"), device="ppp-fiber")


def facts_with_session(
    *addresses: IPv4Interface | IPv6Interface, routers: tuple[IPv6Address, ...] = ()
) -> Facts:
    """Facts of a machine whose session is up, with these addresses on its device."""
    facts = facts_of(CONFIG)
    ppp = replace(facts.interfaces["ppp-fiber"], addresses=addresses)
    line = AdvertisedLine(
        router=routers[0] if routers else None,
        addresses=tuple(a for a in addresses if isinstance(a, IPv6Interface)),
    )
    return replace(
        facts,
        interfaces={**facts.interfaces, "ppp-fiber": ppp},
        advertised={"fiber": line},
    )


def desired(facts: Facts, config: Config = CONFIG) -> KernelState:
    return desired_state(
        config,
        allocation=allocate(config, Allocation()),
        health=health_of(config),
        facts=facts,
        baseline=KernelState(),
    )


def routes_in(state: KernelState, table: int, family: AddressFamily) -> list[Route]:
    routes = (r for r in state.routes if r.table == table and r.family is family and r.interface)
    return sorted(routes, key=lambda route: str(route.destination))


def test_the_device_has_a_name_that_the_kernel_takes_and_that_stays() -> None:
    assert DSL.device == "ppp-fiber"
    assert CONFIG.uplinks["lte"].device == "wan2"
    long = {ppp_device_name(f"a-very-long-name-of-a-line-{n}") for n in range(200)}
    assert len(long) == 200
    assert {len(name) for name in long} == {15}
    assert ppp_device_name("elevenchars") == "ppp-elevenchars"


def test_a_device_that_something_else_is_called_is_refused() -> None:
    with pytest.raises(ConfigError, match="ppp-fiber is in use already"):
        parse(TEXT.replace('port = "lan3"', 'port = "ppp-fiber"').encode(), source="test")


def test_the_session_routes_without_a_gateway() -> None:
    state = desired(facts_with_session(SESSION_ADDRESS_V4, SESSION_ADDRESS_V6, routers=(ROUTER,)))
    number = ALLOCATION.uplinks["fiber"]
    for table in (GATEWAY_TABLE, uplink_table(number)):
        [route] = [
            r for r in routes_in(state, table, AddressFamily.V4) if r.interface == "ppp-fiber"
        ]
        assert (route.destination.prefixlen, route.gateway) == (0, None)
        assert route.source == SESSION_ADDRESS_V4.ip
        [route] = [
            r for r in routes_in(state, table, AddressFamily.V6) if r.interface == "ppp-fiber"
        ]
        assert (route.destination.prefixlen, route.gateway) == (0, ROUTER)
        assert not route.onlink
    assert "ppp-fiber" in {rule.out_interface for rule in state.rules}
    assert "wan1" not in {rule.out_interface for rule in state.rules}
    assert "wan1" not in {noun.interface for noun in (*state.qdiscs, *state.addresses)}
    assert "ppp-fiber" in {qdisc.interface for qdisc in state.qdiscs}


def test_the_port_below_is_up_and_closed() -> None:
    state = desired(facts_with_session(SESSION_ADDRESS_V4))
    assert state.nft is not None
    names = {name: {key for key, _ in found} for name, found in state.nft.elements.items()}
    assert {"wan1", "ppp-fiber"} <= names["known_interfaces"]
    for name in (
        "uplinks",
        "prerouting_dispatch",
        "input_dispatch",
        "forward_dispatch",
        "vlan_egress_dispatch",
        "mark_by_oifname",
    ):
        assert "wan1" not in names[name]
        assert "ppp-fiber" in names[name]
    up = {flag.interface for flag in state.links}
    assert "wan1" in up
    assert "ppp-fiber" not in up  # pppd sets it up when the session is up
    values = {setting.path: setting.value for setting in state.sysctls}
    assert values["net/ipv6/conf/wan1/accept_ra"] == "0"
    assert values["net/ipv6/conf/ppp-fiber/accept_ra"] == "0"
    assert values["net/ipv4/conf/ppp-fiber/rp_filter"] == "2"


def test_without_ipv6_the_port_below_is_left_alone() -> None:
    alone = TEXT.replace('address6 = "auto"\n', "").replace('address6 = "fd10:10::1/64"\n', "")
    config = config_of(alone.partition("[[forwards]]")[0])
    state = desired(facts_of(config), config)
    assert not [s for s in state.sysctls if s.path.startswith("net/ipv6")]


def test_while_there_is_no_session_there_is_no_way_out() -> None:
    facts = facts_of(CONFIG, without=("ppp-fiber",))
    assert uplink_nexthop(DSL, AddressFamily.V4, facts) is None
    assert uplink_nexthop(DSL, AddressFamily.V4, facts_with_session(SESSION_ADDRESS_V6)) is None
    known = health_without_daemon(
        CONFIG, replace(facts, no_address_reasons={"fiber": told("no PADO")})
    )
    assert known.uplinks["fiber"].state is UplinkState.WAITING
    assert known.uplinks["fiber"].reason == "no PADO"
    assert str(no_nexthop_reason(DSL, facts)) == "no address yet (pppoe) on wan1"
    assert str(no_nexthop_reason(DSL, Facts())) == "interface wan1 is not there"
    state = desired(facts)
    assert "ppp-fiber" in {
        key for key, _ in (state.nft.elements["known_interfaces"] if state.nft else ())
    }


def test_a_device_counts_when_the_session_stands() -> None:
    assert "ppp-fiber" not in stable_facts(CONFIG, facts_of(CONFIG)).interfaces
    found = stable_facts(CONFIG, facts_with_session(SESSION_ADDRESS_V4)).interfaces
    assert {"ppp-fiber", "wan1", "wan2", "lan1"} <= found.keys()


def test_an_advertised_way_needs_an_address_and_a_router() -> None:
    assert (
        uplink_nexthop(
            DSL, AddressFamily.V6, facts_with_session(SESSION_ADDRESS_V4, SESSION_ADDRESS_V6)
        )
        is None
    )
    assert (
        uplink_nexthop(
            DSL, AddressFamily.V6, facts_with_session(SESSION_ADDRESS_V4, routers=(ROUTER,))
        )
        is None
    )
    facts = facts_with_session(SESSION_ADDRESS_V4, SESSION_ADDRESS_V6, routers=(ROUTER,))
    expected = UplinkNexthop(address=SESSION_ADDRESS_V6, gateway=ROUTER, subnet_is_connected=False)
    assert uplink_nexthop(DSL, AddressFamily.V6, facts) == expected


def test_a_line_with_ipv6_alone_says_what_it_waits_for() -> None:
    config = config_of(TEXT.replace(PPPOE, 'address6 = "auto"\n').partition("[[rules]]")[0])
    found = facts_of(config)
    assert (
        str(no_nexthop_reason(config.uplinks["fiber"], found))
        == "no router advertises an address on wan1"
    )


def test_explain_names_the_device_and_no_gateway() -> None:
    known = ExplainContext(
        allocation=ALLOCATION,
        health=health_of(CONFIG),
        facts=facts_with_session(SESSION_ADDRESS_V4),
    )
    flow = parse_flow(
        CONFIG, known.facts, source="stream", destination="192.0.2.9", protocol="tcp", port=443
    )
    [way] = explain(CONFIG, flow, known)["ways"]
    assert (way["interface"], way["gateway"]) == ("ppp-fiber", None)
    assert way["source_address"] == "100.64.1.2"


def test_pppd_gets_all_its_options_in_a_file() -> None:
    found = pppd_process(DSL, PATHS, 's"e\\c #')
    assert found.argv == ("pppd", "file", "/run/lbrouter/ppp-fiber.options")
    assert found.pid_file == "/run/lbrouter/ppp-fiber.pid"
    options = found.config_text.splitlines()
    for option in (
        "nic-wan1",
        "ifname ppp-fiber",
        'user "me@isp"',
        'password "s\\"e\\\\c #"',
        "+ipv6",
        "nodefaultroute",
        "logfile /run/lbrouter/ppp-fiber.log",
    ):
        assert option in options
    assert "e\\c" not in repr(found)
    without = TEXT.replace('address6 = "auto"\n', "").partition("[[rules]]")[0]
    four = config_of(without)
    assert "noipv6" in options_text(four.uplinks["fiber"], PATHS, "x").splitlines()


@pytest.mark.parametrize(
    "secret, words",
    [
        ("good", ""),
        ("", "is empty"),
        ("ä" * 128, "longer than 255 bytes"),
        ("two\nlines", "more than one line"),
        ("\x7f", "control character"),
    ],
)
def test_a_password_that_pppd_cannot_take_is_named(secret: str, words: str) -> None:
    assert (words in secret_error(secret)) if words else secret_error(secret) == ""


TIMEOUT_LOG = "Timeout waiting for PADO packets\nUnable to complete PPPoE Discovery\n"
DISCOVERED_LOG = (
    "PPP session is 1\nConnected to 02:00:00:00:00:01 via interface wan1\nConnect: a <--> b\n"
)
REFUSED_LOG = "CHAP authentication failed: Access denied\nConnection terminated.\nModem hangup\n"
SESSION_UP_LOG = (
    "CHAP authentication succeeded\nlocal  IP address 192.0.2.2\nremote IP address 192.0.2.1\n"
)
HANGUP_LOG = "Modem hangup\nConnection terminated.\n"
NO_ECHO_LOG = (
    "No response to 3 echo-requests\nSerial link appears to be disconnected.\nModem hangup\n"
)


@pytest.mark.parametrize(
    "log, said",
    [
        ("", ""),
        ("Plugin pppoe.so loaded.\n", ""),
        (TIMEOUT_LOG, "no PPPoE server answers on wan1 (no PADO)"),
        (TIMEOUT_LOG + DISCOVERED_LOG, "no PPPoE server answers on wan1 (no PADO)"),
        (TIMEOUT_LOG + DISCOVERED_LOG + REFUSED_LOG, "authentication refused (CHAP)"),
        (DISCOVERED_LOG + REFUSED_LOG + DISCOVERED_LOG, "authentication refused (CHAP)"),
        (DISCOVERED_LOG + REFUSED_LOG + DISCOVERED_LOG + SESSION_UP_LOG, ""),
        (DISCOVERED_LOG + SESSION_UP_LOG + HANGUP_LOG, "the provider ended the session"),
        (
            DISCOVERED_LOG + SESSION_UP_LOG + NO_ECHO_LOG,
            "the provider's end fell silent: the session was ended",
        ),
        (
            DISCOVERED_LOG + SESSION_UP_LOG + HANGUP_LOG + TIMEOUT_LOG,
            "no PPPoE server answers on wan1 (no PADO)",
        ),
        (DISCOVERED_LOG + REFUSED_LOG.replace("CHAP", "PAP"), "authentication refused (PAP)"),
        ("PADS: Generic-Error: full\n", "the PPPoE server on wan1 refuses a session"),
    ],
)
def test_the_log_becomes_one_sentence(log: str, said: str) -> None:
    assert str(failure_reason(log, "wan1") or "") == said


def test_what_the_provider_says_of_itself_is_not_repeated() -> None:
    log = DISCOVERED_LOG + "CHAP authentication failed: <script>\x1b[2J PADS: Generic-Error: x\n"
    assert str(failure_reason(log, "wan1")) == "authentication refused (CHAP)"


def test_an_interface_of_the_machine_may_be_missing() -> None:
    facts = facts_of(CONFIG, without=("wan1", "ppp-fiber"))
    assert isinstance(facts.interfaces["wan2"], InterfaceFacts)
    assert "net/ipv6/conf/wan1/accept_ra" not in {s.path for s in desired(facts).sysctls}
