"""The tables of `status` in Indonesian: no English word is left but those of the devices."""

import re
from datetime import UTC
from io import StringIO

from rich.console import Console

from lbrouter.cli.commands.status import status_tables
from lbrouter.compile.report.status import status_document
from lbrouter.compile.report.status_types import Status
from lbrouter.model.health import UplinkState
from lbrouter.model.language import Language
from tests.kit.builders import TWO_LINES, config_of, facts_of, health_of
from tests.kit.status_documents import status_inputs

CONFIG = config_of(TWO_LINES.replace('upload = "20mbit"', 'upload = "8mbit"'))
ENGLISH_WORDS = {
    *("applied", "daemon runs", "uplink", "state", "address", "flows", "policy", "new flows"),
    *("guaranteed", "short", "limited", "left", "another", "since", "carrier", "pinned", "undone"),
    *("kernel holds", "its bound", "not in force", "is not there", "unless", "down", "up"),
}


def troubled_status() -> Status:
    """Much at once: a dead line, a limit, a rogue server, a trial, an unverified kernel."""
    facts = facts_of(CONFIG, carrier=False)
    dead = health_of(CONFIG, fiber=UplinkState.DOWN)
    found = status_document(CONFIG, status_inputs(CONFIG, facts=facts, health=dead))
    found["daemon"], found["applied"] = True, False
    found["pending_confirm_s"], found["rejected_file"] = 42, True
    found["kernel"] = {"verified": False, "since": "2026-11-24T20:14:03Z", "reason": "tc: EINVAL"}
    found["policies"]["show"]["pinned"] = "lte"
    guests = found["vlans"]["guests"]
    guests["limit"] = {"upload": {"rate_bps": 5_000_000, "ends_in_s": 60}, "download": None}
    guests["other_dhcp_servers"] = [{"mac": "02::1", "address": "10.0.0.1", "offers": "10.0.0.9"}]
    guests["bound"] = "at"
    guests["bound_clients"] = [
        {"name": "kiosk", "mac": "02::2", "bound": word} for word in ("at", "near", "near", "near")
    ]
    for uplink in found["uplinks"].values():
        uplink["reason_data"] = {"code": "no_carrier", "values": {"interface": "wan1"}}
    return found


def printed(language: Language) -> str:
    file = StringIO()
    Console(file=file, width=250).print(status_tables(troubled_status(), UTC, language))
    return file.getvalue()


def test_no_english_is_left_in_the_tables() -> None:
    english, indonesian = printed(Language.EN), printed(Language.ID)
    words = {each for each in ENGLISH_WORDS if re.search(rf"\b{each}\b", english)}
    assert len(words) > 12
    assert {each for each in words if re.search(rf"\b{each}\b", indonesian)} == set()
    assert "kabel wan1 tidak tersambung" in indonesian
    assert "kurang" in indonesian
