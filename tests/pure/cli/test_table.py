"""Tables on screens of different widths."""

from io import StringIO

from rich.console import Console

from lbrouter.cli.output.table import ResponsiveTable

UPLINK_TABLE = ResponsiveTable(
    *("uplink", "state", "address", "rtt", "up", ""),
    overflow=("address", ""),
)
UPLINK_TABLE.add_row(
    "fiber", "up", "2001:db8:1::2/64", "11.8 ms", "6.1 Mbit/s", "4 of 4 targets answer"
)
UPLINK_TABLE.add_row("cable", "down", "198.51.100.10/24", "-", "0 bit/s", "no answer for 0.8 s")


def rendered_lines(sheet: ResponsiveTable, width: int) -> list[str]:
    screen = Console(file=StringIO(), width=width)
    screen.print(sheet)
    assert isinstance(screen.file, StringIO)
    return [line.rstrip() for line in screen.file.getvalue().splitlines()]


def test_a_wide_screen_shows_one_table() -> None:
    heading, *rows = rendered_lines(UPLINK_TABLE, 100)
    assert heading.split() == ["uplink", "state", "address", "rtt", "up"]
    assert [row.split()[0] for row in rows] == ["fiber", "cable"]
    assert rows[1].endswith("no answer for 0.8 s")


def test_a_narrow_screen_shows_two_and_squeezes_neither() -> None:
    lines = rendered_lines(UPLINK_TABLE, 60)
    assert lines == [
        "uplink  state  rtt      up",
        "fiber   up     11.8 ms  6.1 Mbit/s",
        "cable   down   -        0 bit/s",
        "",
        "uplink  address",
        "fiber   2001:db8:1::2/64  4 of 4 targets answer",
        "cable   198.51.100.10/24  no answer for 0.8 s",
    ]


def test_the_second_table_begins_with_the_key() -> None:
    clients = ResponsiveTable("name", "MAC", "address", "flows", key="address", overflow=("MAC",))
    clients.add_row("mixer", "02:00:00:00:00:01", "10.10.10.20", "12")
    assert [line.split()[0] for line in rendered_lines(clients, 30) if line] == [
        "name",
        "mixer",
        "address",
        "10.10.10.20",
    ]


def test_what_has_nothing_to_put_aside_stays_whole() -> None:
    policies = ResponsiveTable("policy", "mode", "new flows go by")
    policies.add_row("spread", "balance", "fiber 70 %, cable 30 %")
    assert len(rendered_lines(policies, 200)) == 2
    assert sum("policy" in line for line in rendered_lines(policies, 30)) == 1


def test_no_width_wraps_a_row_that_fits_in_two_tables() -> None:
    vlans = ResponsiveTable("VLAN", "policy", "up", "guaranteed up", "", overflow=("policy", ""))
    vlans.add_row("guests", "spread", "8.7 kbit/s", "12.0 Mbit/s", "")
    heights = [len(rendered_lines(vlans, width)) for width in range(35, 80)]
    assert set(heights) == {2, 5}
    assert heights == sorted(heights, reverse=True)
