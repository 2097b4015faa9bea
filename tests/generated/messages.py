"""Write the catalogues of translated texts: `make messages`, after a text of the pages has changed.

Collects the texts of the source and the templates, brings each language's `.po` file up to date (new texts are empty
there, until somebody translates them), and compiles it to the `.mo` file that is read at run time.
"""

import io
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from agents.languages.translations import DOMAIN, FOLDER, Language
from state.records.reasons import RejectionReason, SuppressionReason

ROOT: Final = Path(__file__).parents[2]
LANGUAGES: Final = tuple(language for language in Language if language is not Language.EN)
SOURCES: Final = ("agents/languages", "agents/customer_view", "agents/serve/pages")
KEYWORDS: Final = {
    "_": None,
    "gettext": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
    "mark": None,
    "translate": None,  # in Python, the names that functions give to gettext and ngettext
    "many": (1, 2),
}
_HEADER: Final = """\
# Translations of the pages and of what they show. `make messages` adds new texts and compiles this file."""
_UNDATED: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""The date in all catalogues."""


def collect() -> Catalog:
    """Return the texts of the source, of the templates, and of the reasons that records carry."""
    texts = Catalog()
    for path in _paths():
        method = "python" if path.suffix == ".py" else "jinja2.ext:babel_extract"
        options = {"trimmed": "true", "trim_blocks": "true", "lstrip_blocks": "true", "silent": "false"}
        found = extract(method, io.BytesIO(path.read_bytes()), KEYWORDS, (), options)
        for _, message, _, context in found:
            texts.add(message, locations=[(str(path.relative_to(ROOT)), 0)], context=context)
    for reasons in (SuppressionReason, RejectionReason):
        for reason in reasons:
            texts.add(reason.meaning, locations=[("state/records/reasons.py", 0)])
    return texts


def read(language: Language) -> Catalog:
    """Return the catalogue of a language as it is in its file."""
    path = catalogue_path(language)
    if not path.exists():
        return Catalog(locale=language.value)
    with path.open("rb") as file:
        return read_po(file, locale=language.value, domain=DOMAIN)


def compiled(catalogue: Catalog) -> bytes:
    """Return the contents of the `.mo` file."""
    file = io.BytesIO()
    write_mo(file, catalogue)
    return file.getvalue()


def _write_header(catalogue: Catalog) -> None:
    """Write what never changes, so that writing a catalogue twice changes nothing."""
    catalogue.header_comment = _HEADER
    catalogue.project, catalogue.version = "Goldstream", "1"
    catalogue.creation_date = catalogue.revision_date = _UNDATED
    catalogue.last_translator = catalogue.language_team = catalogue.msgid_bugs_address = "none"
    catalogue.fuzzy = False


def catalogue_path(language: Language) -> Path:
    """Return the path of the `.po` file; the `.mo` file is beside it."""
    return FOLDER / language.value / "LC_MESSAGES" / f"{DOMAIN}.po"


def missing(catalogue: Catalog) -> list[Message]:
    """Return the texts that are not translated, or in too few forms."""
    return [message for message in catalogue if message.id and not _is_whole(message, catalogue)]


def _is_whole(message: Message, catalogue: Catalog) -> bool:
    wanted = catalogue.num_plurals if message.pluralizable else 1
    return not message.fuzzy and all(forms_of(message)) and len(forms_of(message)) == wanted


def forms_of(message: Message) -> list[str]:
    """Return the forms of a translation: one, or those of its plurals."""
    return list(message.string) if isinstance(message.string, tuple | list) else [message.string or ""]


def _paths() -> Iterator[Path]:
    for folder in SOURCES:
        yield from sorted(path for path in (ROOT / folder).rglob("*") if path.suffix in {".py", ".html"})


def main() -> int:
    """Update and compile the catalogues; list what is not translated."""
    texts, untranslated = collect(), 0
    for language in LANGUAGES:
        path, catalogue = catalogue_path(language), read(language)
        catalogue.update(texts, no_fuzzy_matching=True, update_creation_date=False)
        _write_header(catalogue)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            write_po(file, catalogue, width=0, sort_output=True, ignore_obsolete=True, include_lineno=False)
        path.with_suffix(".mo").write_bytes(compiled(read(language)))
        for message in missing(catalogue):
            untranslated += 1
            print(f"messages: {path.relative_to(ROOT)}: not translated: {message.id!r}", file=sys.stderr)
    print(f"messages: {len(texts)} texts, {untranslated} not translated")
    return 1 if untranslated else 0


if __name__ == "__main__":
    sys.exit(main())
