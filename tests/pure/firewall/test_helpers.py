"""Connection tracking helpers: none by default, and on the ports that forwards lead to as well."""

from lbrouter.compile.firewall import helpers
from lbrouter.kernel.doctor import required_features
from tests.kit.builders import TWO_LINES, config_of

NAME = 'name = "two-lines"\n'
WITH_HELPERS = TWO_LINES.replace(NAME, NAME + 'helpers = ["ftp", "pptp", "sip"]\n')
FTP_FORWARD = """
[[forwards]]
uplink = "any"
protocol = "tcp"
port = 2121
to = "10.10.10.20:21"
"""


def test_there_are_none_by_default() -> None:
    assert list(helpers.structure(config_of(TWO_LINES))) == []
    assert helpers.missing_helpers(config_of(TWO_LINES), frozenset()) == ""


def test_each_is_assigned_to_its_control_connection() -> None:
    text = "".join(helpers.structure(config_of(WITH_HELPERS)))
    assert 'tcp dport { 21 } ct helper set "ftp"' in text
    assert 'tcp dport { 1723 } ct helper set "pptp"' in text
    assert 'udp dport { 5060 } ct helper set "sip"' in text


def test_a_forward_to_a_server_is_met_by_its_port_outside() -> None:
    text = "".join(helpers.structure(config_of(WITH_HELPERS + FTP_FORWARD)))
    assert 'tcp dport { 21, 2121 } ct helper set "ftp"' in text


def test_what_this_kernel_lacks_is_named() -> None:
    config = config_of(WITH_HELPERS)
    assert required_features(config) >= {"helper_ftp", "helper_pptp", "helper_sip"}
    said = helpers.missing_helpers(config, {"helper_ftp"})
    assert "the connection tracking helper of pptp, sip (gateway.helpers" in said
    assert "modules nf_nat_pptp, nf_nat_sip" in said
