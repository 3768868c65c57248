"""The languages: complete, with the same places, and chosen as the environment says."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from lbrouter.compile.explain.flow import FlowVerdict
from lbrouter.compile.report import incident_text
from lbrouter.compile.report.i18n import (
    direction_text,
    event_text,
    language_from_environment,
    message_or_none,
    message_text,
    translate,
    translate_reason,
)
from lbrouter.kernel.doctor import DiagnosisLevel
from lbrouter.model.events import CarrierChanged, Drain, ProbeFailure
from lbrouter.model.health import UplinkState
from lbrouter.model.language import Language
from lbrouter.model.messages.codes import (
    CODE_KINDS,
    AddressCode,
    EventCode,
    LaneCode,
    OfferCode,
    ReasonCode,
    TextCode,
)
from lbrouter.model.messages.figures import format_rate
from lbrouter.model.messages.message import Message, message, parse_message, parse_reason, told
from lbrouter.model.messages.rendering import places_of, render, sentence_of
from lbrouter.model.messages.sentences import (
    COUNTED_NOUNS,
    GENERAL_SENTENCES,
    SENTENCES,
    WORDS,
)
from tests.kit import source_phrases
from tests.kit.catalogues import catalogue_of
from tests.kit.health_simulation import simulate
from tests.kit.timeline_events import event, parsed

PACKAGE = Path(incident_text.__file__).parents[2]
TRANSLATING_NAMES = ("said", "translate", "say", "print_note")
DIRECTIONS = {"direction\4up", "direction\4down"}
OTHERS = [each for each in Language if each is not Language.EN]
ALL_SENTENCES = [each for several in SENTENCES.values() for each in several]


INDONESIAN = catalogue_of(Language.ID)


def source_texts() -> Iterator[str]:
    """Every English text of the source that is translated when it is printed."""
    for path in [*PACKAGE.glob("cli/**/*.py"), *PACKAGE.glob("compile/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and node.value in INDONESIAN:
                yield str(node.value)  # a text that is translated by a name
            if isinstance(node, ast.Call) and called_name(node.func) in TRANSLATING_NAMES:
                yield from text_argument(node)


def text_argument(call: ast.Call) -> Iterator[str]:
    """The text of `look.translate("...")`, `say("...")` or `translate(language, "...")`."""
    bound = isinstance(call.func, ast.Attribute) or called_name(call.func) == "say"
    place = 0 if bound else 1
    text = call.args[place] if len(call.args) > place else None
    if isinstance(text, ast.Constant) and isinstance(text.value, str):
        yield text.value


def called_name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def test_every_text_of_the_source_is_in_the_catalogue() -> None:
    found = set(source_texts())
    assert len(found) > 30
    assert sorted(found - INDONESIAN.keys()) == []


@pytest.mark.parametrize("language", OTHERS)
def test_each_code_has_its_sentences_in_each_language(language: Language) -> None:
    codes = {code for kind in CODE_KINDS for code in kind} - {TextCode.TOLD}
    assert sorted(codes - SENTENCES.keys()) == []
    texts = {
        *ALL_SENTENCES,
        *GENERAL_SENTENCES,
        *WORDS,
        *(one for one, _ in COUNTED_NOUNS.values()),
    }
    assert sorted(texts - catalogue_of(language).keys()) == []


def test_no_word_is_the_code_of_two() -> None:
    words = [str(code) for kind in CODE_KINDS for code in kind]
    assert len(words) == len(set(words))


def test_the_values_of_a_message_decide_its_sentence() -> None:
    for code, sentences in SENTENCES.items():
        for sentence in sentences:
            assert sentence_of(code, places_of(sentence)) == sentence
        assert len({places_of(each) for each in sentences}) == len(sentences)
    with pytest.raises(KeyError):
        sentence_of(ReasonCode.LOSS, frozenset({"weather"}))


def test_every_state_and_failure_has_a_translation() -> None:
    words = {*map(str, UplinkState), *map(str, ProbeFailure), incident_text.OTHER_CAUSE_SENTENCE}
    words |= set(incident_text.CAUSE_SENTENCES.values())
    assert sorted(words - INDONESIAN.keys()) == []


@pytest.mark.parametrize("language", OTHERS)
def test_a_translation_has_the_places_of_its_text(language: Language) -> None:
    for text, translated in catalogue_of(language).items():
        assert places_of(text) == places_of(translated), text
        assert translated
        ends = len(text) - len(text.lstrip()), len(text) - len(text.rstrip())
        assert ends == (
            len(translated) - len(translated.lstrip()),
            len(translated) - len(translated.rstrip()),
        )


def test_no_text_of_the_catalogue_is_forgotten() -> None:
    """Texts that the source no longer uses are removed."""
    used = {*source_texts(), *DIRECTIONS, *ALL_SENTENCES, *GENERAL_SENTENCES, *WORDS}
    used |= {*map(str, UplinkState), *(one for one, _ in COUNTED_NOUNS.values())}
    used |= {each.text for each in source_phrases.source_texts()} | set(
        map(str, (*FlowVerdict, *DiagnosisLevel))
    )
    assert sorted(INDONESIAN.keys() - used) == []


REASON_SAMPLES = (
    "drained by hand",
    "no carrier on wan1",
    "no address yet (dhcp) on wan1",
    "interface wan1 is not there",
    "no answer on 4 targets for 0.9 s",
    "unreachable on 1 target for 12 s",
    "answers again for 4.8 s; back after 10 s without fault",
    "no answer for 0.3 s; new flows avoid it",
    "was silent; new flows avoid it for another 2.0 s",
    "captive portal instead of https://a.example/",
    "loss 12 % > 2 % (show)",
    "latency unknown, was over 150 ms (show)",
    "jitter 12 ms, back in 8.0 s if it stays (show)",
    "not probed yet",
    "3 of 4 targets answer",
    "1 of 1 target answer",
    "carrier; not probed, no daemon runs",
)


@pytest.mark.parametrize("text", REASON_SAMPLES)
def test_a_reason_goes_through_json_into_both_languages(text: str) -> None:
    reason = parsed(text)
    document = {"reason": text, "reason_data": json.loads(json.dumps(reason.as_json()))}
    assert translate_reason(Language.EN, document) == text
    assert translate_reason(Language.ID, document) != text or "loss" in text


@pytest.mark.parametrize(
    "failure", [ProbeFailure.NO_ANSWER, ProbeFailure.CAPTIVE_PORTAL, ProbeFailure.REFUSED]
)
def test_reasons_from_simulated_failures_are_data(failure: ProbeFailure) -> None:
    simulation = simulate(each_way=0.05, failure=failure)
    simulation.paths["fiber"].dead = lambda at, _: 20 < at < 22 or 40 < at < 43
    simulation.paths["fiber"].delay = lambda at: 0.3 if 60 < at < 80 else 0.0
    simulation.schedule(90.0, CarrierChanged(at=90.0, uplink="fiber", up=False))
    simulation.schedule(91.0, CarrierChanged(at=91.0, uplink="fiber", up=True))
    simulation.schedule(110.0, Drain(at=110.0, uplink="fiber"))
    seen = set()
    while simulation.at < 112:
        simulation.run(simulation.at + 0.5)
        why = simulation.health.uplinks["fiber"].why
        assert parse_message(json.loads(json.dumps(why.as_json()))) == why
        assert message_text(Language.ID, why) != why.text or "loss" in why.text
        seen.add(why.text)
    assert len(seen) > 10


def test_reasons_in_indonesian() -> None:
    found = message_text(Language.ID, parsed("no answer on 4 targets for 0.9 s"))
    assert found == "tidak ada jawaban dari 4 target selama 0.9 s"
    again = parsed("answers again for 4.8 s; back after 10 s without fault")
    assert (
        message_text(Language.ID, again)
        == "sudah menjawab lagi selama 4.8 s; dipakai lagi setelah 10 s tanpa gangguan"
    )


def test_figures_are_printed_with_their_units() -> None:
    assert render(
        message(
            EventCode.GUARANTEE_SHORT,
            vlan="stream",
            direction="upload",
            guaranteed_bps=12_000_000,
            granted_bps=500,
            short_bps=64_000,
        )
    ) == (
        "VLAN stream is guaranteed 12.0 Mbit/s upload, the uplinks that work can give it 500 bit/s:"
        " 64.0 kbit/s short"
    )
    slow = message(ReasonCode.LATENCY, now_ms=None, exceeded_ms=150.0, policy="show")
    assert slow.text == "latency unknown, was over 150 ms (show)"
    lossy = Message(
        code=ReasonCode.LOSS, values={"now_percent": 1.94, "limit_percent": 1, "policy": "show"}
    )
    assert lossy.text == "loss 1.9 % > 1 % (show)"


def test_what_is_not_known_stays_english() -> None:
    assert translate_reason(Language.ID, {"reason": "eaten by a dog"}) == "eaten by a dog"
    assert translate(Language.ID, "eaten by {who}", who="a dog") == "eaten by a dog"
    newer = {"code": "eaten", "values": {"by": "a dog"}}
    assert message_or_none(newer) is None
    odd = {"code": "loss", "values": {"weather": "rain"}}
    assert translate_reason(Language.ID, {"reason": "it rains", "reason_data": odd}) == "it rains"
    older = event("lane", "x", 1)
    assert event_text(Language.ID, older) == older["text"]


def test_words_of_an_earlier_release_are_told_as_they_are() -> None:
    assert parse_message("no carrier on wan1") == told("no carrier on wan1")
    kept = parse_reason("no carrier on wan1", "no_carrier")
    assert (kept.code, kept.text) == (ReasonCode.NO_CARRIER, "no carrier on wan1")
    assert parse_reason("so", "") == told("so")
    assert not told("")
    odd_values = {"code": "told", "values": {"text": {1, 2}}}
    for wrong in (odd_values, {"code": "told"}, 7):
        with pytest.raises((TypeError, KeyError)):
            parse_message(wrong)


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


def test_directions_are_not_the_states_of_the_same_name() -> None:
    assert [direction_text(Language.ID, word) for word in ("up", "down")] == ["naik", "turun"]
    assert direction_text(Language.EN, "up") == "up"
    assert translate(Language.ID, "up") == "normal"


def test_messages_within_messages_and_lists_go_through_json() -> None:
    within = message(
        AddressCode.DHCP_REJECTED, interface="wan1", offer=message(OfferCode.NO_SERVER_NAMED)
    )
    several = message(LaneCode.NO_LINE, lines=("fiber", "lte"))
    for each in (within, several, message(LaneCode.NO_LINE, lines=())):
        assert parse_message(json.loads(json.dumps(each.as_json()))) == each
    assert message_text(Language.ID, within) == (
        "server DHCP di wan1 menawarkan alamat tanpa menyebut siapa yang menawarkan"
    )
    assert several.text == "none of fiber, lte has an address and a carrier"
    assert format_rate(2_500_000_000) == "2.5 Gbit/s"
