"""The languages: complete, with the same places, and chosen as the environment says."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from lbrouter.compile.report import incident_text
from lbrouter.compile.report.i18n import (
    CATALOGUES,
    PLACEHOLDER_PATTERN,
    language_from_environment,
    translate,
    translate_reason,
)
from lbrouter.compile.report.translations import INDONESIAN, REASON_TRANSLATIONS
from lbrouter.model.events import CarrierChanged, Drain, ProbeFailure
from lbrouter.model.health import UplinkState
from lbrouter.model.language import Language
from tests.kit.health_simulation import simulate

PACKAGE = Path(incident_text.__file__).parents[2]


def source_texts() -> Iterator[str]:
    """Every English text that the source passes to a function or method `say`."""
    for path in [*PACKAGE.glob("cli/**/*.py"), *PACKAGE.glob("compile/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and node.value in INDONESIAN:
                yield str(node.value)  # a text that reaches `say` by a name
            if isinstance(node, ast.Call) and called_name(node.func) in ("said", "say"):
                yield from text_argument(node)


def text_argument(call: ast.Call) -> Iterator[str]:
    """The text of a call of `look.say("...")` or of `say(language, "...")`."""
    place = 0 if isinstance(call.func, ast.Attribute) else 1
    text = call.args[place] if len(call.args) > place else None
    if isinstance(text, ast.Constant) and isinstance(text.value, str):
        yield text.value


def called_name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def test_every_text_of_the_source_is_in_the_catalogue() -> None:
    said = set(source_texts())
    assert len(said) > 30
    assert sorted(said - INDONESIAN.keys()) == []


def test_every_state_and_failure_has_a_translation() -> None:
    words = {*map(str, UplinkState), *map(str, ProbeFailure), incident_text.OTHER_CAUSE_SENTENCE}
    words |= {said for _, said in incident_text.CAUSE_SENTENCES}
    assert sorted(words - INDONESIAN.keys()) == []


@pytest.mark.parametrize("language", [each for each in Language if each is not Language.EN])
def test_a_translation_has_the_places_of_its_text(language: Language) -> None:
    for text, translated in CATALOGUES[language].items():
        assert set(PLACEHOLDER_PATTERN.findall(text)) == set(
            PLACEHOLDER_PATTERN.findall(translated)
        ), text
        assert translated
        assert translated.strip() == translated


def test_no_text_of_the_catalogue_is_forgotten() -> None:
    """Texts that the source no longer uses are removed. Reasons are translated in pieces."""
    said = (
        set(source_texts())
        | {said for _, said in incident_text.CAUSE_SENTENCES}
        | {incident_text.OTHER_CAUSE_SENTENCE}
    )
    words = {*map(str, UplinkState), *map(str, ProbeFailure)}
    assert sorted(INDONESIAN.keys() - said - words - REASON_TRANSLATIONS.keys()) == []


def is_translated(text: str) -> bool:
    """Whether each piece of a reason has a translation, even an identical one."""
    return all(found_in_catalogue(piece) for piece in text.split("; "))


def found_in_catalogue(piece: str) -> bool:
    from lbrouter.compile.report.i18n import filled_text_pattern

    return piece in REASON_TRANSLATIONS or any(
        filled_text_pattern(text).fullmatch(piece) for text in REASON_TRANSLATIONS
    )


REASON_SAMPLES = (
    "drained by hand",
    "no carrier on wan1",
    "no address yet (dhcp) on wan1",
    "interface wan1 is not there",
    "no answer on 4 targets for 0.9 s",
    "unreachable on 1 target for 12 s",
    "answers again for 4.8 s; back after 10 s without fault",
    "answers again for 4.8 s; back after 40 s without fault, longer after 3 outages",
    "no answer for 0.3 s; new flows avoid it",
    "was silent; new flows avoid it for another 2.0 s",
    "captive portal instead of https://a.example/",
    "loss 12 % > 2 % (show); latency 200 ms > 150 ms (show); jitter 50 ms > 40 ms (show)",
    "loss 1 %, was over 2 % (show)",
    "latency unknown, was over 150 ms (show)",
    "jitter 12 ms, back in 8.0 s if it stays (show)",
    "not probed yet",
    "3 of 4 targets answer",
    "1 of 1 target answer",
    "carrier; not probed, no daemon runs",
)


@pytest.mark.parametrize("text", REASON_SAMPLES)
def test_reasons_of_the_daemon_are_translated(text: str) -> None:
    assert is_translated(text)
    assert translate_reason(Language.EN, text) == text
    assert translate_reason(Language.ID, text) != text or "loss" in text


@pytest.mark.parametrize(
    "failure", [ProbeFailure.NO_ANSWER, ProbeFailure.CAPTIVE_PORTAL, ProbeFailure.REFUSED]
)
def test_reasons_from_simulated_failures_are_translated(failure: ProbeFailure) -> None:
    simulation = simulate(each_way=0.05, failure=failure)
    simulation.paths["fiber"].dead = lambda at, _: 20 < at < 22 or 40 < at < 43
    simulation.paths["fiber"].delay = lambda at: 0.3 if 60 < at < 80 else 0.0
    simulation.schedule(90.0, CarrierChanged(at=90.0, uplink="fiber", up=False))
    simulation.schedule(91.0, CarrierChanged(at=91.0, uplink="fiber", up=True))
    simulation.schedule(110.0, Drain(at=110.0, uplink="fiber"))
    said = set()
    while simulation.at < 112:
        simulation.run(simulation.at + 0.5)
        said.add(simulation.health.uplinks["fiber"].reason)
    assert len(said) > 10
    assert sorted(text for text in said if not is_translated(text)) == []


def test_reasons_in_indonesian() -> None:
    found = translate_reason(Language.ID, "no answer on 4 targets for 0.9 s")
    assert found == "tidak ada jawaban dari 4 target selama 0.9 s"
    found = translate_reason(Language.ID, "answers again for 4.8 s; back after 10 s without fault")
    assert found == "sudah menjawab lagi selama 4.8 s; dipakai lagi setelah 10 s tanpa gangguan"


def test_what_is_not_known_stays_english() -> None:
    assert translate_reason(Language.ID, "eaten by a dog") == "eaten by a dog"
    assert translate(Language.ID, "eaten by {who}", who="a dog") == "eaten by a dog"


@pytest.mark.parametrize(
    "environment, language",
    [
        ({}, Language.EN),
        ({"LANG": "id_ID.UTF-8"}, Language.ID),
        ({"LANG": "id"}, Language.ID),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "id_ID"}, Language.ID),
        ({"LANG": "id_ID", "LC_ALL": "C"}, Language.EN),
        ({"LANG": "ido"}, Language.EN),
        ({"LANG": "", "LC_ALL": ""}, Language.EN),
    ],
)
def test_the_language_of_the_environment(environment: dict[str, str], language: Language) -> None:
    assert language_from_environment(environment) is language
