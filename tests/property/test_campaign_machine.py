"""One customer, with any sequence of events and ticks: after each step the product agrees with the oracle."""

# ruff: noqa: D102 - rules and invariants are sentences by their names, as tests are

from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from state.units.timestamps import NEVER
from tests.oracle import Oracle, Output, moments
from tests.oracle.campaigns.campaigns_file import Campaign, Campaigns, read_campaigns
from tests.property.folding import PREFIX, Lane, journal_of
from tests.property.histories.campaign_strategies import NAMES, ZONES, campaign_files
from tests.property.histories.history_builder import Step
from tests.property.profile_comparison import differences, output_of

CUSTOMER = "e"
"""With shares of 0.5: in the holdout groups of `one` and `three`, not in that of `two`, nor in the control group."""
SEGMENTS = ("golden", "loyal", "new", "active", "at_risk", "churned", "potential")
POLICY = """
name = "quick"
version = 1
currency = "RUB"
window_days = 30
recency_days.edges = [2, 5]
frequency.edges = [2, 4]
monetary.edges = [50, 100]
segment = [
    { name = "golden", when = { r = [3], f = [3], m = [3] } },
    { name = "loyal", when = { r = [3], f = [3] } },
    { name = "new", when = { r = [3], f = [1], orders_max = 1 } },
    { name = "active", when = { r = [3] } },
    { name = "at_risk", when = { r = [2] } },
    { name = "churned", when = { r = [1] } },
]
"""
SEQUENCE = f"""
name = "plain"
version = 1
cap = {{ messages = 3, days = 7 }}
[[campaign]]
name = "two"
topic = "offers"
to = {list(SEGMENTS)}
attempts = [{{ after_days = 0, template = "a" }}, {{ after_days = 1, template = "b" }}]
silence_after_days = 1
"""
STARTS = ("2020-03-01T12:00:00Z", "2020-03-28T20:00:00Z", "2020-10-24T20:00:00Z")
KINDS = ("opened", "clicked", "redeemed", "bounced", "unsubscribed", "complained", "delivered")
HOUR_MS = 3_600_000
MESSAGES = ("offers", "reactivations")


@st.composite
def files(draw: st.DrawFn) -> tuple[str, ...]:
    """Draw up to three campaigns files that may follow each other."""
    return campaign_files(draw, SEGMENTS).texts or (SEQUENCE,)


