"""Phrases: English everywhere, in the reader's language on a screen, whole through JSON."""

import copy
import json
import pickle

import pytest

from lbrouter.compile.report.i18n import in_language, translate_reason
from lbrouter.compile.report.kernel_status import kernel_status
from lbrouter.model.errors import NotAppliedError, UsageError, message_of
from lbrouter.model.language import Language
from lbrouter.model.messages.codes import EventCode, ReasonCode
from lbrouter.model.messages.message import message, parse_message, parse_phrase
from lbrouter.model.messages.phrase import (
    Phrase,
    as_phrase,
    joined_phrases,
    phrase,
    phrase_document,
)
from tests.kit.translation_gaps import english_words, missing_entries, require_translation

NO_CARRIER = message(ReasonCode.NO_CARRIER, interface="wan1")

NESTED = phrase(
    "{uplink} is not fit for {policy} now: {reason}. The pin waits until it is; until then"
    " {policy} uses its other uplinks.",
    uplink="lte",
    policy="show",
    reason=NO_CARRIER,
)


def test_a_phrase_is_its_english_text() -> None:
    said = phrase("There is no uplink {name}.", name="lte")
    assert said == "There is no uplink lte."
    assert (str(said), said.template, said.values) == (
        said,
        "There is no uplink {name}.",
        {"name": "lte"},
    )
    assert json.dumps(said) == '"There is no uplink lte."'


def test_without_values_braces_are_braces() -> None:
    assert phrase("a table {") == "a table {"
    assert phrase("{text} {{}}", text="{") == "{ {}"
    assert in_language(Language.ID, phrase("eaten by {who")) == "eaten by {who"


def test_the_values_of_a_phrase_are_translated_with_it() -> None:
    assert NESTED.startswith("lte is not fit for show now: no carrier on wan1. The pin waits")
    indonesian = in_language(Language.ID, NESTED)
    assert indonesian.startswith("lte tidak layak untuk show sekarang: kabel wan1 tidak tersambung")
    assert in_language(Language.EN, NESTED) == NESTED
    refused = phrase("The rate {text} {error}.", text="5", error=as_phrase("has no unit"))
    assert in_language(Language.ID, refused) == "The rate 5 tidak punya satuan."


def test_a_constant_is_translated_as_a_whole_and_a_value_is_not() -> None:
    assert in_language(Language.ID, "Run it as root.") == "Jalankan sebagai root."
    assert in_language(Language.ID, "") == ""
    uplink = phrase("There is no uplink {name}.", name="down")  # the name of an uplink, no state
    assert in_language(Language.ID, uplink) == "Tidak ada jalur down."


def test_an_error_keeps_the_phrases_of_both_its_sentences() -> None:
    error = NotAppliedError(NESTED, remedy="Run it as root.")
    assert in_language(Language.ID, str(error)).endswith("\n  Jalankan sebagai root.")
    assert str(NotAppliedError("Nothing was measured.")) == "Nothing was measured."
    assert message_of(error) is NESTED
    assert message_of(OSError("no HTTP")) == "no HTTP"


def test_phrases_are_joined_with_anything_between() -> None:
    found = joined_phrases("; {", ["it is ignored", phrase("{count} VLANs", count=2)])
    assert found == "it is ignored; {2 VLANs"
    assert in_language(Language.ID, found) == "diabaikan; {2 VLAN"
    assert joined_phrases(", ", []) == ""


def test_a_phrase_goes_through_json_whole() -> None:
    for said in (NESTED, phrase("it is ignored"), joined_phrases("\n", [NESTED, "x"])):
        back = parse_phrase(json.loads(json.dumps(phrase_document(said))))
        assert back == said
        assert in_language(Language.ID, back) == in_language(Language.ID, said)
    assert phrase_document("words of nft") == parse_phrase("words of nft") == "words of nft"
    for wrong in (7, {}, {"phrase": "{x}", "values": {}, "code": 1} | {"values": {"y": 1}}):
        with pytest.raises((KeyError, TypeError)):
            parse_phrase(wrong)


def test_a_message_keeps_the_phrase_of_its_error() -> None:
    refused = message(EventCode.APPLY_REFUSED, source="hall.toml", error=str(UsageError(NESTED)))
    back = parse_message(json.loads(json.dumps(refused.as_json())))
    assert back == refused
    document = {"reason": refused.text, "reason_data": refused.as_json()}
    assert "kabel wan1 tidak tersambung" in translate_reason(Language.ID, document)


def test_a_phrase_is_copied_with_what_it_was_made_of() -> None:
    for twin in (copy.deepcopy(NESTED), pickle.loads(pickle.dumps(NESTED))):
        assert isinstance(twin, Phrase)
        assert (twin, twin.template) == (NESTED, NESTED.template)


def test_the_reason_of_the_kernel_is_told_from_its_data() -> None:
    lacks = phrase("the kernel lacks: {shown}", shown="ip rule add")
    status = kernel_status(since="2026-11-30T00:00:00Z", reason=lacks)
    through = json.loads(json.dumps(status))
    assert translate_reason(Language.ID, through) == "kernel kekurangan: ip rule add"
    assert "reason_data" not in kernel_status(since="", reason="tc: EINVAL")
    assert kernel_status(since="", reason=None)["verified"]


def test_data_of_another_release_are_told_in_english() -> None:
    broken = {"phrase": "{uplink} of {line}", "values": {"uplink": "lte"}}
    assert translate_reason(Language.ID, {"reason": "so", "reason_data": broken}) == "so"


def test_a_gap_in_the_catalogue_is_found() -> None:
    assert missing_entries(phrase("eaten by {who}", who="a dog")) == {"eaten by {who}"}
    assert missing_entries(phrase("{place}: {what}", place="x", what=as_phrase("the dog"))) == {
        "the dog"
    }
    assert english_words('vlans.x = "the dog": is `not` eaten by the cat') == {"by", "is", "the"}
    with pytest.raises(AssertionError):
        require_translation(phrase("{name} is eaten", name="x"))
    require_translation(NESTED)
