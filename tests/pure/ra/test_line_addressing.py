"""What of a line's advertisements is used: an address, a router, refusals by name."""

from dataclasses import replace
from ipaddress import IPv6Address, IPv6Interface, IPv6Network, ip_interface

import pytest

from lbrouter.compile.explain.explanation import ExplainContext, explain
from lbrouter.compile.explain.flow import parse_flow
from lbrouter.compile.health.carrier_only import no_nexthop_reason
from lbrouter.compile.ra.advertised_routers import AdvertisedRouters, HeardPrefix, HeardRouter
from lbrouter.compile.ra.line_addressing import advertised_lines
from lbrouter.compile.report.status import StatusInputs, status_document
from lbrouter.compile.routing.routes import routes
from lbrouter.compile.state.allocate import allocate
from lbrouter.model.config import Config
from lbrouter.model.facts import Allocation, Facts, InterfaceFacts
from lbrouter.model.kernel_state import AddressFamily
from lbrouter.model.lease import AdvertisedLine
from lbrouter.model.reserved_ids import GATEWAY_TABLE, uplink_table
from tests.kit.builders import TWO_LINES, config_of, desired_of, facts_of, health_of
from tests.kit.status_documents import status_inputs

STATIC6 = 'address6 = "2001:db8:1::2/64"\ngateway6 = "2001:db8:1::1"\n'
AUTO = config_of(TWO_LINES.replace(STATIC6, 'address6 = "auto"\n'))
BOTH = config_of(
    TWO_LINES.replace(STATIC6, 'address6 = "auto"\n').replace(
        "metered = true\n", 'metered = true\naddress6 = "auto"\n'
    )
)
ROUTER = IPv6Address("fe80::1")
HOST_PART = "2ff:fe00:7"


def test_the_files_of_this_test_are_what_they_should_be() -> None:
    assert AUTO.uplinks["fiber"].auto6
    assert BOTH.uplinks["lte"].auto6


def a_prefix(
    text: str, *, preferred_until: float = 100, on_link: bool = True, autonomous: bool = True
) -> HeardPrefix:
    return HeardPrefix(
        network=IPv6Network(text),
        on_link=on_link,
        autonomous=autonomous,
        valid_until=1000,
        preferred_until=preferred_until,
    )


def a_router(*prefixes: HeardPrefix, address: IPv6Address = ROUTER, mtu: int = 0) -> HeardRouter:
    return HeardRouter(
        address=address,
        mac="02:00:00:00:00:07",
        preference=1,
        until=1000,
        managed=False,
        other=False,
        mtu=mtu,
        prefixes=prefixes,
        dns=(),
        dns_until=0,
    )


def interfaces(config: Config) -> dict[str, InterfaceFacts]:
    found = facts_of(config).interfaces
    own = (ip_interface("192.0.2.2/24"), ip_interface(f"fe80::{HOST_PART}/64"))
    return {name: replace(each, addresses=own) for name, each in found.items()}


def lines_of(
    config: Config, *routers: HeardRouter, device: str = "wan1", left_out: int = 0
) -> dict[str, AdvertisedLine]:
    heard = {device: AdvertisedRouters(routers=routers, left_out=left_out)}
    return advertised_lines(config, heard, interfaces(config), at=10)


def fiber(config: Config, *routers: HeardRouter) -> AdvertisedLine:
    return lines_of(config, *routers)["fiber"]


def test_an_address_is_formed_of_the_prefix_and_the_link_local_one() -> None:
    line = fiber(AUTO, a_router(a_prefix("2001:db8:1::/64"), mtu=1480))
    assert line.addresses == (IPv6Interface(f"2001:db8:1::{HOST_PART}/64"),)
    assert (line.router, line.mtu, line.prefix_is_on_link) == (ROUTER, 1480, True)
    assert (line.lacks, line.refused, line.is_usable) == (None, (), True)
    assert fiber(AUTO, a_router(a_prefix("2001:db8:1::/64"), mtu=9000)).mtu == 0


def test_a_deprecated_prefix_comes_second_and_is_better_than_none() -> None:
    old = a_prefix("2001:db8:a::/64", preferred_until=10)
    new = a_prefix("2001:db8:b::/64", on_link=False)
    line = fiber(AUTO, a_router(old, new))
    assert [str(each.network) for each in line.addresses] == ["2001:db8:b::/64", "2001:db8:a::/64"]
    assert not line.prefix_is_on_link
    assert fiber(AUTO, a_router(old)).is_usable


def test_the_first_router_under_whose_prefix_an_address_is_formed_is_used() -> None:
    other = IPv6Address("fe80::2")
    refused = a_router(a_prefix("fd10:10::/64"))
    good = a_router(a_prefix("2001:db8:1::/64"), address=other)
    assert fiber(AUTO, refused, good).router == other


