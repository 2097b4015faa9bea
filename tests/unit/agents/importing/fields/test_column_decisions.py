"""What one column of a file proves decides the others, as far as it can."""

from pathlib import Path

import pytest

from tests.unit.agents.importing.understood_files import understand_text


@pytest.mark.parametrize(
    ("amount", "discount", "result"),
    [
        ("12.500", '"19,90"', "12500.00"),
        ('"12,500"', "19.90", "12500.00"),
        ('"1.234,50"', '"0,5"', "1234.50"),
    ],
)
def test_the_decimal_sign_of_one_column_decides_another(
    tmp_path: Path, amount: str, discount: str, result: str
) -> None:
    found = understand_text(
        tmp_path, f"customer_id,date,order_id,amount,discount\nc1,2025-05-12,o1,{amount},{discount}\n"
    )
    assert found.amounts() == {"o1": result}
    assert found.asked == {}


def test_a_number_that_two_columns_read_differently_is_asked_about(tmp_path: Path) -> None:
    """Whoever writes 19.90 does not write 12.50 as 12.500: the file has two writers, or an error."""
    text = "customer_id,date,order_id,amount,discount\nc1,2025-05-12,o1,12.500,19.90\n"
    assert list(understand_text(tmp_path, text).asked) == ["decimal"]


def test_the_order_of_dates_in_one_column_decides_another(tmp_path: Path) -> None:
    text = "customer_id,order date,order_id,amount,refunded amount,refunded at\nc1,3/4/2025,o1,10,4,3/29/2025\n"
    found = understand_text(tmp_path, text)
    assert [event["occurred_at"][:10] for event in found.events] == ["2025-03-04", "2025-03-29"]
    assert found.assumed["occurred_at.order"] == "month_first"


def test_dates_that_no_column_decides_are_asked_about(tmp_path: Path) -> None:
    text = "customer_id,order date,order_id,amount\nc1,3/4/2025,o1,10\n"
    assert list(understand_text(tmp_path, text).asked) == ["time_format"]
