"""Two policies compared over a journal say the same as the oracle, run twice."""

from collections import Counter

from hypothesis import given

from tests.property.two_policies import Choice, choices, compared, counted, judged


@given(choices())
def test_two_folds_at_once_are_what_the_oracle_says_of_each_policy(choice: Choice) -> None:
    mine, (first, other) = compared(choice), judged(choice)

    pairs = {each: (facts.segment, other.customers[each].segment) for each, facts in first.customers.items()}
    assert mine.customers == Counter(pairs.values())
    net: Counter[tuple[str, str]] = Counter()
    for each, pair in pairs.items():
        net[pair] += first.customers[each].monetary
    assert mine.net == net
    movers = {each: pair for each, pair in pairs.items() if pair[0] != pair[1]}
    assert {mover.customer_id: (mover.from_segment, mover.to_segment) for mover in mine.top_movers} == movers
    for mover in mine.top_movers:
        facts = first.customers[mover.customer_id]
        assert (mover.net, mover.lifetime) == (facts.monetary, facts.lifetime_value)
    assert (mine.a, mine.b) == (counted(first), counted(other))
