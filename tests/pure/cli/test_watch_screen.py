"""The screen of `watch`, character by character: what fits, what is named, in both languages."""

from datetime import UTC
from io import StringIO
from typing import Any, cast

import pytest
from rich.console import Console

from lbrouter.cli.output import banner_font
from lbrouter.cli.output.sparkline import (
    ASCII_GLYPHS,
    FINE_GLYPHS,
)
from lbrouter.cli.output.watch_screen import draw_screen
from lbrouter.cli.output.watch_tables import DisplayContext
from lbrouter.compile.report.status import status_document
from lbrouter.compile.report.status_types import Status
from lbrouter.daemon.control.queries import WatchDocument
from lbrouter.model.config import Config
from lbrouter.model.health import UplinkState
from lbrouter.model.kernel_state import KernelState, NftTable
from lbrouter.model.language import Language
from lbrouter.model.timeline import IncidentSummary
from tests.kit.builders import TWO_LINES, config_of, health_of
from tests.kit.catalogues import catalogue_of
from tests.kit.status_documents import second_sample, status_inputs
from tests.kit.timeline_events import parsed

CONFIG = config_of(TWO_LINES)
APPLIED_STATE = KernelState(nft=NftTable(structure="a", elements={}))

INCIDENT: IncidentSummary = {
    "incident": "7",
    "uplink": "fiber",
    "since": "2026-11-24T20:14:03.000Z",
    "worst": "degraded",
    "cause": "loss 12 % > 2 % (show)",
    "cause_data": parsed("loss 12 % > 2 % (show)").as_json(),
    "falls": 0,
    "moved": [{"policy": "show", "to": ["lte"], "at": "2026-11-24T20:14:04.000Z", "back": False}],
    "stayed": ["guests"],
    "over": None,
}


def display_settings(**more: Any) -> DisplayContext:
    values: dict[str, Any] = {
        "width": 80, "height": 24, "language": Language.EN, "zone": UTC, "glyphs": FINE_GLYPHS,
    }  # fmt: skip
    return DisplayContext(**{**values, **more})


def watch_document(config: Config = CONFIG, **states: UplinkState) -> WatchDocument:
    found = status_document(
        config, status_inputs(config, health=health_of(config, **states), observed=APPLIED_STATE)
    )
    return {
        "at": "2026-11-24T20:15:41.123Z",
        "status": found,
        "minute": {name: [second_sample(0.0)] * 60 for name in config.uplinks},
        "stories": [],
        "repair": None,
        "repairs": 0,
    }


def plain_lines(document: WatchDocument, display: DisplayContext) -> list[str]:
    """Lines as they stand on the terminal, without colours."""
    file = StringIO()
    Console(file=file, width=display.width, height=display.height, legacy_windows=False).print(
        draw_screen(document, display), end=""
    )
    return [line.rstrip() for line in file.getvalue().splitlines()]


def styled_text(document: WatchDocument, display: DisplayContext) -> str:
    file = StringIO()
    console = Console(file=file, width=display.width, force_terminal=True, color_system="standard")
    console.print(draw_screen(document, display))
    return file.getvalue()


MANY_VLANS = TWO_LINES + "".join(
    f'[vlans.v{n}]\nport = "p{n}"\naddress = "10.99.{n}.1/24"\npolicy = "show"\n' for n in range(40)
).replace("[[rules]]", "")


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("width, height", [(80, 24), (100, 30), (132, 43), (200, 60)])
@pytest.mark.parametrize("text", [TWO_LINES, MANY_VLANS], ids=["few", "many"])
def test_it_fits(language: Language, width: int, height: int, text: str) -> None:
    document = watch_document(config_of(text), fiber=UplinkState.DOWN)
    document["stories"] = [INCIDENT] * 3
    document["status"]["pending_confirm_s"] = 42
    display = display_settings(width=width, height=height, language=language, alarm="no daemon")
    lines = plain_lines(document, display)
    assert len(lines) <= height
    assert max(map(len, lines)) <= width
    assert "TWO-LINES" in lines[0]
    assert any("fiber" in line for line in lines)
    assert any("20:14:03" in line for line in lines)


