"""The report about a file, for people and as JSON."""

from collections import Counter
from typing import Any

import msgspec
import pytest

from agents.importing.findings import Assumption
from agents.importing.import_report import ImportReport

REPORT = ImportReport(
    platform="shopify",
    import_id="20260514-093012-6f3a",
    rows=1_234,
    events=Counter({"purchase": 1_001, "refund": 2}),
    orders=1_100,
    anonymous=55,
    refunds=3,
    signups=0,
    customers=700,
    gross_minor=123_456_789,
    refunds_minor=5_000,
    currency="RUB",
    first_ms=1_767_225_600_000,
    last_ms=1_767_225_600_001,
    reachable={"email": 120, "sms": 0},
    assumptions=[
        Assumption("encoding", "cp1251", "line 3: «Заказ»", "--encoding"),
        Assumption("encoding", "cp1251", "line 3: «Заказ»", "--encoding"),
        Assumption("encoding", "utf-8", "all bytes of the second file fit", "--encoding"),
        Assumption("policy", "retail-27@1", "active"),
        Assumption("email", "Email", "as shopify names it", "--field email=…"),
        Assumption("amount", "Total", "as shopify names it", "--field amount=…"),
    ],
    left_out=[("known", 99, [2, 3, 4], ""), ("status", 1, [17], 'Financial Status is "voided"')],
    samples=[b'{"type":"purchase"}'],
)


def as_json(report: ImportReport) -> dict[str, Any]:
    content: dict[str, Any] = msgspec.json.decode(report.to_json())
    return content


def test_the_json_object_has_exactly_these_keys() -> None:
    assert as_json(REPORT) == {
        "platform": "shopify",
        "rows": 1_234,
        "events": {"purchase": 1_001, "refund": 2},
        "orders": 1_100,
        "customers": 700,
        "anonymous": 55,
        "gross": "1234567.89",
        "refunds": "50.00",
        "net": "1234517.89",
        "currency": "RUB",
        "first_at": "2026-01-01T00:00:00.000Z",
        "last_at": "2026-01-01T00:00:00.001Z",
        "assumed": {"encoding": "cp1251; utf-8", "policy": "retail-27@1", "email": "Email", "amount": "Total"},
        "left_out": [
            {"reason": "known", "count": 99, "lines": [2, 3, 4]},
            {"reason": "status", "count": 1, "lines": [17]},
        ],
        "samples": [{"type": "purchase"}],
        "import_id": "20260514-093012-6f3a",
    }


@pytest.mark.parametrize(
    ("currency", "gross", "net"), [("JPY", "123456789", "123451789"), ("KWD", "123456.789", "123451.789")]
)
def test_money_has_the_digits_of_its_currency(currency: str, gross: str, net: str) -> None:
    content = as_json(msgspec.structs.replace(REPORT, currency=currency))
    assert (content["gross"], content["net"]) == (gross, net)


def test_a_file_without_moments_has_none() -> None:
    content = as_json(msgspec.structs.replace(REPORT, first_ms=None, last_ms=None))
    assert (content["first_at"], content["last_at"]) == (None, None)


def test_people_read_the_same_figures_with_evidence_and_reasons() -> None:
    text = "\n".join(REPORT.to_lines())
    assert max(map(len, text.splitlines())) <= 120
    lines = [" ".join(line.split()) for line in REPORT.to_lines()]
    for expected in (
        "rows 1,234",
        "orders 1,100, of which 55 without a customer (5%)",
        "gross 1,234,567.89 RUB",
        "net 1,234,517.89 RUB",
        "moments 2026-01-01T00:00:00.000Z to 2026-01-01T00:00:00.001Z",
        "reachable 120 by email, of 700 customers",
        "to publish 1,003 events (1,001 purchase, 2 refund)",
        "encoding cp1251 (line 3: «Заказ»; --encoding decides otherwise)",
        "policy retail-27@1 (active)",
        "columns email = Email; amount = Total (as shopify names it; --field FIELD=COLUMN decides otherwise)",
        "known 99 (imported before, or came by a hook): lines 2, 3, 4 …",
        'status 1 (Financial Status is "voided"): line 17',
        '{"type":"purchase"}',
    ):
        assert expected in lines
    assert len([line for line in lines if line.startswith("encoding cp1251")]) == 1


def test_the_report_says_that_nobody_can_be_reached_and_nothing_is_new() -> None:
    report = msgspec.structs.replace(REPORT, reachable={}, events=Counter(), gross_minor=-150, orders=0, anonymous=0)
    text = "\n".join(report.to_lines())
    assert "nobody: without consent" in text
    assert "to publish        nothing" in text
    assert "-1.50 RUB" in text
    assert "(0%)" in text


def test_what_may_be_wrong_stands_before_what_is_certain() -> None:
    doubtful = Assumption("status.other", "Neu (3)", "nobody knows these words")
    lines = list(msgspec.structs.replace(REPORT, assumptions=[*REPORT.assumptions, doubtful]).to_lines())
    assert lines.index("please check") < lines.index("read as")
    assert sum("nobody knows these words" in line for line in lines) == 1
    assert "please check" not in list(REPORT.to_lines())
