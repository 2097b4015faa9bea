"""What a customer's page shows at once: where they stand, why, and what comes next."""

from typing import NamedTuple

from agents.serve.lookups.answers import Customer
from agents.serve.pages.page_view import PageView
from agents.serve.pages.words.scores import frequency_label, monetary_label, recency_label
from state.config.policy import POTENTIAL_CELL, Policy, scores_of
from state.units.timestamps import DAY_MS, parse_rfc3339


class ScoreText(NamedTuple):
    """A score of a measure.

    Attributes:
        measure: in words.
        score: the customer's; `best` the highest there is.
        range: what the score stands for.
        fact: the customer's own figure.
    """

    measure: str
    score: int
    best: int
    range: str
    fact: str


class Rhythm(NamedTuple):
    """How a customer orders.

    Attributes:
        days: usually between two orders, at least 1.
        times: the time since the last order as a multiple of that, to one decimal, if it is more than 1; else None.
    """

    days: int
    times: float | None


def rhythm_of(customer: Customer, as_of: str | None) -> Rhythm | None:
    """Return how a customer orders, as of a moment or of their last evaluation if that is later.

    None for a customer with fewer than two orders. `Customer.overdue` is as of the last evaluation alone, which may be
    months ago: nothing is evaluated while nothing changes.
    """
    if not customer.order_gap_days or customer.last_order_at is None:
        return None
    now_ms = max(parse_rfc3339(moment) for moment in (customer.as_of, as_of) if moment is not None)
    times = round((now_ms - parse_rfc3339(customer.last_order_at)) / DAY_MS / customer.order_gap_days, 1)
    return Rhythm(max(1, round(customer.order_gap_days)), times if times > 1 else None)


def score_texts(customer: Customer, policy: Policy, view: PageView) -> list[ScoreText]:
    """Return the scores of a customer's cell in words.

    None for a customer without an order, nor for one who is not scored by this policy yet, just after it is activated.
    """
    if customer.cell == POTENTIAL_CELL or customer.policy != policy.ref:
        return []
    _, many, formats = view.texts.gettext, view.texts.ngettext, view.formats
    r, f, m = scores_of(customer.cell)
    return [
        ScoreText(
            _("Recency"),
            r,
            len(policy.recency_edges_ms) + 1,
            recency_label(policy, r, formats),
            _("last order on %(day)s") % {"day": formats.day(customer.last_order_at)},
        ),
        ScoreText(
            _("Frequency"),
            f,
            len(policy.frequency_edges) + 1,
            frequency_label(policy, f, formats),
            many("%(count)s order in %(window)s", "%(count)s orders in %(window)s", customer.frequency)
            % {"count": formats.number(customer.frequency), "window": view.window},
        ),
        ScoreText(
            _("Monetary"),
            m,
            len(policy.monetary_edges_minor) + 1,
            monetary_label(policy, m, formats),
            _("%(amount)s in %(window)s")
            % {"amount": formats.money(customer.monetary, customer.currency), "window": view.window},
        ),
    ]
