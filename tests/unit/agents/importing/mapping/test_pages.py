"""Each platform has a page in both languages, which names its columns and words, and shows a report that is true."""

import re
import shlex
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Final

import msgspec
import pytest

from agents.importing.findings import Assumption
from agents.importing.mapping.event_fields import (
    COMMON_FIELDS,
    CONSENT_FIELDS,
    FIELDS_BY_KIND,
    IMPORT_FIELDS,
    SALES_KINDS,
)
from agents.importing.mapping.expression import columns_of
from agents.importing.mapping.mapping import AUTO, Mapping
from agents.importing.mapping.mapping_writer import write_mapping
from agents.importing.platforms.catalog import GENERIC, OWN, Platform, all_platforms, forms_of, platform_names
from agents.importing.reading.opening import open_sources
from agents.importing.staging.stage import stage
from agents.importing.understanding import PolicyInfo, understand
from state.units.money import DIGITS, format_minor
from state.units.timestamps import format_ms

ROOT: Final = Path(__file__).parents[5]
FOLDER: Final = ROOT / "docs/import"
LANGUAGES: Final = {"en": "{}.md", "ru": "{}.ru.md"}
KNOWN: Final = sorted({*platform_names()} - {GENERIC, OWN})
IN_EACH_LANGUAGE: Final = pytest.mark.parametrize("language", LANGUAGES)
OF_EACH_PLATFORM: Final = pytest.mark.parametrize("platform", platform_names())
OF_EACH_KNOWN_PLATFORM: Final = pytest.mark.parametrize("platform", KNOWN)


class Found(msgspec.Struct):
    """What the report about the files of an example states."""

    content: dict[str, str]
    assumptions: list[Assumption]
    left_out: dict[str, tuple[int, list[int]]]
    samples: list[bytes]


def page(platform: str, language: str) -> str:
    """Return the text of a page."""
    return (FOLDER / LANGUAGES[language].format(platform)).read_text("utf-8")


def prose(text: str) -> str:
    """Return a page without its blocks of code."""
    return re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)


def rows_about_columns(text: str) -> Iterator[tuple[set[str], set[str]]]:
    """Yield the names in backticks of both cells, of each row of the tables that say what columns become."""
    for table in re.findall(r"^\| (?:column|столбец)[^\n]*\|\n\|---\|---\|\n((?:\|[^\n]*\n)+)", text, re.MULTILINE):
        for row in table.splitlines():
            column, field = row.strip("|").split(" | ")
            yield names_in(column), names_in(field)


def names_in(text: str) -> set[str]:
    """Return what is in backticks."""
    return set(re.findall(r"`([^`]+)`", text))


def fields_of(form: Platform) -> dict[str, set[str]]:
    """Return the fields that events of a form of file have, with their columns."""
    kinds = SALES_KINDS if form.mapping.kind == AUTO else (form.mapping.kind,)
    used = {
        *COMMON_FIELDS,
        *CONSENT_FIELDS,
        *IMPORT_FIELDS,
        *(field for kind in kinds for field in FIELDS_BY_KIND[kind]),
    }
    return {
        field: {*columns_of(expression)}
        for fields in (form.mapping.refund, form.mapping.fields)
        for field, expression in fields.items()
        if field in used
    }


def columns_of_form(form: Platform) -> set[str]:
    """Return all columns that a form of file names."""
    mapping = form.mapping
    expressions = (*mapping.fields.values(), *mapping.refund.values())
    return {
        *(name for expression in expressions for name in columns_of(expression)),
        *(name for group in form.detect for name in group),
        *(rule.column for rule in mapping.rules),
        *(name for join in mapping.joins for name in (*join.columns, *join.on)),
    }


def command_of(text: str) -> str:
    """Return the import of a page's example."""
    found = re.search(r"^```sh\n(goldstream import [^\n]+ --dry-run)\n```\n\n```text\n", text, re.MULTILINE)
    assert found
    return found[1]


def report_of(text: str) -> str:
    """Return the report of a page's example, without the breaks of long lines."""
    return re.sub(r"\n {10,}", " ", text.partition("```text\n")[2].partition("```")[0])


@lru_cache
def understood(command: str, currency: str) -> Found:
    """Return what the files of a command hold, for a policy in a currency."""
    options: dict[str, str] = {}
    files = []
    words = iter(shlex.split(command)[2:])
    for word in words:
        if word.startswith("--") and word != "--dry-run":
            options[word.removeprefix("--")] = next(words)
        elif word != "--dry-run":
            files.append(ROOT / word)
    mapping = Mapping(timezone=options.pop("timezone", ""), currency=options.pop("currency", ""))
    assert not options
    with stage(
        [source for file in files for source in open_sources(file, mapping.read_options())], lambda _: None
    ) as staging:
        found = understand(staging, mapping, PolicyInfo(currency))
    totals = found.totals

    def money(minor: int) -> str:
        return f"{format_minor(minor, DIGITS[currency])} {currency}"

    assert totals.first_ms is not None
    assert totals.last_ms is not None
    content = {
        "orders": f"{totals.orders}, of which {totals.anonymous} without a customer",
        "refunds": str(totals.refunds),
        "signups": str(totals.events["signup"]),
        "customers": str(totals.customers),
        "gross": money(totals.gross_minor),
        "refunded": money(totals.refunds_minor),
        "net": money(totals.gross_minor - totals.refunds_minor),
        "moments": f"{format_ms(totals.first_ms)} to {format_ms(totals.last_ms)}",
        "reachable": ", ".join(f"{count} by {channel}" for channel, count in sorted(totals.reachable.items())),
    }
    left_out = {reason: (count, lines) for reason, count, lines, _ in found.left_out.rows()}
    return Found(content, found.assumptions, left_out, [sample.value for sample in found.samples])


