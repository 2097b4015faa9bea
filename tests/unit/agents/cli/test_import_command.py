"""`goldstream import` without Kafka: what a dry run reports, refuses and writes."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from agents.cli import main
from streams.defaults import policy_text
from streams.settings.settings_spec import SETTINGS

SHOP = """Order,Customer,Date,Amount
1001,ann,2025-05-12T10:00:00Z,1500.00
1002,bob,2025-05-13T10:00:00Z,250.50
1003,,2025-05-14T10:00:00Z,99.00
1004,ann,2025-05-15T10:00:00Z,10.00
"""
KEYS = {
    "platform", "rows", "events", "orders", "customers", "anonymous", "gross", "refunds", "net", "currency",
    "first_at", "last_at", "assumed", "left_out", "samples", "import_id",
}  # fmt: skip


@pytest.fixture(autouse=True)
def isolated_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Use no outside settings, no Kafka and a separate folder."""
    for variable in SETTINGS:
        monkeypatch.delenv(variable.name, raising=False)
    monkeypatch.delenv("GOLDSTREAM_CONFIG", raising=False)
    monkeypatch.setenv("GOLDSTREAM_KAFKA", "127.0.0.1:1")
    monkeypatch.chdir(tmp_path)


def dry_run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Run a dry import; return its status, standard output and standard error."""
    capsys.readouterr()
    status = main(["import", *arguments, "--dry-run"])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def report_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    status, out, err = dry_run(capsys, *arguments, "--json")
    assert status == 0, err
    content: dict[str, Any] = json.loads(out)
    return content


def test_a_dry_run_reports_everything_and_says_that_nothing_is_published(capsys: pytest.CaptureFixture[str]) -> None:
    Path("shop.csv").write_text(SHOP)
    status, out, err = dry_run(capsys, "shop.csv")
    assert (status, err) == (0, "")
    first, *_, last = out.splitlines()
    assert first.startswith("import ")
    assert last == f"{first}: nothing published, a dry run"
    for text in (
        "1 without a customer",
        "1,859.50 RUB",
        "2025-05-12T10:00:00.000Z",
        "cannot be reached, so everything",
    ):
        assert text in out


def test_the_json_report_is_the_only_output(capsys: pytest.CaptureFixture[str]) -> None:
    Path("shop.csv").write_text(SHOP)
    report = report_of(capsys, "shop.csv", "--import-id", "may")
    assert set(report) == KEYS
    assert report["events"] == {"purchase": 4}
    assert (report["orders"], report["customers"], report["anonymous"]) == (4, 2, 1)
    assert (report["gross"], report["refunds"], report["net"]) == ("1859.50", "0.00", "1859.50")
    assert report["import_id"] == "may"
    assert [sample["order_id"] for sample in report["samples"]] == ["1001", "1002", "1003"]


def test_each_import_has_another_id(capsys: pytest.CaptureFixture[str]) -> None:
    Path("shop.csv").write_text(SHOP)
    ids = {report_of(capsys, "shop.csv")["import_id"] for _ in range(3)}
    assert len(ids) == 3
    assert all(1 <= len(each) <= 64 for each in ids)


def test_several_files_are_one_import(capsys: pytest.CaptureFixture[str]) -> None:
    Path("may.csv").write_text(SHOP)
    Path("june.csv").write_text(SHOP.replace("100", "200"))
    assert report_of(capsys, "may.csv", "june.csv")["orders"] == 8


def test_a_foreign_currency_is_refused_once_with_the_command_that_helps(capsys: pytest.CaptureFixture[str]) -> None:
    rows = "".join(f"{number},c{number % 7},2025-05-12T10:00:00Z,5.00,USD\n" for number in range(40))
    Path("shop.csv").write_text("Order,Customer,Date,Amount,Currency\n" + rows)
    status, out, err = dry_run(capsys, "shop.csv")
    assert status == 1
    assert len(out.splitlines()) == 1
    (line,) = err.splitlines()
    assert "USD" in line
    assert "`goldstream policy suggest shop.csv`" in line


def test_what_cannot_be_decided_is_refused_with_its_option_where_nobody_can_be_asked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("shop.csv").write_text(SHOP.replace("T10:00:00Z", " 10:00"))
    status, _, err = dry_run(capsys, "shop.csv")
    assert status == 1
    assert "--timezone" in err
    report = report_of(capsys, "shop.csv", "--timezone", "Europe/Moscow")
    assert report["first_at"] == "2025-05-12T07:00:00.000Z"
    assert report["assumed"]["timezone"] == "Europe/Moscow"


def test_the_zone_of_a_policy_file_counts_and_that_of_the_built_in_one_does_not(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("shop.csv").write_text(SHOP.replace("T10:00:00Z", " 10:00"))
    Path("policy.toml").write_text(policy_text().replace('timezone = "UTC"', ""))
    monkeypatch.setenv("GOLDSTREAM_POLICY", "policy.toml")
    assert dry_run(capsys, "shop.csv")[0] == 1
    Path("policy.toml").write_text('timezone = "Asia/Almaty"\n' + Path("policy.toml").read_text())
    assert report_of(capsys, "shop.csv")["first_at"] == "2025-05-12T05:00:00.000Z"


def test_unreadable_rows_are_left_out_loudly(capsys: pytest.CaptureFixture[str]) -> None:
    Path("shop.csv").write_text(SHOP + "1005,ann,2025-05-16T10:00:00Z,twelve\n")
    status, out, err = dry_run(capsys, "shop.csv", "--errors", "errors.csv", "--json")
    assert status == 0
    assert {"reason": "unreadable", "count": 1, "lines": [6]} in json.loads(out)["left_out"]
    assert "twelve" in err
    assert "1 of 5 rows cannot be read and is left out" in err
    assert err.splitlines()[-1].endswith("a dry run; WITHOUT 1 of 5 rows, which cannot be read")
    head, row = Path("errors.csv").read_text("utf-8-sig").splitlines()
    assert head == f"import line,import error,{SHOP.splitlines()[0]}"
    assert row.startswith('6,"amount must be a number: got ""twelve""",1005,ann,')