@pytest.mark.parametrize(
    "language, words",
    [
        (Language.EN, "DIFFERS FROM THE CONFIGURATION"),
        (Language.ID, "KERNEL TIDAK SESUAI KONFIGURASI"),
    ],
)
def test_a_kernel_that_is_not_verified_stands_across_the_screen(
    language: Language, words: str
) -> None:
    document = watch_document()
    document["status"]["kernel"] = {
        "verified": False,
        "since": "2026-11-24T13:14:04Z",
        "reason": "a route was refused",
    }
    document["status"]["rejected_file"] = True
    lines = plain_lines(document, display_settings(width=100, language=language))
    assert [line for line in lines if words in line]
    assert [line for line in lines if "a route was refused" in line]
    assert any("disk" in line for line in lines)


def test_more_vlans_than_lines_are_counted() -> None:
    lines = plain_lines(watch_document(config_of(MANY_VLANS)), display_settings())
    assert any("more" in line for line in lines)
    whole = plain_lines(watch_document(config_of(MANY_VLANS)), display_settings(height=100))
    assert not any("more" in line for line in whole)


def test_the_incident_stands_in_one_sentence() -> None:
    document = watch_document()
    document["stories"] = [INCIDENT]
    assert (
        "incident 7, now: fiber lost 12 % of its packets from 20:14:03 on; show moved to"
        in plain_lines(document, display_settings())
    )
    document["stories"] = [{**INCIDENT, "over": "2026-11-24T20:20:00Z"}]
    lines = plain_lines(document, display_settings(language=Language.ID, width=132))
    assert any(line.startswith("insiden terakhir (7): fiber kehilangan 12 %") for line in lines)
    assert "no incident yet" in plain_lines(watch_document(), display_settings())


def test_policies_are_as_large_as_there_is_room() -> None:
    small = "\n".join(plain_lines(watch_document(), display_settings(height=18)))
    big = "\n".join(plain_lines(watch_document(), display_settings(height=30)))
    assert "SHOW" in small
    assert "FIBER" in small
    assert banner_font.banner_lines("show > fiber")[0] in big
    huge = "\n".join(plain_lines(watch_document(), display_settings(width=200, height=60)))
    assert banner_font.large_banner_lines("show > fiber")[0].rstrip() in huge


def test_colours_of_policies() -> None:
    display = display_settings(height=14, glyphs=ASCII_GLYPHS)
    green, yellow, red = "\x1b[1;7;32m SHOW", "\x1b[1;7;33m SHOW", "\x1b[1;7;31m SHOW"
    assert green in styled_text(watch_document(), display)
    assert yellow in styled_text(watch_document(fiber=UplinkState.DOWN), display)
    dead = watch_document(fiber=UplinkState.DOWN, lte=UplinkState.DOWN)
    assert red in styled_text(dead, display)
    assert "NO UPLINK" in "\n".join(plain_lines(dead, display))


def test_a_balance_is_yellow_while_one_of_its_lines_is_in_trouble() -> None:
    display = display_settings(height=14, glyphs=ASCII_GLYPHS)
    assert "\x1b[1;7;32m SPREAD" in styled_text(watch_document(), display)
    assert "\x1b[1;7;33m SPREAD" in styled_text(watch_document(lte=UplinkState.DOWN), display)


def test_a_pin_and_shares_are_noted() -> None:
    document = watch_document()
    document["status"]["policies"]["show"]["pinned"] = "fiber"
    document["status"]["policies"]["each"]["shares"] = {"fiber": 70, "lte": 30}
    lines = plain_lines(document, display_settings(height=14))
    assert any("SHOW" in line and "pinned" in line for line in lines)
    assert any("EACH" in line and "70 % : 30 %" in line for line in lines)
    lines = plain_lines(document, display_settings(height=40, language=Language.ID))
    assert any("dikunci" in line for line in lines)


def test_a_short_guarantee_is_named_with_what_is_missing() -> None:
    document = watch_document(fiber=UplinkState.DOWN)
    document["status"]["vlans"]["stream"]["short_upload_bps"] = 2_000_000
    document["status"]["vlans"]["stream"]["short_download_bps"] = 500_000
    lines = plain_lines(document, display_settings(height=40))
    row = next(number for number, line in enumerate(lines) if line.startswith("stream"))
    assert lines[row + 1] == "  SHORT: 2.0 Mbit/s of upload missing"
    assert lines[row + 2] == "  SHORT: 0.5 Mbit/s of download missing"


