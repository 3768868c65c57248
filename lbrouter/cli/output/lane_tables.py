"""The lines of a lane: whether they carry copies, and what becomes of the copies there."""

from collections.abc import Iterator
from functools import partial

from rich.text import Text

from lbrouter.cli.output.table import ResponsiveTable
from lbrouter.compile.report.i18n import translate, translate_reason
from lbrouter.compile.report.status_types import LaneLineStatus, Status, UplinkStatus
from lbrouter.compile.report.styles import BAD_STYLE, FAIR_STYLE, GOOD_STYLE
from lbrouter.model.language import Language


def lane_table(composed: Status, language: Language = Language.EN) -> ResponsiveTable | None:
    """For `status`: a row for each line of each lane; None where the file has no lane."""
    lanes = {name: each for name, each in composed["uplinks"].items() if "over" in each}
    if not lanes:
        return None
    say = partial(translate, language)
    sheet = ResponsiveTable(
        *("lane", say("line"), say("copies"), say("rtt to relay"), say("loss"), say("dropped"), ""),
        overflow=("",),
    )
    for name, lane in lanes.items():
        for line, each in lane["over"].items():
            carrying = each["carrying"]
            word = Text(
                say("yes") if carrying else say("no"), style=GOOD_STYLE if carrying else FAIR_STYLE
            )
            sheet.add_row(
                name,
                line,
                word,
                _measured(each["rtt_ms"], "ms"),
                _measured(each["loss_percent"], "%"),
                _measured(each["dropped_percent"], "%"),
                translate_reason(language, each),
            )
    return sheet


def lane_rows(lane: UplinkStatus, language: Language, width: int) -> Iterator[Text]:
    """For the screen: a row for each line of a lane, and none for any other uplink."""
    for line, each in lane.get("over", {}).items():
        yield Text(f"  {_line_text(line, each, language)}"[:width], style=_line_style(each))


def is_to_be_explained(uplink: UplinkStatus) -> bool:
    """Whether a lane that is up has no second line, or a relay that is not as the file says."""
    lines = uplink.get("over", {}).values()
    alone = sum(each["carrying"] for each in lines) < 2
    return bool(lines) and (alone or uplink["reason_code"].startswith("lane_"))


def _line_text(line: str, found: LaneLineStatus, language: Language) -> str:
    if not found["carrying"]:
        reason = translate_reason(language, found)
        return translate(language, "{line}: no copies: {reason}", line=line, reason=reason)
    return translate(
        language,
        "{line}: copies, loss {loss}, RTT {rtt}, dropped {dropped}",
        line=line,
        loss=_measured(found["loss_percent"], "%"),
        rtt=_measured(found["rtt_ms"], "ms"),
        dropped=_measured(found["dropped_percent"], "%"),
    )


def _line_style(found: LaneLineStatus) -> str:
    if not found["carrying"]:
        return FAIR_STYLE
    return BAD_STYLE if found["dropped_percent"] else "dim"


def _measured(value: float | None, unit: str) -> str:
    return "-" if value is None else f"{value:.1f} {unit}"