def test_rows_that_were_corrected_in_the_file_of_errors_are_imported(capsys: pytest.CaptureFixture[str]) -> None:
    bad = "1005,ann,2025-05-16T10:00:00Z,twelve\n1006,bob,2025-99-16T10:00:00Z,7.00\n1007,bob,,\n"
    Path("shop.csv").write_text(SHOP + bad)
    assert report_of(capsys, "shop.csv", "--errors", "errors.csv")["orders"] == 4
    text = Path("errors.csv").read_text("utf-8-sig").replace("2025-99-", "2025-09-")
    text = text.replace("ann,2025-05-16T10:00:00Z,twelve", "ann,2025-05-16T10:00:00Z,12.00")
    Path("corrected.csv").write_text("".join(line for line in text.splitlines(keepends=True) if "1007" not in line))
    report = report_of(capsys, "corrected.csv")
    assert (report["rows"], report["orders"], report["gross"]) == (2, 2, "19.00")
    assert [sample["order_id"] for sample in report["samples"]] == ["1005", "1006"]


def test_the_file_of_errors_has_all_rows_of_an_order(capsys: pytest.CaptureFixture[str]) -> None:
    lines = "order_id,sku,date,email,line total\no1,x,2025-05-01T10:00:00Z,a@example.com,5.00\n"
    lines += "o2,x,2025-05-01T10:00:00Z,a@example.com,7.00\no2,y,2025-05-01T10:00:00Z,a@example.com,seven\n"
    Path("shop.csv").write_text(lines + "o3,x,2025-05-01T10:00:00Z,a@example.com,8.00\n")
    report_of(capsys, "shop.csv", "--errors", "errors.csv")
    rows = Path("errors.csv").read_text("utf-8-sig").splitlines()[1:]
    assert [(row.partition(",")[0], row.rpartition(",")[2]) for row in rows] == [("3", "7.00"), ("4", "seven")]


