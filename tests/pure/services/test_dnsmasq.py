"""dnsmasq's file: each line that a VLAN needs, no other service, and dnsmasq accepts it."""

from ipaddress import IPv4Address, ip_address
from pathlib import Path, PurePosixPath

import pytest

from lbrouter.compile.config.partial_support import partially_supported
from lbrouter.compile.services.dnsmasq import (
    DnsmasqPaths,
    config_text,
    dnsmasq_argv,
    dnsmasq_process,
    has_dhcp_vlans,
    is_wanted,
    rebinding_networks,
)
from lbrouter.compile.services.dnsmasq_leases import (
    LanLease,
    parse_leases,
    pool_usage,
)
from lbrouter.compile.services.pool_usage import nearly_full_warnings
from lbrouter.compile.state.commands import command_line
from lbrouter.model.config import Config
from lbrouter.model.managed_process import ManagedProcess
from lbrouter.model.plan import Action, Operation, Phase
from lbrouter.services import dnsmasq
from tests.kit.builders import TWO_LINES, config_of

EXAMPLES = sorted((Path(__file__).parents[3] / "examples").glob("*.toml"))

NO_IPV6 = TWO_LINES.replace('address6 = "fd10:10::1/64"\n', "").partition("[[forwards]]")[0]
GUEST_POOL = '[vlans.guests.dhcp]\nrange = "10.10.40.20-10.10.43.250"\nlease = "2h"\n'
NAMED_GATEWAY = '"two-lines"\ndns = ["1.1.1.1", "2620:fe::fe"]'

HOSTS = """
[vlans.stream.hosts]
encoder = { mac = "02:00:00:00:00:20", address = "10.10.10.20" }
[vlans.guests.hosts]
kiosk = { mac = "02-00-00-00-00-AB", address = "10.10.40.30" }
door = { mac = "02:00:00:00:00:ac", address = "10.10.40.5" }
"""

PATHS = DnsmasqPaths(
    runtime_dir=PurePosixPath("/run/lbrouter"),
    state_dir=PurePosixPath("/var/lib/lbrouter"),
    user="dnsmasq",
    group="nogroup",
)


def full_config() -> Config:
    """Names, addresses and IPv6, each on some VLANs and not on others."""
    return config_of(TWO_LINES.replace('"two-lines"', NAMED_GATEWAY) + GUEST_POOL)


def option_lines(config: Config) -> list[str]:
    """The options, without comments."""
    return [line for line in config_text(config).splitlines() if line and not line.startswith("#")]


def test_it_listens_on_vlans_alone() -> None:
    found = option_lines(full_config())
    assert "bind-dynamic" in found
    assert [line for line in found if line.startswith("interface=")] == [
        "interface=lan1",
        "interface=lan2",
        "interface=lan3",
    ]
    assert {f"except-interface={name}" for name in ("lo", "wan1", "wan2")} <= set(found)


def test_a_pool_names_the_gateway_as_router_and_resolver() -> None:
    found = option_lines(full_config())
    start = found.index("interface=lan2")
    assert found[start : found.index("interface=lan3")] == [
        "interface=lan2",
        "dhcp-range=set:guests,10.10.40.20,10.10.43.250,255.255.252.0,7200",
        "dhcp-option=tag:guests,option:router,10.10.40.1",
        "dhcp-option=tag:guests,option:dns-server,10.10.40.1",
    ]
    assert "dhcp-authoritative" in found
    assert "dhcp-lease-max=999" in found
    assert found[-2:] == ["interface=lan3", "no-dhcp-interface=lan3"]


def test_a_host_of_the_file_has_its_address_and_its_name() -> None:
    found = option_lines(config_of(TWO_LINES + GUEST_POOL + HOSTS))
    assert "dhcp-range=set:stream,10.10.10.0,static,255.255.255.0,43200" in found
    start = found.index("interface=lan2")
    assert found[start + 4 : found.index("interface=lan3")] == [
        "dhcp-option=tag:guests,option:domain-name,internal",
        "dhcp-host=02:00:00:00:00:ab,10.10.40.30",
        "dhcp-host=02:00:00:00:00:ac,10.10.40.5",
    ]
    assert {
        "local=/internal/",
        "host-record=encoder,encoder.internal,10.10.10.20",
        "host-record=kiosk,kiosk.internal,10.10.40.30",
        "dhcp-lease-max=1001",  # the pool, and two hosts beside it
    } <= set(found)
    assert not [line for line in option_lines(full_config()) if "internal" in line]


