"""Texts of others in CSV."""

import pytest

from agents.analysis.csv_cells import text_cell


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("c-17", "c-17"),
        ("", ""),
        ("=1+1", "'=1+1"),
        ("+7 900", "'+7 900"),
        ("-1", "'-1"),
        ("@x", "'@x"),
        ("a=b", "a=b"),
    ],
)
def test_a_spreadsheet_takes_no_text_for_a_formula(text: str, cell: str) -> None:
    assert text_cell(text) == cell