def test_strict_refuses_a_single_unreadable_row(capsys: pytest.CaptureFixture[str]) -> None:
    Path("shop.csv").write_text(SHOP + "1005,ann,2025-05-16T10:00:00Z,twelve\n")
    status, _, err = dry_run(capsys, "shop.csv", "--strict")
    assert status == 1
    assert "because of --strict" in err


def test_a_file_most_of_whose_rows_are_unreadable_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    rows = "".join(f"{number},ann,2025-05-16T10:00:00Z,twelve\n" for number in range(20))
    Path("shop.csv").write_text(SHOP + rows)
    status, _, err = dry_run(capsys, "shop.csv", "--field", "amount=Amount")
    assert status == 1
    assert "20 of 24 rows cannot be read" in err


def test_the_first_ten_errors_are_printed_and_all_are_written(capsys: pytest.CaptureFixture[str]) -> None:
    bad = "".join(f"{number},ann,2025-05-16T10:00:00Z,twelve\n" for number in range(15))
    good = "".join(f"{number},ann,2025-05-16T10:00:00Z,12.00\n" for number in range(100, 130))
    Path("shop.csv").write_text(SHOP + good + bad)
    status, _, err = dry_run(capsys, "shop.csv", "--errors", "errors.csv", "--field", "amount=Amount")
    assert status == 0
    lines = err.splitlines()
    assert len([line for line in lines if line.startswith("shop.csv:")]) == 10
    assert "5 more rows cannot be read; all of them are in errors.csv" in lines
    assert len(Path("errors.csv").read_text("utf-8-sig").splitlines()) == 1 + 15


def test_a_limit_stops_reading(capsys: pytest.CaptureFixture[str]) -> None:
    Path("shop.csv").write_text(SHOP)
    report = report_of(capsys, "shop.csv", "--limit", "2")
    assert (report["rows"], report["orders"]) == (2, 2)


