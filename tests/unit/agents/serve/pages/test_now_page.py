"""The parts of the page Now that move: they lead to customers only those readers who may see them."""

import pytest

from agents.languages.translations import Language
from agents.serve.lookups.answers import Flow, SegmentCount, Segments, Titles
from agents.serve.pages.reader_view import ReaderView
from agents.serve.pages.views.now import NowFigures, tiles_of
from state.config.policy_reader import parse_policy
from streams.defaults import policy_text

POLICY = parse_policy(policy_text())
GOLDEN = SegmentCount("golden", Titles(None, None), 1_234, 567, "100.00", 1.0, 1.0)
BASE = Segments("retail-27@1", "RUB", 1_234, 567, "100.00", [GOLDEN])


@pytest.mark.parametrize("sees_people", [True, False])
def test_numbers_lead_to_customers_only_for_readers_who_may_see_them(*, sees_people: bool) -> None:
    view = ReaderView(Language.EN, POLICY, sees_people=sees_people)
    tiles = tiles_of(BASE, [Flow("loyal", "golden", 8, 8, {"purchase": 8})], None)
    figures = NowFigures(BASE, tiles, GOLDEN, "2026-05-12")
    for part in ("tiles.html", "totals.html"):
        html = view.fragment(part, **figures._asdict())
        assert ("href=" in html) is sees_people, part
        assert "1,234" in html
        assert "567 reachable" in html
    assert "+8" in view.fragment("tiles.html", **figures._asdict())
    assert "Revenue is that of 365 days" in view.fragment("tiles.html", **figures._asdict())
