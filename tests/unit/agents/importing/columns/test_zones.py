"""Time zones as programs write them."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from agents.importing.columns.column_value import ColumnValue
from agents.importing.columns.zone_column import decide_zones
from agents.importing.columns.zones import abbreviation_offset, read_zone, zone_of
from agents.importing.findings import ImportRefused
from agents.importing.mapping.mapping import Mapping
from agents.importing.understanding import PolicyInfo
from state.units.time_zones import load_zone, zone_names
from tests.unit.agents.importing.understood_files import understand_text


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("Europe/Moscow", "Europe/Moscow"),
        ("europe/moscow", "Europe/Moscow"),
        ("US/Eastern", "US/Eastern"),
        ("Etc/GMT+5", "Etc/GMT+5"),
        ("Eastern Time (US & Canada)", "America/New_York"),
        ("(GMT-05:00) Eastern Time (US & Canada)", "America/New_York"),
        ("(UTC+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna", "Europe/Amsterdam"),
        ("Berlin", "Europe/Berlin"),
        ("Buenos Aires", "America/Argentina/Buenos_Aires"),
        ("Kyiv", "Europe/Kyiv"),
        ("Russian Standard Time", "Europe/Moscow"),
        ("W. Europe Standard Time", "Europe/Berlin"),
        ("MSK", "Europe/Moscow"),
        ("PDT", "-07:00"),
        ("pst", "-08:00"),
        ("CEST", "+02:00"),
        ("BST", "+01:00"),
        ("AEDT", "+11:00"),
        ("UTC", "UTC"),
        ("Z", "UTC"),
        ("GMT", "UTC"),
        ("+00:00", "UTC"),
        ("UTC+3", "+03:00"),
        ("GMT+05:30", "+05:30"),
        ("-0400", "-04:00"),
        ("−04:00", "-04:00"),
        ("+14", "+14:00"),
    ],
)
def test_a_zone_is_read(text: str, zone: str) -> None:
    assert read_zone(text) == zone


@pytest.mark.parametrize("text", ["", "XYZ", "Middle Earth", "+25:00", "+05:75", "(UTC+03:00)", "x" * 1000, "5"])
def test_other_texts_are_no_zones(text: str) -> None:
    assert read_zone(text) is None


def test_abbreviations_of_summer_and_winter_differ() -> None:
    assert (abbreviation_offset("EST"), abbreviation_offset("EDT")) == ("-05:00", "-04:00")
    assert abbreviation_offset("Berlin") is None


def test_a_zone_can_be_loaded_by_what_was_read() -> None:
    noon = datetime(2024, 7, 1, 12, tzinfo=UTC)
    assert noon.astimezone(zone_of("Europe/Moscow")).hour == 15
    assert zone_of("-03:30") == timezone(-timedelta(hours=3, minutes=30))
    assert zone_of("UTC").utcoffset(None) is None or noon.astimezone(zone_of("UTC")).hour == 12
    with pytest.raises(ValueError, match="is no time zone"):
        zone_of("EDT")


def test_every_zone_of_iana_is_read_as_itself_or_as_its_winter_time() -> None:
    winter = datetime(2024, 1, 1, 12, tzinfo=UTC)
    for name in zone_names():
        zone = read_zone(name)
        assert zone is not None
        assert (
            zone == name
            or winter.astimezone(zone_of(zone)).utcoffset() == winter.astimezone(load_zone(name)).utcoffset()
        )


def test_a_column_of_zones_reports_what_its_names_stand_for() -> None:
    texts = ["Europe/Moscow", "PDT", "PST", "-", "XYZ"]
    decision = decide_zones([ColumnValue(text, 2, line) for line, text in enumerate(texts, start=2)])
    (assumption,) = decision.assumptions
    assert (assumption.value, assumption.evidence) == ("PDT is -07:00, PST is -08:00", 'line 3: "PDT"')
    assert (decision.missing_cells, decision.unreadable_cells, decision.unreadable[0].text) == (2, 2, "XYZ")


def test_a_column_of_names_of_iana_needs_no_explanation() -> None:
    assert decide_zones([ColumnValue("Europe/Moscow", 1, 2)]).assumptions == []


PAYPAL = "Date,Time,TimeZone,Type,Status,Currency,Gross,From Email Address,To Email Address,Transaction ID\n"


def _moments(folder: Path, zones: tuple[str, ...], currency: str, zone: str = "") -> list[str]:
    rows = (
        f"15/0{n}/2025,10:00:00,{zone},Payment,Completed,{currency},5.00,a@example.com,s@example.com,T{n}\n"
        for n, zone in enumerate(zones, 1)
    )
    text = PAYPAL + "".join(rows)
    found = understand_text(folder, text, Mapping(timezone=zone), PolicyInfo(None))
    return list(found.asked) or [event["occurred_at"][11:16] for event in found.events]


@pytest.mark.parametrize(
    ("zones", "currency", "zone", "moments"),
    [
        (("IST",), "INR", "", ["04:30"]),
        (("IST",), "ILS", "", ["08:00"]),
        (("IST", "IDT"), "USD", "", ["08:00", "07:00"]),
        (("GMT", "IST"), "EUR", "", ["10:00", "09:00"]),
        (("IST",), "USD", "", ["timezone"]),
        (("IST",), "USD", "Asia/Jerusalem", ["08:00"]),
        (("CST", "CDT"), "EUR", "", ["16:00", "15:00"]),
        (("CST",), "CNY", "", ["02:00"]),
        (("CST",), "RUB", "", ["timezone"]),
        (("BST",), "GBP", "", ["09:00"]),
    ],
)
def test_an_abbreviation_with_several_meanings_is_decided_by_the_file_or_asked_about(
    tmp_path: Path, zones: tuple[str, ...], currency: str, zone: str, moments: list[str]
) -> None:
    assert _moments(tmp_path, zones, currency, zone) == moments


def _moments_within_dates(folder: Path, zones: tuple[str, ...], currency: str, zone: str = "") -> list[str]:
    rows = (f"o{n},15 May 2025 10:0{n}:00 {zone},a@example.com,5.00,{currency}\n" for n, zone in enumerate(zones))
    text = "order_id,date,email,amount,currency\n" + "".join(rows)
    found = understand_text(folder, text, Mapping(timezone=zone), PolicyInfo(None))
    return list(found.asked) or [event["occurred_at"][11:16] for event in found.events]


@pytest.mark.parametrize(
    ("zones", "currency", "zone", "moments"),
    [
        (("IST",), "INR", "", ["04:30"]),
        (("IST",), "RUB", "", ["timezone"]),
        (("ist",), "RUB", "Asia/Jerusalem", ["08:00"]),
        (("IDT", "IST"), "USD", "", ["07:00", "08:01"]),
        (("GMT", "IST"), "USD", "", ["09:01", "10:00"]),
        (("CST",), "RUB", "", ["timezone"]),
        (("CDT", "CST"), "RUB", "", ["15:00", "16:01"]),
        (("MSK", "EST"), "RUB", "", ["07:00", "15:01"]),
    ],
)
def test_an_abbreviation_within_dates_is_decided_by_the_file_or_asked_about(
    tmp_path: Path, zones: tuple[str, ...], currency: str, zone: str, moments: list[str]
) -> None:
    assert _moments_within_dates(tmp_path, zones, currency, zone) == moments


def test_an_ambiguous_abbreviation_in_the_moment_of_all_rows_is_refused(tmp_path: Path) -> None:
    mapping = '[set]\noccurred_at = "2025-05-12 10:00 IST"\n'
    with pytest.raises(ImportRefused, match="IST has several meanings"):
        understand_text(tmp_path, "order_id,email,amount\no1,a@example.com,5.00\n", mapping)
