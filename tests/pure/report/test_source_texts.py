"""Every text for people in the source has an entry in each catalogue, and can have one."""

import errno
import os

import pytest

from lbrouter.compile.explain.flow import FlowVerdict
from lbrouter.compile.report.i18n import in_language
from lbrouter.kernel.doctor import DiagnosisLevel
from lbrouter.model.language import Language
from lbrouter.model.messages.os_errors import USUAL_OS_ERRORS, os_error_text
from lbrouter.model.messages.phrase import phrase
from tests.kit import source_phrases
from tests.kit.catalogues import catalogue_of

OTHERS = [each for each in Language if each is not Language.EN]
WORDS_ON_SCREEN = [*FlowVerdict, *DiagnosisLevel]


@pytest.mark.parametrize("language", OTHERS)
def test_every_phrase_of_the_source_is_in_each_catalogue(language: Language) -> None:
    found = list(source_phrases.source_texts())
    assert len(found) > 700
    known = catalogue_of(language).keys()
    assert [f"{each.place}: {each.text}" for each in found if each.text not in known] == []


def test_no_text_for_people_is_put_together_in_an_f_string() -> None:
    """Write phrase("... {name}", name=...): of an f-string only the English words are left."""
    found = [each for each in source_phrases.source_texts() if not each.constant]
    assert [f"{each.place}: {each.text}" for each in found] == []


@pytest.mark.parametrize("language", OTHERS)
def test_the_words_of_explain_and_doctor_are_in_each_catalogue(language: Language) -> None:
    assert set(map(str, WORDS_ON_SCREEN)) - catalogue_of(language).keys() == set()


def test_the_usual_words_of_the_system_are_its_own() -> None:
    words = {os.strerror(number) for number in errno.errorcode}
    assert set(USUAL_OS_ERRORS) <= words
    missing = os_error_text(FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)))
    assert in_language(Language.ID, missing) == "berkas atau direktori tidak ada"
    assert os_error_text(OSError(phrase("no HTTP"))) == "no HTTP"