@OF_EACH_PLATFORM
@IN_EACH_LANGUAGE
def test_each_platform_has_a_page_that_the_index_lists(platform: str, language: str) -> None:
    name = LANGUAGES[language].format(platform)
    assert f"]({name})" in page("README", language)
    assert "\n## " in page(platform, language)


@OF_EACH_KNOWN_PLATFORM
@IN_EACH_LANGUAGE
def test_each_column_that_a_page_names_is_one_of_the_platform(platform: str, language: str) -> None:
    known = {name for form in forms_of(platform) for name in columns_of_form(form)}
    named = {name for columns, _ in rows_about_columns(page(platform, language)) for name in columns}
    assert named
    assert named - known == set()


@OF_EACH_KNOWN_PLATFORM
@IN_EACH_LANGUAGE
def test_a_page_names_all_that_the_platform_reads(platform: str, language: str) -> None:
    text = page(platform, language)
    rows = list(rows_about_columns(text))
    fields = {name for _, fields in rows for name in fields}
    for form in forms_of(platform):
        read = fields_of(form)
        assert read.keys() - fields == set()
        assert {name for names in read.values() for name in names} - {
            name for names, _ in rows for name in names
        } == set()
        mapping = form.mapping
        words = {
            *(word for kind in (*SALES_KINDS, "cancel") for word in mapping.words.get(kind, ()) if "*" not in word),
            *(mapping.statuses.counts + mapping.statuses.refunded + mapping.statuses.skip),
            *(rule.column for rule in mapping.rules if rule.column != "Mode"),
        }
        assert words - names_in(prose(text)) == set()


@OF_EACH_PLATFORM
@IN_EACH_LANGUAGE
def test_the_report_of_a_page_is_what_the_import_finds(platform: str, language: str) -> None:
    text = page(platform, language)
    content = report_of(text).partition("\n\n")[0]
    stated = dict(line.split(maxsplit=1) for line in content.splitlines() if line.strip())
    found = understood(command_of(text), stated["net"].split()[-1])

    for label, value in stated.items():
        assert value.replace(",", "").startswith(found.content[label].replace(",", "")), label
    assert len(set(found.samples)) == len(found.samples)


@OF_EACH_PLATFORM
@IN_EACH_LANGUAGE
def test_a_page_shows_what_is_left_out_and_how_the_file_is_read(platform: str, language: str) -> None:
    text = page(platform, language)
    report = report_of(text)
    currency = re.findall(r"net +[\d.,]+ (\w{3})", report)[0]
    found = understood(command_of(text), currency)
    left_out = report.partition("\nleft out\n")[2]
    shown = {
        reason: (int(count), [int(line) for line in lines.split(", ")])
        for reason, count, lines in re.findall(r"^  (\w+) +(\d+).*: lines? ([\d, ]+)$", left_out, re.MULTILINE)
    }
    assert shown == found.left_out
    read_as = report.partition("\nread as\n")[2].partition("\n\n")[0].splitlines()
    stated = {(each.subject, f"{each.value} ({each.evidence}") for each in found.assumptions}
    for line in read_as:
        if line != "  …":
            subject, value = line.split(maxsplit=1)
            assert any(subject == about and value.startswith(decided) for about, decided in stated), line


@OF_EACH_PLATFORM
def test_both_languages_have_the_same_example(platform: str) -> None:
    blocks = [re.findall(r"^```.*?^```", page(platform, each), re.DOTALL | re.MULTILINE) for each in LANGUAGES]
    assert blocks[0] == blocks[1]


@IN_EACH_LANGUAGE
def test_the_index_names_every_key_of_a_mapping_file(language: str) -> None:
    names = {word for name in names_in(prose(page("README", language))) for word in re.findall(r"[\w.]+", name)}
    written = {
        key
        for form in all_platforms()
        for key in re.findall(r"^\[*(\w+)(?: =|\]+$)", write_mapping(form.mapping), re.MULTILINE)
        if key not in fields_of(form)
    }
    assert written - names == set()
    assert {*IMPORT_FIELDS} - names == set()
    keys = {"file_format": "format", "constants": "set", "other_words": "other", "statuses": "status", "joins": "join"}
    assert {keys.get(key, key) for key in Mapping.__struct_fields__} - {"rules"} - names == set()