class OneCustomer(RuleBasedStateMachine):
    """A customer whose events arrive in order of time, with campaigns files activated between them."""

    def __init__(self) -> None:
        """Start without events."""
        super().__init__()
        self.steps: list[Step] = [{"type": "policy", "text": POLICY}]
        self.lane = Lane([])
        self.now = 0
        self.texts: tuple[str, ...] = ()
        self.files: dict[str, Campaigns] = {}
        self.outputs: list[Output] = []

    @initialize(start=st.sampled_from(STARTS), texts=files())
    def start(self, start: str, texts: tuple[str, ...]) -> None:
        self.now, self.texts = moments.parse(start), texts
        self.files = {file.reference: file for file in map(read_campaigns, texts)}
        self.steps.append({"type": "campaigns", "text": texts[0]})
        self.publish("consent", channel="all", granted=True)

    # Events of the customer.

    @rule(amount=st.sampled_from(("0", "1", "60")))
    def buys(self, amount: str) -> None:
        self.publish("purchase", order_id=f"o{len(self.steps)}", amount=amount, currency="RUB")

    @rule(amount=st.sampled_from(("0", "60")), age_hours=st.sampled_from((0, 1, 30)), ahead=st.sampled_from((0, 1, 60)))
    def has_bought(self, amount: str, age_hours: int, ahead: int) -> None:
        """History: the order may be older than what came before, and the clock at admission ahead of the watermark."""
        order = {"order_id": f"o{len(self.steps)}", "amount": amount, "currency": "RUB", "backfill": True}
        occurred_at, admitted_at = self.now - age_hours * HOUR_MS, self.now + ahead * HOUR_MS
        moments_of = {"occurred_at": moments.text(occurred_at), "admitted_at": moments.text(admitted_at)}
        self.publish("purchase", **order, **moments_of)

    @rule()
    @precondition(lambda self: self.orders())
    def gets_a_refund(self) -> None:
        order = self.orders()[-1]
        self.publish("refund", refund_id=f"r{len(self.steps)}", amount="60", currency="RUB", order_id=order["order_id"])

    @rule(zone=st.none() | st.sampled_from(ZONES), consent=st.sampled_from(({}, {"email": True}, {"all": False})))
    def signs_up(self, zone: str | None, consent: dict[str, bool]) -> None:
        self.publish("signup", timezone=zone, consent=consent)

    @rule(zone=st.sampled_from(ZONES), days=st.sampled_from((0, 1, 2, 7)))
    def states_a_birthday(self, zone: str, days: int) -> None:
        """It is soon; 1988 has a 29 February."""
        birthday = moments.text(self.now + days * moments.DAY_MS)[4:10]
        self.publish("signup", timezone=zone, birth_date=f"1988{birthday}")

    @rule(channel=st.sampled_from(("all", "email", "sms")), granted=st.booleans())
    def consents(self, channel: str, *, granted: bool) -> None:
        self.publish("consent", channel=channel, granted=granted)

    @rule(kind=st.sampled_from(KINDS), place=st.integers(1, 4), permanent=st.booleans())
    @precondition(lambda self: self.messages())
    def answers_a_message(self, kind: str, place: int, *, permanent: bool) -> None:
        message = self.messages()[-place:][0]
        self.publish("contact", message_id=message["message_id"], kind=kind, permanent=permanent)

    @rule(kind=st.sampled_from(KINDS), seq=st.integers(1, 5), name=st.sampled_from(NAMES), attempt=st.integers(1, 3))
    def answers_an_unsent_message(self, kind: str, seq: int, name: str, attempt: int) -> None:
        self.publish("contact", message_id=f"{CUSTOMER}:{seq}:{name}:{attempt}", kind=kind)

    # Time, files and recovery.

    @rule(near_ms=st.sampled_from((0, 0, -1, 1)))
    def time_advances_to_a_due_moment(self, near_ms: int) -> None:
        due = self.lane.table.due(CUSTOMER) if self.lane.table.get(CUSTOMER) is not None else NEVER
        self.advance_to((due if due != NEVER else self.now) + near_ms)

    @rule(hours=st.sampled_from((0.5, 1, 3, 12)))
    def hours_pass(self, hours: float) -> None:
        self.advance_to(self.now + int(hours * HOUR_MS))

    @rule(days=st.sampled_from((1, 2, 7, 31)))
    def days_pass(self, days: int) -> None:
        self.advance_to(self.now + days * moments.DAY_MS)

    @rule(place=st.integers(0, 2))
    def a_campaigns_file_is_activated(self, place: int) -> None:
        self.apply({"type": "campaigns", "text": self.texts[place % len(self.texts)]})

    @rule()
    def the_lane_recovers(self) -> None:
        self.lane.recover()

    # Applying steps.

    def publish(self, event_type: str, **fields: Any) -> None:
        event = {"type": event_type, "event_id": f"e{len(self.steps)}", "customer_id": CUSTOMER, **fields}
        self.apply({"occurred_at": moments.text(self.now)} | event)

    def advance_to(self, until_ms: int) -> None:
        self.now = max(self.now, until_ms)
        self.apply({"type": "tick", "at": moments.text(self.now)})

    def apply(self, step: Step) -> None:
        self.steps.append(step)
        self.lane.journal = journal_of(self.steps)
        self.lane.run()
        assert differences(self.lane, Oracle(PREFIX).run(self.steps)) == []
        self.outputs = [output_of(record) for record in self.lane.published]

    def orders(self) -> list[Step]:
        return [step for step in self.steps if step["type"] == "purchase"]

    def messages(self) -> list[dict[str, Any]]:
        return [output.value for output in self.outputs if output.topic in MESSAGES and output.value is not None]

    def campaign(self, published: dict[str, Any]) -> Campaign:
        """Return the campaign of a message or a suppression, from the file named in it."""
        file = self.files[published["campaigns"]]
        return next(each for each in file.campaigns if each.name == published["campaign"])

    # Invariants of the published records.

    @invariant()
    def no_id_is_published_twice(self) -> None:
        ids = Counter(output.headers["ce_id"] for output in self.outputs)
        assert [each for each, count in ids.items() if count > 1] == []

    @invariant()
    def silenced_customers_get_no_message(self) -> None:
        """Except at the moment when the silence ends, whose record is published last."""
        silenced, sent = False, set[str]()
        for output in self.outputs:
            value = output.value or {}
            if value.get("reason") == "silence-ended":
                assert sent <= {value["at"]}
                silenced, sent = False, set()
            elif value.get("reason") == "silence-began":
                silenced = True
            elif silenced and output.topic in MESSAGES:
                sent.add(value["due_at"])
        assert not sent

    @invariant()
    def messages_stay_within_the_cap(self) -> None:
        sent = self.messages()
        for number, message in enumerate(sent):
            cap = self.files[message["campaigns"]].cap
            if cap is None or self.campaign(message).ignores_cap:
                continue
            since = moments.parse(message["due_at"]) - cap.days_ms
            before = [earlier for earlier in sent[:number] if moments.parse(earlier["due_at"]) > since]
            assert len(before) < cap.messages

    @invariant()
    def a_campaign_has_at_most_one_open_run(self) -> None:
        """All steps of a run were sent or suppressed before the next run of that campaign began."""
        for name in NAMES:
            finished_at: dict[str, list[int]] = {}
            entered_at: dict[str, int] = {}
            for published in (output.value for output in self.outputs):
                if published is None or published.get("campaign") != name or published.get("attempt") is None:
                    continue
                if published["change"] is None:  # an entry by a trigger, whose moment is not published
                    continue
                run = published["change"]["id"]
                entered_at[run] = moments.parse(published["change"]["effective_at"])
                finished_at.setdefault(run, []).append(moments.parse(published.get("due_at") or published["at"]))
            in_order = sorted(entered_at, key=lambda run: int(run.split(":")[1]))
            assert all(max(finished_at[run]) <= entered_at[later] for run, later in pairwise(in_order))


OneCustomer.TestCase.settings = settings(max_examples=settings().max_examples // 2, stateful_step_count=30)
TestOneCustomer = pytest.mark.timeout(300 if settings().max_examples <= 200 else 0)(OneCustomer.TestCase)