def test_a_vlan_with_ipv6_is_advertised_with_its_resolver() -> None:
    found = option_lines(full_config())
    assert "enable-ra" in found
    assert "dhcp-range=set:stream,fd10:10::,ra-only,64" in found
    assert "dhcp-option=tag:stream,option6:dns-server,[fd10:10::1]" in found
    assert "no-dhcp-interface=lan1" not in found
    assert "enable-ra" not in option_lines(config_of(NO_IPV6 + GUEST_POOL))


def test_a_prefix_that_clients_cannot_use_is_not_announced_and_named() -> None:
    config = config_of(TWO_LINES.replace("fd10:10::1/64", "fd10:10::1/80"))
    assert "enable-ra" not in option_lines(config)
    assert "no-dhcp-interface=lan1" in option_lines(config)
    [limit] = partially_supported(config)
    assert limit.key_path == "vlans.stream.address6"
    assert str(limit).startswith("vlans.stream.address6: clients form addresses by themselves")
    assert partially_supported(full_config()) == ()


def test_names_are_asked_of_the_file_s_resolvers_or_the_machine_s() -> None:
    found = option_lines(full_config())
    assert [line for line in found if line.startswith("server=")] == [
        "server=1.1.1.1",
        "server=2620:fe::fe",
    ]
    assert {"no-resolv", "all-servers", "no-hosts"} <= set(found)
    bare = config_of(TWO_LINES)
    assert "no-resolv" not in option_lines(bare)
    assert "/etc/resolv.conf" in config_text(bare)
    assert "no-hosts" in option_lines(bare)


@pytest.mark.parametrize("option", ["dhcp-ignore-names", "bogus-priv", "domain-needed", "no-ping"])
def test_hardening(option: str) -> None:
    assert option in option_lines(full_config())


@pytest.mark.parametrize("word", ["script", "conf-dir", "conf-file", "tftp", "domain=", "dbus"])
def test_nothing_is_run_and_nothing_is_read_from_elsewhere(word: str) -> None:
    found = (line for line in option_lines(full_config()) if not line.startswith("bogus-nxdomain"))
    assert not [line for line in found if word in line]


def test_no_name_of_the_internet_leads_to_what_is_near() -> None:
    """To private networks, this host itself, the VLANs and the modems. (DNS rebinding.)"""
    found = set(option_lines(full_config()))
    near = (
        "10.0.0.0/8",
        "192.168.0.0/16",
        "127.0.0.0/8",
        "fc00::/7",
        "fe80::/10",
        "203.0.113.1/32",
    )
    assert {f"bogus-nxdomain={network}" for network in near} <= found
    # The line's own address is that of its forwards: names lead there.
    networks = rebinding_networks(full_config())
    assert not any(ip_address("203.0.113.2") in network for network in networks)


def test_each_group_of_options_says_why() -> None:
    for part in config_text(full_config()).split("\n\n"):
        assert part.startswith("#"), part


@pytest.mark.parametrize(
    "config, wanted, needed",
    [
        (full_config(), True, True),
        (config_of(TWO_LINES), True, False),
        (config_of(NO_IPV6), False, False),
        (config_of(NO_IPV6.replace('"two-lines"', NAMED_GATEWAY)), True, False),
        (config_of(NO_IPV6 + GUEST_POOL), True, True),
        (config_of(NO_IPV6 + HOSTS), True, True),
    ],
    ids=["everything", "IPv6", "nothing", "names", "addresses", "hosts"],
)
def test_it_runs_when_the_file_asks_for_something(
    config: Config, *, wanted: bool, needed: bool
) -> None:
    assert is_wanted(config) is wanted
    assert has_dhcp_vlans(config) is needed
    assert (dnsmasq_process(config, PATHS) is not None) is wanted