def test_a_line_that_is_not_up_says_since_when_and_why() -> None:
    document = watch_document(fiber=UplinkState.DOWN)
    fiber = document["status"]["uplinks"]["fiber"]
    fiber["reason"], fiber["since"] = "no carrier on wan1", "2026-11-24T20:14:03Z"
    fiber["reason_data"] = parsed("no carrier on wan1").as_json()
    assert "  20:14:03  no carrier on wan1" in plain_lines(document, display_settings())
    lines = plain_lines(document, display_settings(language=Language.ID))
    assert "  20:14:03  kabel wan1 tidak tersambung" in lines


def test_repairs_are_counted_and_the_last_one_is_shown() -> None:
    document = watch_document()
    document["repairs"] = 3
    document["repair"] = {
        "at": "2026-11-24T20:01:12.000Z", "kind": "repair", "subject": "", "incident": "",
        "text": "another program changed lbrouter's settings; restored: ip rule add", "more": {},
    }  # fmt: skip
    lines = plain_lines(document, display_settings())
    assert any(line.startswith("repairs: 3, the last at 20:01:12: ip rule add") for line in lines)


def test_alarms_are_across_the_screen_and_not_cut() -> None:
    document = watch_document()
    document["status"]["applied"] = False
    document["status"]["pending_confirm_s"] = 42
    lines = plain_lines(document, display_settings(alarm="NO DAEMON"))
    assert lines[1:3] == [
        " NO DAEMON",
        " NOTHING IS APPLIED: the kernel has no settings of lbrouter",
    ]
    assert lines[3].startswith(" NOT CONFIRMED: undone in 42 s")
    capitals = [
        each
        for pair in catalogue_of(Language.ID).items()
        for each in pair
        if each[:5].isupper() and "VLAN" not in each
    ]
    assert len(capitals) >= 8
    assert [each for each in capitals if len(each) > 79] == []


def test_a_line_whose_rate_is_unknown_has_no_bar() -> None:
    document = watch_document()
    document["status"]["uplinks"]["fiber"]["upload_capacity_bps"] = None
    document["status"]["uplinks"]["fiber"]["upload_bps"] = 6_100_000
    [line] = [
        line
        for line in plain_lines(document, display_settings(glyphs=ASCII_GLYPHS))
        if line.startswith("fiber")
    ]
    assert " 6.1   " in line


def test_the_round_trips_are_shown_where_there_is_room() -> None:
    assert any(
        "RTT 1 min" in line for line in plain_lines(watch_document(), display_settings(width=140))
    )
    assert not any(
        "RTT 1 min" in line for line in plain_lines(watch_document(), display_settings())
    )


def test_a_bare_terminal_gets_plain_characters() -> None:
    text = "\n".join(
        plain_lines(watch_document(fiber=UplinkState.DOWN), display_settings(glyphs=ASCII_GLYPHS))
    )
    assert text.isascii()


@pytest.mark.parametrize("language", Language)
def test_a_kernel_that_does_not_hold_what_it_should_stands_at_the_top(language: Language) -> None:
    document = watch_document()
    wrong = {"verified": False, "since": "2026-11-24T20:14:03Z", "reason": "tc refused"}
    document["status"] = cast("Status", {**document["status"], "kernel": wrong})
    _, line, reason, *_ = plain_lines(document, display_settings(language=language))
    assert line.endswith("20:14:03")
    assert reason == " tc refused"
    assert line.startswith(" THE KERNEL DIFFERS") == (language is Language.EN)


def test_a_dead_line_shows_no_round_trip() -> None:
    document = watch_document(fiber=UplinkState.DOWN)
    for uplink in document["status"]["uplinks"].values():
        uplink["rtt_ms"] = 77.0
    lines = plain_lines(document, display_settings())
    fiber, lte = (
        next(each for each in lines if each.startswith(name)) for name in ("fiber", "lte")
    )
    assert "77 ms" in lte
    assert "77 ms" not in fiber


def test_a_state_of_a_later_release_is_shown_as_it_is() -> None:
    document = watch_document()
    document["status"]["uplinks"]["fiber"]["state"] = "resting"
    assert any("RESTING" in line for line in plain_lines(document, display_settings()))
    document["status"]["uplinks"]["fiber"]["state"] = "checking"
    lines = plain_lines(document, display_settings(language=Language.ID))
    assert any("DIPERIKSA" in line for line in lines)