@pytest.mark.parametrize("prefix", ["fd10:10::/64", "fd10::/16", "fd10:10::/80", "2000::/3"])
def test_a_prefix_over_a_vlan_or_a_part_of_another_line_is_refused_by_name(prefix: str) -> None:
    config = config_of(TWO_LINES.replace("metered = true\n", 'metered = true\naddress6 = "auto"\n'))
    [line] = lines_of(config, a_router(a_prefix(prefix)), device="wan2").values()
    owner = "uplink fiber" if prefix == "2000::/3" else "VLAN stream"
    assert owner in str(line.refused[0])
    assert not line.is_usable
    assert str(line.lacks) == f"a router on wan2 advertises {line.refused[0]}"


def test_two_lines_of_one_provider_may_have_the_same_prefix_but_no_part_of_it() -> None:
    routers = AdvertisedRouters(routers=(a_router(a_prefix("2001:db8:5::/64")),))
    found = advertised_lines(BOTH, dict.fromkeys(("wan1", "wan2"), routers), interfaces(BOTH), at=9)
    assert [line.is_usable for line in found.values()] == [True, True]
    wide = AdvertisedRouters(routers=(a_router(a_prefix("2001:db8::/32")),))
    heard = {"wan1": routers, "wan2": wide}
    found = advertised_lines(BOTH, heard, interfaces(BOTH), at=9)
    assert "2001:db8:5::/64 of uplink fiber" in str(found["lte"].refused[0])


@pytest.mark.parametrize(
    "router, said",
    [
        (a_router(), "advertises no prefix under which an address can be formed"),
        (a_router(a_prefix("2001:db8:1::/64", autonomous=False)), "advertises no prefix"),
        (a_router(a_prefix("2001:db8::/56")), "advertises no prefix"),
        (replace(a_router(), managed=True), "by DHCPv6 alone"),
    ],
)
def test_what_is_missing_is_said(router: HeardRouter, said: str) -> None:
    line = fiber(AUTO, router)
    assert said in str(line.lacks)
    facts = replace(facts_of(AUTO), advertised={"fiber": line})
    reason = no_nexthop_reason(AUTO.uplinks["fiber"], facts, AddressFamily.V6)
    assert reason == line.lacks
    document = status_document(AUTO, replace(inputs_of(AUTO), facts=facts))
    assert said in document["uplinks"]["fiber"]["reason"]
    advertised = document["uplinks"]["fiber"]["advertised"]
    assert advertised is not None
    assert (advertised["router"], advertised["routers"]) == (str(ROUTER), 1)
    assert document["uplinks"]["lte"]["advertised"] is None
    known = ExplainContext(
        allocation=allocate(AUTO, Allocation()), health=health_of(AUTO), facts=facts
    )
    flow = parse_flow(
        AUTO, facts, source="stream", destination="2001:db8:ffff::1", protocol="tcp", port=443
    )
    because = explain(AUTO, flow, known)["because"]
    assert said in because
    assert "lte: no IPv6" in because


def inputs_of(config: Config) -> StatusInputs:
    return replace(
        status_inputs(config),
        allocation=allocate(config, Allocation()),
        facts=facts_of(config),
        observed=desired_of(config),
        health=health_of(config),
    )


def test_without_a_router_or_a_link_local_address_there_is_nothing() -> None:
    assert lines_of(AUTO) == {"fiber": AdvertisedLine()}
    document = status_document(
        AUTO, replace(inputs_of(AUTO), facts=Facts(advertised=lines_of(AUTO)))
    )
    found = document["uplinks"]["fiber"]["advertised"]
    assert found is not None
    assert found["router"] is None
    assert advertised_lines(AUTO, {}, interfaces(AUTO), at=10) == {}
    heard = {"wan1": AdvertisedRouters(routers=(a_router(a_prefix("2001:db8:1::/64")),))}
    assert advertised_lines(AUTO, heard, {}, at=10) == {}
    bare = advertised_lines(AUTO, heard, facts_of(AUTO).interfaces, at=10)
    assert bare["fiber"] == AdvertisedLine(routers=1)


def test_all_of_it_stands_in_the_tables_of_its_line() -> None:
    line = fiber(AUTO, a_router(a_prefix("2001:db8:1::/64"), a_prefix("2001:db8:2::/64")))
    facts = replace(facts_of(AUTO), advertised={"fiber": line})
    allocation = allocate(AUTO, Allocation())
    own = {GATEWAY_TABLE, uplink_table(allocation.uplinks["fiber"])}
    found = routes(AUTO, allocation=allocation, health=health_of(AUTO), facts=facts)
    by_fiber = {
        route.table for route in found if route.interface == "wan1" and route.family == "ip6"
    }
    assert by_fiber == own
    vlans = {(str(route.destination), route.interface) for route in found if route.table == 7017}
    assert vlans == {("fd10:10::/64", "lan1")}
