"""The texts of a compiled catalogue with their translations."""

from gettext import GNUTranslations

from lbrouter.compile.report import i18n
from lbrouter.model.language import Language


def catalogue_of(language: Language) -> dict[str, str]:
    """Texts with their translations; the singular of a plural with the first form."""
    found = i18n.catalogue(language)
    assert isinstance(found, GNUTranslations)
    entries: dict[object, str] = found._catalog
    return {
        str(each[0] if isinstance(each, tuple) else each): text
        for each, text in entries.items()
        if each != ""
    }
