"""What was left out is counted by reason, with the first lines and every message about unreadable rows."""

from agents.importing.findings import MAX_LINES_PER_REASON, UNREADABLE, LeftOut


def test_the_first_lines_are_kept_in_whatever_order_they_come() -> None:
    left_out = LeftOut()
    for line in (50, 3, 40, *range(100, 130), 1):
        left_out.add("status", line, f"detail {line}")
    assert left_out.count("status") == 34
    assert left_out.rows() == [("status", 34, [1, 3, 40, 50, *range(100, 106)], "detail 50")]
    assert len(left_out.rows()[0][2]) == MAX_LINES_PER_REASON


def test_the_most_frequent_reason_comes_first() -> None:
    left_out = LeftOut()
    left_out.add("test_order", 2)
    left_out.add("status", 9, count=5)
    left_out.add("known", 1)
    assert [(reason, count) for reason, count, _, _ in left_out.rows()] == [
        ("status", 5),
        ("known", 1),
        ("test_order", 1),
    ]


def test_every_message_about_an_unreadable_row_is_kept_in_one_line() -> None:
    left_out = LeftOut()
    for line in range(30):
        left_out.add(UNREADABLE, line, f"amount of line\n{line}")
    left_out.add("status", 31, "voided")
    assert left_out.errors == [(line, f"amount of line {line}") for line in range(30)]


def test_two_can_be_added_up() -> None:
    one, other = LeftOut(), LeftOut()
    for line in (9, 4):
        one.add("status", line, "voided")
    for line in range(20):
        other.add("status", line, "pending")
    other.add(UNREADABLE, 7, "amount")
    one.add_all(other)
    assert one.rows() == [
        ("status", 22, [0, 1, 2, 3, 4, 4, 5, 6, 7, 8], "voided"),
        (UNREADABLE, 1, [7], "amount"),
    ]
    assert one.errors == [(7, "amount")]
