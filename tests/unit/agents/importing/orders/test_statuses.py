"""Which orders count by the words of their statuses, and what the report says about them."""

from pathlib import Path

import pytest

from agents.importing.mapping.name_recognition import status_of_word
from tests.unit.agents.importing.understood_files import understand_text

WORDS = {
    "skip": """
        Принят, ожидается оплата; Счёт выставлен; cancel-other; no-call; Не дозвонились; Отменён клиентом; Unpaid;
        Zahlung ausstehend; nicht bezahlt; PaymentPending; Completed - Cancelled; Shipped - Rejected by Buyer""",
    "counts": """
        Оплачен, формируется к отправке; Выполнен; send-to-delivery; prepayed; Частичный возврат; Partially refunded;
        Not cancelled; Teilweise erstattet; Shipped - Delivered to Buyer; wc-completed; Доставлен в пункт выдачи""",
    "refunded": "Возврат денежных средств; Fully Refunded; Shipped - Returned to Seller; vozvrat",
    "": """
        Новый; new; В обработке; Не доставлен; Unfulfilled; Refund requested; Refund declined; Latest; Contested""",
}


@pytest.mark.parametrize("meaning", WORDS)
def test_longer_statuses_are_known_by_their_parts(meaning: str) -> None:
    words = [word.strip() for word in WORDS[meaning].split(";")]
    assert {word: status_of_word(word) for word in words} == dict.fromkeys(words, meaning or None)


ORDERS = "Order ID,Date,Email,Total,Order Status,Payment Status\n"


def test_unpaid_orders_do_not_count_whatever_their_status(tmp_path: Path) -> None:
    rows = (("Completed", "Paid"), ("Completed", "Refunded"), ("New", "Unpaid"), ("Cancelled", "Paid"), ("New", "Paid"))
    text = ORDERS + "".join(f"{n},2025-05-0{n},{n}@example.com,{n}0,{a},{b}\n" for n, (a, b) in enumerate(rows, 1))
    found = understand_text(tmp_path, text)
    assert found.amounts() == {"1": "10.00", "2": "20.00", "5": "50.00"}
    assert [each["order_id"] for each in found.of("refund")] == ["2"]
    assert found.left_out == {"unpaid": (1, [4]), "status": (1, [5])}
    assert found.assumed["status.other"] == "New (2)"
    assert found.assumed["paid.counts"] == "Paid (3)"


def test_a_flag_says_whether_an_order_is_paid(tmp_path: Path) -> None:
    text = "Номер заказа;Дата;Клиент;Сумма;Оплачен\n1;01.05.2025;k1;100;Да\n2;21.05.2025;k2;60;Нет\n"
    found = understand_text(tmp_path, text)
    assert (found.amounts(), found.left_out) == ({"1": "100.00"}, {"unpaid": (1, [3])})


def test_lines_of_an_order_have_statuses_of_their_own(tmp_path: Path) -> None:
    rows = ((1, 100, "Доставлен"), (1, 60, "Отменен"), (1, 40, "Возврат"), (2, 40, "Доставлен"), (3, 9, "Отменен"))
    text = "Номер заказа;Артикул;Дата;Клиент;Сумма;Статус\n" + "".join(
        f"{order};a{line};21.05.2025;k{order};{sum_};{status}\n" for line, (order, sum_, status) in enumerate(rows)
    )
    found = understand_text(tmp_path, text)
    assert found.amounts() == {"1": "140.00", "2": "40.00"}
    assert [(each["order_id"], each["amount"]) for each in found.of("refund")] == [("1", "40.00")]
    assert found.left_out["status"] == (2, [3, 6])


def test_bitrix_orders_that_wait_for_payment_do_not_count(tmp_path: Path) -> None:
    text = "ID;Дата заказа;Покупатель;Сумма;Статус;Отменен\n" + "".join(
        f"{n};0{n}.05.2025 10:00:00;[{n}] Анна;{n}00;{status};Нет\n"
        for n, status in enumerate(("Принят, ожидается оплата", "Оплачен, формируется к отправке", "Выполнен"), 1)
    )
    assert understand_text(tmp_path, text).amounts() == {"2": "200.00", "3": "300.00"}


def test_retailcrm_orders_of_the_group_of_cancellations_do_not_count(tmp_path: Path) -> None:
    text = "number,orderMethod,status,statusGroup,email,createdAt,totalSumm\n" + "".join(
        f"{n},cart,{status},{group},{n}@example.com,2025-05-0{n} 10:00:00,{n}00\n"
        for n, (status, group) in enumerate((("complete", "complete"), ("x-1", "cancel"), ("cancel-own", "x")), 1)
    )
    found = understand_text(tmp_path, text)
    assert (found.platform, found.amounts()) == ("retailcrm", {"1": "100.00"})
    assert found.left_out == {"cancelled": (1, [3]), "status": (1, [4])}


@pytest.mark.parametrize(
    ("column", "cancelled", "done"),
    [
        ("Стан замовлення", "Скасовано", "Виконано"),
        ("Status", "Avbruten", "Slutförd"),
        ("Stare", "Anulată", "Finalizată"),
        ("Állapot", "Törölve", "Teljesítve"),
        ("Κατάσταση", "Ακυρώθηκε", "Ολοκληρώθηκε"),
        ("ステータス", "キャンセル", "完了"),
        ("订单状态", "已取消", "已完成"),
        ("주문상태", "취소", "완료"),
        ("סטטוס", "בוטל", "הושלם"),
        ("الحالة", "ملغي", "مكتمل"),
    ],
)
def test_orders_that_are_cancelled_in_other_languages_do_not_count(
    tmp_path: Path, column: str, cancelled: str, done: str
) -> None:
    rows = [f"{number},2025-05-0{number},1{number}.50,{number}@example.com,{done}" for number in range(1, 4)]
    text = "\n".join((f"order_id,date,amount,email,{column}", *rows, f"4,2025-05-04,9.50,d@example.com,{cancelled}"))
    found = understand_text(tmp_path, text + "\n")
    assert (found.totals.orders, found.left_out["status"][0]) == (3, 1)
    assert "status.other" not in found.assumed
