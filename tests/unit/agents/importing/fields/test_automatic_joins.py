"""Files from no platform that belong together, as people export them from tables of a database."""

from pathlib import Path

import pytest

from agents.importing.findings import ImportRefused
from tests.unit.agents.importing.understood_files import understand_files

DATED = "order_id,date,customer_id\no1,2025-05-01,7\no2,2025-05-02,8\n"
ORDERS = "order_id,date,customer_id,total\no1,2025-05-01,7,100\no2,2025-05-02,8,50\n"
ITEMS = "order_id,sku,quantity,price\no1,x,2,30\no1,y,1,40\no2,x,1,50\n"
CUSTOMERS = "customer_id,email,name\n7,a@example.com,Ann\n8,b@example.com,Bob\n"


@pytest.mark.parametrize("reverse", [False, True])
def test_items_and_customers_belong_to_the_orders_that_name_them(tmp_path: Path, *, reverse: bool) -> None:
    files = {"orders.csv": DATED, "items.csv": ITEMS, "customers.csv": CUSTOMERS}
    found = understand_files(tmp_path, dict(sorted(files.items(), reverse=reverse)))
    assert (found.amounts(), found.customers()) == ({"o1": "100.00", "o2": "50.00"}, ["a@example.com", "b@example.com"])


def test_a_join_is_an_assumption_with_its_evidence(tmp_path: Path) -> None:
    found = understand_files(tmp_path, {"orders.csv": ORDERS, "customers.csv": CUSTOMERS.replace("8,b", "9,b")})
    assert found.customers() == ["a@example.com", "8"]
    (evidence,) = (each.evidence for each in found.assumptions if each.value == "customers.csv joined on customer_id")
    assert evidence == "1 of 2 rows of orders.csv have a row with the same customer_id there"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("items.csv", ITEMS),
        (
            "payments.csv",
            "payment_id,order_id,paid_at,amount\np1,o1,2025-05-01,60\np2,o1,2025-05-01,40\np3,o2,2025-05-02,50\n",
        ),
    ],
)
def test_parts_of_orders_whose_sums_are_known_count_only_once(tmp_path: Path, name: str, text: str) -> None:
    found = understand_files(tmp_path, {"orders.csv": ORDERS, name: text})
    assert (found.amounts(), found.assumed["files"]) == ({"o1": "100.00", "o2": "50.00"}, f"without {name}")


def test_what_fits_two_files_is_refused(tmp_path: Path) -> None:
    other = "order_id,date,customer_id,total,city,manager,phone,note\nz1,2025-05-01,7,100,x,y,,n\n"
    with pytest.raises(ImportRefused, match=r"fits orders\.csv and other\.csv, which both have customer_id"):
        understand_files(tmp_path, {"orders.csv": ORDERS, "other.csv": other, "customers.csv": CUSTOMERS})
