"""A line by USB that is added to a file: the port, the section, and nothing else changed."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbrouter.compile.config.toml_edit import with_list_element, with_section
from lbrouter.compile.config.usb_uplink import (
    free_name,
    unused_usb_ports,
    with_usb_uplink,
)
from lbrouter.model.errors import NotAppliedError
from lbrouter.model.facts import InterfaceFacts
from tests.kit.builders import TWO_LINES, config_of

CONFIG = config_of(TWO_LINES)
PATH = "pci-0000:00:14.0-usb-0:2:1.0"


def port(name: str, *, path: str = "", mac: str = "", kind: str = "") -> InterfaceFacts:
    return InterfaceFacts(
        name=name, index=7, up=True, carrier=True, mtu=1500, path=path, mac=mac, kind=kind
    )


def ports_by_usb(*ports: InterfaceFacts) -> list[str]:
    return [each.name for each in unused_usb_ports(CONFIG, {each.name: each for each in ports})]


def test_a_port_by_usb_is_known_by_its_path_or_its_name() -> None:
    found = ports_by_usb(
        port("wan1"), port("eno1", path="pci-0000:00:1f.6"), port("usb0"), port("x", path=PATH),
        port("enx0200c0ffee01"), port("enx0200c0ffee01.7", kind="vlan"),
    )  # fmt: skip
    assert found == ["enx0200c0ffee01", "usb0", "x"]


def test_a_port_that_the_file_uses_is_not_free() -> None:
    used = config_of(TWO_LINES.replace('"wan1"', '{ mac = "02:00:c0:ff:ee:01" }'))
    there = port("usb0", mac="02:00:c0:ff:ee:01")
    assert unused_usb_ports(used, {"usb0": there}) == []


@pytest.mark.parametrize(
    "there, words",
    [
        (port("enx0200c0ffee01", path=PATH), {"path": PATH}),
        (port("enx0200c0ffee01", mac="02:00:c0:ff:ee:01"), "enx0200c0ffee01"),
        (port("usb0", mac="02:00:c0:ff:ee:01"), {"mac": "02:00:c0:ff:ee:01"}),
        (port("usb0"), "usb0"),
    ],
)
def test_the_section_names_the_port_by_what_stays(there: InterfaceFacts, words: object) -> None:
    added = with_usb_uplink(TWO_LINES, CONFIG, "phone", there)
    section = tomllib.loads(added.text)["uplinks"]["phone"]
    assert section == {"interface": words, "address": "dhcp", "metered": True}
    config = config_of(added.text)
    assert config.policies["show"].uplinks == ("fiber", "lte", "phone")
    assert config.policies["each"].uplinks == ("fiber", "lte", "phone")
    assert (added.policies, added.left_out) == (("show", "each"), ("spread",))


def test_a_name_is_chosen_that_is_free() -> None:
    assert free_name(CONFIG) == "phone"
    again = config_of(with_usb_uplink(TWO_LINES, CONFIG, "phone", port("usb0")).text)
    assert free_name(again) == "phone2"


COMMENTED = """\
# the whole file of the show
[policies.show]   # uplinks = ["not", "this"]
mode = "failover"
"uplinks" = [
  "fiber",  # the best, "so they say" ]
  'lte', # and this
]
note = 'uplinks = ["nor this"]'
text = "uplinks = none"
[policies.other]
uplinks=["a"]
"""


def test_comments_stay_and_so_does_all_else() -> None:
    edited = with_list_element(COMMENTED, ("policies", "show", "uplinks"), "phone")
    assert edited == COMMENTED.replace("'lte',", "'lte', \"phone\",")
    edited = with_list_element(COMMENTED, ("policies", "other", "uplinks"), "phone")
    assert edited == COMMENTED.replace('["a"]', '["a", "phone"]')
    whole = with_section(COMMENTED.rstrip("\n"), ("uplinks", "phone"), "metered = true\n")
    assert whole == f"{COMMENTED}\n[uplinks.phone]\nmetered = true\n"


def test_an_empty_list_is_refused() -> None:
    with pytest.raises(NotAppliedError, match="without a change of anything else"):
        with_list_element("[p.x]\nu = []\n", ("p", "x", "u"), "b")


def test_a_section_in_an_inline_table_is_refused() -> None:
    with pytest.raises(NotAppliedError, match="without a change of anything else"):
        with_section("uplinks = { a = { metered = true } }\n", ("uplinks", "b"), "metered = true\n")


@given(
    names=st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=4),
    spaces=st.text(" \t", max_size=3),
    comment=st.text('ab"]#[=', max_size=8),
)
def test_whatever_the_list_looks_like_the_edit_is_exact_or_refused(
    names: list[str], spaces: str, comment: str
) -> None:
    lines = "".join(f'{spaces}"{name}",{spaces}# {comment}\n' for name in names)
    text = f"[policies.show]{spaces}# {comment}\nuplinks{spaces}={spaces}[\n{lines}]\n"
    edited = tomllib.loads(with_list_element(text, ("policies", "show", "uplinks"), "phone"))
    assert edited["policies"]["show"]["uplinks"] == [*names, "phone"]
