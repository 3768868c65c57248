"""An uplink with `address6 = "dhcp"`: its way out, and what it lacks."""

from dataclasses import replace
from ipaddress import IPv6Address, IPv6Interface

from lbrouter.compile.health.carrier_only import health_without_daemon, no_nexthop_reason
from lbrouter.compile.routing.uplink_addressing import uplink_nexthop
from lbrouter.model.facts import Facts
from lbrouter.model.kernel_state import AddressFamily
from lbrouter.model.objects.lease6 import UplinkLease6
from tests.kit.builders import TWO_LINES, config_of, desired_of, facts_of

CONFIG = config_of(
    TWO_LINES.replace(
        'address6 = "2001:db8:1::2/64"\ngateway6 = "2001:db8:1::1"', 'address6 = "dhcp"'
    )
)
LEASE = UplinkLease6(
    address=IPv6Interface("2001:db8:1::100/128"),
    server_duid="00",
    obtained_at=0.0,
    renew_at=1.0,
    rebind_at=2.0,
    expires_at=3.0,
)


def facts_with(lease: UplinkLease6 | None, router: str = "") -> Facts:
    facts = facts_of(CONFIG)
    gateways = (IPv6Address(router),) if router else ()
    wan = replace(facts.interfaces["wan1"], gateways=gateways)
    leases = {} if lease is None else {"fiber": lease}
    return replace(facts, leases6=leases, interfaces={**facts.interfaces, "wan1": wan})


def test_the_way_out_is_the_lent_address_by_the_router_that_announces_itself() -> None:
    line = CONFIG.uplinks["fiber"]
    way = uplink_nexthop(line, AddressFamily.V6, facts_with(LEASE, "fe80::9"))
    assert way is not None
    assert (way.address, str(way.gateway), way.subnet_is_connected) == (
        LEASE.address,
        "fe80::9",
        False,
    )
    assert uplink_nexthop(line, AddressFamily.V6, facts_with(None, "fe80::9")) is None
    assert uplink_nexthop(line, AddressFamily.V6, facts_with(LEASE)) is None
    named = config_of(
        TWO_LINES.replace('address6 = "2001:db8:1::2/64"\ngateway6 = "2001:db8:1::1"',
                          'address6 = "dhcp"\ngateway6 = "fe80::5"')
    )  # fmt: skip
    way = uplink_nexthop(named.uplinks["fiber"], AddressFamily.V6, facts_with(LEASE))
    assert way is not None
    assert str(way.gateway) == "fe80::5"


def test_what_is_missing_is_told() -> None:
    line = CONFIG.uplinks["fiber"]
    said = [
        str(no_nexthop_reason(line, facts_with(each), AddressFamily.V6)) for each in (None, LEASE)
    ]
    assert said == [
        "no DHCPv6 lease on wan1: the daemon asks for one (lbrouter run)",
        "an address by DHCPv6, but no router announces itself on wan1; set `gateway6`",
    ]
    only = config_of(
        TWO_LINES.replace('address = "203.0.113.2/30"\ngateway = "203.0.113.1"\n', "").replace(
            'address6 = "2001:db8:1::2/64"\ngateway6 = "2001:db8:1::1"', 'address6 = "dhcp"'
        )
    )
    found = health_without_daemon(only, facts_of(only)).uplinks["fiber"]
    assert found.reason.startswith("no DHCPv6 lease on wan1")


def test_advertisements_bring_the_router_and_no_address() -> None:
    values = {setting.path: setting.value for setting in desired_of(CONFIG).sysctls}
    place = "net/ipv6/conf/wan1"
    found = [
        values[f"{place}/{key}"] for key in ("accept_ra", "accept_ra_defrtr", "accept_ra_pinfo")
    ]
    assert found == ["2", "1", "0"]
