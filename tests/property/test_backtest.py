"""A backtest of two policies has the same result as the oracle, run once for each."""

from collections import Counter

from hypothesis import given

from tests.property.policy_choices import Choice, backtest_result, choices, oracle_counts, oracle_results


@given(choices())
def test_a_backtest_agrees_with_the_oracle(choice: Choice) -> None:
    result, (by_a, by_b) = backtest_result(choice), oracle_results(choice)

    pairs = {customer: (facts.segment, by_b.customers[customer].segment) for customer, facts in by_a.customers.items()}
    assert result.customers == Counter(pairs.values())
    net: Counter[tuple[str, str]] = Counter()
    for customer, pair in pairs.items():
        net[pair] += by_a.customers[customer].monetary
    assert result.net == net
    movers = {customer: pair for customer, pair in pairs.items() if pair[0] != pair[1]}
    assert {mover.customer_id: (mover.from_segment, mover.to_segment) for mover in result.top_movers} == movers
    for mover in result.top_movers:
        facts = by_a.customers[mover.customer_id]
        assert (mover.net, mover.lifetime) == (facts.monetary, facts.lifetime_value)
    assert (result.a, result.b) == (oracle_counts(by_a), oracle_counts(by_b))