def test_the_process_says_what_it_is_for_and_where_its_files_are() -> None:
    found = dnsmasq_process(full_config(), PATHS)
    assert found is not None
    assert found.why == "addresses for guests; IPv6 for stream; names for stream, guests, desk"
    assert found.key == ("service", "dnsmasq")
    assert found.argv == dnsmasq_argv(PATHS) == (
        "dnsmasq",
        "--conf-file=/run/lbrouter/dnsmasq.conf",
        "--pid-file=/run/lbrouter/dnsmasq.pid",
        "--dhcp-leasefile=/var/lib/lbrouter/dnsmasq.leases",
        "--user=dnsmasq",
        "--group=nogroup",
        "--servers-file=/run/lbrouter/dnsmasq.servers",
    )  # fmt: skip


@pytest.mark.parametrize("verb", Action)
def test_its_start_and_its_end_are_commands_that_a_person_would_type(verb: Action) -> None:
    made = dnsmasq_process(full_config(), PATHS)
    gone = verb is Action.REMOVE
    new, old = (None, made) if gone else (made, None)
    operation = Operation(phase=Phase.SERVICE, action=verb, new=new, old=old, reason="")
    start, end = " ".join(dnsmasq_argv(PATHS)), "kill $(cat /run/lbrouter/dnsmasq.pid)"
    wanted = {Action.ADD: start, Action.CHANGE: f"{end}; {start}", Action.REMOVE: end}
    assert command_line(operation) == wanted[verb]


def test_two_processes_are_the_same_by_command_line_and_text() -> None:
    one = ManagedProcess(name="dnsmasq", argv=("a",), config_text="t", pid_file="p", why="w")
    assert one == ManagedProcess(name="dnsmasq", argv=("a",), config_text="t")
    assert one != ManagedProcess(name="dnsmasq", argv=("a",), config_text="u")
    assert one != ManagedProcess(name="dnsmasq", argv=(), config_text="t")


@pytest.mark.skipif(dnsmasq.find_binary() is None, reason="dnsmasq is not installed")
@pytest.mark.parametrize(
    "config",
    [
        full_config(),
        config_of(TWO_LINES + HOSTS),
        config_of(NO_IPV6),
        *(config_of(path.read_text()) for path in EXAMPLES),
    ],
    ids=["full", "hosts", "bare", *(path.stem for path in EXAMPLES)],
)
def test_dnsmasq_takes_the_file(config: Config) -> None:
    assert dnsmasq.config_error(config_text(config)) == ""
    assert "bad option" in dnsmasq.config_error(config_text(config) + "nonsense=1\n")


LEASE_FILE = """\
1795514716 06:1a:09:07:c4:68 10.10.40.20 * 01:06:1a:09:07:c4:68
0 06:1a:09:07:c4:69 10.10.43.250 $(reboot) *
5 06:1a:09:07:c4:70 10.10.40.21 Bobs-Phone *
1795514716 06:1a:09:07:c4:71 10.10.10.7 * *
duid 00:01:00:01:2e
1795514716 12345 fd10:10::77 * 00:01
17955 06:1a
\u0662 06:1a:09:07:c4:72 10.10.40.22 * *
"""


def test_the_lease_file_is_read_line_by_line() -> None:
    found = parse_leases(LEASE_FILE)
    assert [str(each.address) for each in found] == [
        *("10.10.40.20", "10.10.43.250", "10.10.40.21", "10.10.10.7"),
    ]
    assert (found[0].expires, found[0].mac) == (1795514716, "06:1a:09:07:c4:68")
    assert [each.name for each in found] == ["", "", "Bobs-Phone", ""], "no $(reboot)"


def test_a_pool_counts_what_is_on_loan_now() -> None:
    found = pool_usage(full_config(), parse_leases(LEASE_FILE), now=1795514000)
    assert found == {"guests": {"used": 2, "size": 999}}
    assert nearly_full_warnings(found) == ()


def test_a_pool_that_is_nearly_used_up_is_named() -> None:
    config = config_of(TWO_LINES + GUEST_POOL.replace("10.10.43.250", "10.10.40.29"))
    held = [
        LanLease(expires=0, mac="06:00:00:00:00:01", address=IPv4Address("10.10.40.20") + place)
        for place in range(8)
    ]
    [sentence] = nearly_full_warnings(pool_usage(config, held, now=1))
    assert "VLAN guests: 8 of 10 addresses are on loan" in sentence
    assert nearly_full_warnings(pool_usage(config, held[1:], now=1)) == ()
