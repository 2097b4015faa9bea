"""What a customer's page says at once: how they order, as of now, and their scores; the grid while scores change."""

from typing import Any

import msgspec
import pytest
from litestar.testing import RequestFactory

from agents.serve.lookups.answers import CellCount, Cells, Customer
from agents.serve.pages.page_view import PageView
from agents.serve.pages.views.customer import Rhythm, rhythm_of, score_texts
from agents.serve.pages.views.segments import score_pairs
from state.config.policy_reader import parse_policy
from streams.defaults import policy_text

POLICY = parse_policy(policy_text())

DAY_7, DAY_10, DAY_40 = "2026-01-08T00:00:00.000Z", "2026-01-11T00:00:00.000Z", "2026-02-10T00:00:00.000Z"


def customer(**fields: Any) -> Customer:
    """Return a customer whose last order was on 1 January, evaluated a week later."""
    usual: dict[str, Any] = {
        "customer_id": "c-1",
        "segment": "loyal",
        "cell": "332",
        "seq": 1,
        "since": DAY_7,
        "last_order_at": "2026-01-01T00:00:00.000Z",
        "first_order_at": DAY_7,
        "frequency": 3,
        "monetary": "300.00",
        "currency": "RUB",
        "average_check": "100.00",
        "lifetime_value": "300.00",
        "lifetime_orders": 3,
        "policy": "retail-27@1",
        "as_of": DAY_7,
        "next_down": None,
        "next_up": None,
        "discount_seeker": False,
        "difficult": False,
        "favourite_store": None,
        "favourite_channel": None,
        "referrals": 0,
        "order_gap_days": 10.0,
        "overdue": 0.7,
        "reachable": False,
        "channels": [],
    }
    return msgspec.convert(usual | fields, Customer)


@pytest.mark.parametrize(
    ("fields", "as_of", "rhythm"),
    [
        ({}, DAY_10, Rhythm(10, None)),  # not later than usual
        ({}, DAY_40, Rhythm(10, 4.0)),  # now, not as of the last evaluation
        ({"as_of": DAY_40}, DAY_10, Rhythm(10, 4.0)),  # the watermark of all partitions is behind the customer's
        ({}, None, Rhythm(10, None)),
        ({"order_gap_days": 24.956}, DAY_40, Rhythm(25, 1.6)),
        ({"order_gap_days": 0.2}, DAY_7, Rhythm(1, 35.0)),
        ({"order_gap_days": None}, DAY_40, None),
        ({"last_order_at": None}, DAY_40, None),
    ],
)
def test_a_customer_is_as_overdue_as_the_page_is_current(
    fields: dict[str, Any], as_of: str | None, rhythm: Rhythm | None
) -> None:
    assert rhythm_of(customer(**fields), as_of) == rhythm


def view() -> PageView:
    return PageView(RequestFactory().get("/"), POLICY)


def test_scores_are_not_explained_by_a_policy_that_did_not_give_them() -> None:
    assert [score.score for score in score_texts(customer(), POLICY, view())] == [3, 3, 2]
    assert score_texts(customer(cell="776", policy="finer@1"), POLICY, view()) == []
    assert score_texts(customer(cell="000"), POLICY, view()) == []


def test_cells_of_an_earlier_policy_are_not_in_the_grid() -> None:
    cells = [
        CellCount(name, int(name[0]), int(name[1]), int(name[2]), ["golden"], 1, 0, "1.00", 0.5, 0.5)
        for name in ("333", "731", "371")
    ]
    pairs = score_pairs(Cells("retail-27@1", "RUB", 3, 0, "3.00", cells), POLICY, view())
    assert [(pair.r, pair.f, pair.customers) for pair in pairs] == [(3, 3, 1)]