def test_future_events_are_accepted_only_in_event_mode(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    year = time.gmtime().tm_year + 2
    Path("shop.csv").write_text(SHOP.replace("2025", str(year)))
    status, _, err = dry_run(capsys, "shop.csv")
    assert (status, "future" in err) == (1, True)
    monkeypatch.setenv("GOLDSTREAM_TIME", "event")
    assert report_of(capsys, "shop.csv")["orders"] == 4


@pytest.mark.parametrize("name", ["nowhere.csv", "folder"])
def test_a_file_that_cannot_be_read_is_named(capsys: pytest.CaptureFixture[str], name: str) -> None:
    Path("folder").mkdir()
    status, _, err = dry_run(capsys, name)
    assert status == 1
    (line,) = err.splitlines()
    assert name in line


def test_the_mapping_that_was_used_can_be_written_and_used_again(capsys: pytest.CaptureFixture[str]) -> None:
    Path("shop.csv").write_text(SHOP.replace("Customer", "Whoever"))
    first = report_of(capsys, "shop.csv", "--field", "customer_id=Whoever", "--write-map", "map.toml")
    again = report_of(capsys, "shop.csv", "--map", "map.toml")
    assert (again["orders"], again["customers"], again["net"]) == (4, 2, first["net"])


def test_answers_beside_the_export_are_used_and_named(capsys: pytest.CaptureFixture[str]) -> None:
    Path("shop.csv").write_text(SHOP.replace("T10:00:00Z", " 10:00"))
    Path("shop.csv.map.toml").write_text('timezone = "Europe/Moscow"\n')
    status, out, err = dry_run(capsys, "shop.csv", "--json")
    assert status == 0
    assert json.loads(out)["first_at"] == "2025-05-12T07:00:00.000Z"
    assert "answers are taken from shop.csv.map.toml" in err
    assert report_of(capsys, "shop.csv", "--timezone", "UTC")["first_at"] == "2025-05-12T10:00:00.000Z"


def test_an_option_changes_a_mapping_file(capsys: pytest.CaptureFixture[str]) -> None:
    Path("shop.csv").write_text(SHOP.replace("T10:00:00Z", " 10:00"))
    Path("map.toml").write_text('timezone = "Europe/Moscow"\nsource = "msk"\n')
    report = report_of(capsys, "shop.csv", "--map", "map.toml", "--timezone", "UTC")
    assert report["first_at"] == "2025-05-12T10:00:00.000Z"
    assert report["samples"][0]["customer_id"] == "msk:ann"


@pytest.mark.parametrize(
    ("sign", "amount"), [("comma", "1500,00"), (",", "1500,00"), ("point", "1500.00"), (".", "1500.00")]
)
def test_the_decimal_sign_can_be_named(capsys: pytest.CaptureFixture[str], sign: str, amount: str) -> None:
    Path("shop.csv").write_text(f"Order;Customer;Date;Amount\n1;ann;2025-05-12T10:00:00Z;{amount}\n")
    assert report_of(capsys, "shop.csv", "--decimal", sign)["gross"] == "1500.00"


def test_an_erasure_needs_a_confirmation(capsys: pytest.CaptureFixture[str]) -> None:
    Path("gone.csv").write_text("customer_id,occurred_at\nann,2025-05-12T10:00:00Z\n")
    status, _, err = dry_run(capsys, "gone.csv", "--kind", "erasure")
    assert (status, "--yes" in err) == (2, True)
    assert report_of(capsys, "gone.csv", "--kind", "erasure", "--yes")["events"] == {"erasure": 1}


def test_platforms_are_listed_with_their_columns(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", "--list-platforms"]) == 0
    out = capsys.readouterr().out
    for name in ("shopify", "woocommerce", "square", "stripe", "paypal", "etsy", "bitrix", "olist", "ga4", "segment"):
        assert name in out
    assert "Financial Status" in out
    assert "generic" in out
    assert main(["import", "--list-platforms", "--json"]) == 0
    assert {"name", "title", "columns"} == set(json.loads(capsys.readouterr().out)[0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "name at least one FILE"),
        (("a.csv", "--live", "--backfill"), "contradict each other"),
        (("a.csv", "--import-id", ""), "--import-id must have 1 to 64 characters"),
        (("a.csv", "--import-id", "x" * 65), "--import-id must have 1 to 64 characters"),
        (("a.csv", "--field", "customer_id"), "--field must be FIELD=COLUMN"),
        (("a.csv", "--from", "shopifi"), "did you mean shopify?"),
        (("a.csv", "--timezone", "MSK"), "timezone must be"),
        (("a.csv", "--topic", "refunds", "--kind", "purchase"), "takes only refund events"),
    ],
)
def test_wrong_usage_is_reported_in_one_line(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    status, out, err = dry_run(capsys, *arguments)
    assert (status, out) == (2, "")
    (line,) = err.splitlines()
    assert message in line


def test_all_errors_of_usage_are_reported_together(capsys: pytest.CaptureFixture[str]) -> None:
    status, _, err = dry_run(capsys, "a.csv", "--timezone", "MSK", "--decimal", ";", "--topic", "orders")
    assert (status, len(err.splitlines())) == (2, 3)


@pytest.mark.parametrize(("content", "suffix"), [("", "csv"), ("\x89PNG\r\n\x1a\n" + "\0" * 100, "png")])
def test_what_is_no_table_is_refused_in_one_line(capsys: pytest.CaptureFixture[str], content: str, suffix: str) -> None:
    Path(f"a.{suffix}").write_text(content, encoding="latin-1")
    status, _, err = dry_run(capsys, f"a.{suffix}")
    assert status == 1
    (line,) = err.splitlines()
    assert f"a.{suffix}" in line


def test_a_real_import_without_kafka_fails_before_it_reads(capsys: pytest.CaptureFixture[str]) -> None:
    Path("shop.csv").write_text(SHOP)
    assert main(["import", "shop.csv"]) == 1
    captured = capsys.readouterr()
    (line,) = captured.err.splitlines()
    assert "127.0.0.1:1" in line
