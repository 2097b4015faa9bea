"""The oracle's campaigns against cases computed by hand from docs/campaigns.md."""

from typing import Any

import pytest

from tests.oracle import Output, message_headers
from tests.unit.state.steps import Step, bought, day, event, run, tick

CAMPAIGNS = """
name = "retail"
version = 1
timezone = "Europe/Moscow"
[[campaign]]
name = "welcome"
topic = "offers"
to = ["potential"]
causes = ["signup", "consent"]
requires_consent = false
attempts = [{ after_days = 0, template = "hello" }]
[[campaign]]
name = "come-back-soon"
topic = "offers"
from = ["golden", "loyal", "active", "new"]
to = ["at_risk"]
channels = ["push", "email", "sms"]
requires_consent = false
attempts = [{ after_days = 2, template = "soon" }]
expires_days = 14
[[campaign]]
name = "win-back"
topic = "reactivations"
to = ["churned"]
channels = ["email", "sms"]
requires_consent = true
attempts = [{ after_days = 1, template = "we-miss-you", incentive = "10%" }, { after_days = 7, template = "again" }]
"""


def campaigns(text: str = CAMPAIGNS) -> Step:
    return {"type": "campaigns", "text": text}


def summaries(outputs: list[Output]) -> list[tuple[Any, ...]]:
    """Return each message and suppression as topic, id, and channel or reason."""
    values = [
        (output, output.value)
        for output in outputs
        if output.value and "campaign" in output.value and output.topic != "outcomes"
    ]
    return [(o.topic, o.headers["ce_id"], value.get("channel") or value["reason"]) for o, value in values]


def test_a_message_carries_every_documented_field() -> None:
    signup = event("signup", day(0), consent={"email": True}, language="ru")
    result = run(campaigns(), bought("o", day(0), "6000"), signup, tick(day(181)))
    message = result.messages[-1]
    assert message == {
        "message_id": "c:3:win-back:1",
        "customer_id": "c",
        "campaign": "win-back",
        "template": "we-miss-you",
        "incentive": "10%",
        "channel": "email",
        "other_channels": [],
        "attempt": 1,
        "attempts": 2,
        "due_at": day(181),
        "expires_at": None,
        "timezone": "Europe/Moscow",
        "language": "ru",
        "change": {
            "id": "c:3",
            **{name: result.changes[2][name] for name in ("from", "to", "effective_at", "cause", "facts", "why")},
        },
        "customer": {
            "average_check": "6000.00",
            "lifetime_orders": 1,
            "lifetime_value": "6000.00",
            "discount_share": 0,
        },
        "campaigns": "retail@1",
    }
    headers = message_headers(message, "reactivations", "goldstream")
    assert (headers["ce_type"], headers["ce_time"]) == ("goldstream.reactivation.v1", day(181))
    assert result.messages[0]["other_channels"] == ["email", "sms"]
    assert result.messages[0]["expires_at"] == day(76)


def test_without_consent_a_step_that_requires_it_is_suppressed() -> None:
    result = run(campaigns(), event("signup", day(0)), bought("o", day(0)), tick(day(200)))
    assert summaries(result.outputs) == [
        ("offers", "c:1:welcome:1", "email"),
        ("offers", "c:3:come-back-soon:1", "push"),
        ("suppressions", "c:4:win-back:1:consent", "consent"),
        ("suppressions", "c:4:win-back:2:consent", "consent"),
    ]


@pytest.mark.parametrize(
    ("buys_at", "outcome"),
    [
        (day(61), ("suppressions", "c:2:come-back-soon:1:superseded", "superseded")),
        (day(62), ("offers", "c:2:come-back-soon:1", "push")),  # a step due at as_of precedes the event
    ],
)
def test_leaving_the_segment_before_a_step_supersedes_it(buys_at: str, outcome: tuple[str, ...]) -> None:
    result = run(campaigns(), bought("a", day(0)), bought("b", buys_at))
    assert summaries(result.outputs) == [outcome]


def test_a_purchase_supersedes_a_reactivation_without_a_segment_change() -> None:
    late_order = bought("b", day(-10))
    result = run(campaigns(), bought("a", day(0)), tick(day(180)), late_order, tick(day(190)))
    assert summaries(result.of("c"))[-2:] == [
        ("suppressions", f"c:3:win-back:{step}:superseded", "superseded") for step in (1, 2)
    ]
    assert [change["seq"] for change in result.changes] == [1, 2, 3]


@pytest.mark.parametrize(
    ("text", "fields", "reason"),
    [
        (CAMPAIGNS, {"backfill": True}, "backfill"),
        (CAMPAIGNS.replace("version = 1", "version = 1\ncontrol = 1.0"), {}, "control"),
        (CAMPAIGNS.replace("version = 1", "version = 1\nstarts_at = 2027-01-01T00:00:00Z"), {}, "backfill"),
        (CAMPAIGNS.replace("requires_consent = true", "holdout = 1.0"), {}, "holdout"),
    ],
)
def test_an_entry_is_suppressed_as_a_whole(text: str, fields: Step, reason: str) -> None:
    result = run(campaigns(text), tick(day(200)), bought("o", day(0), **fields), tick(day(300)))
    assert summaries(result.outputs) == [("suppressions", f"c:1:win-back:0:{reason}", reason)]
    assert (result.suppressions[0]["attempt"], result.suppressions[0]["at"]) == (None, day(200))


def test_a_new_file_supersedes_the_runs_of_campaigns_that_it_changes() -> None:
    second_version = CAMPAIGNS.replace("version = 1", "version = 2").replace('"soon"', '"sooner"')
    result = run(campaigns(), bought("o", day(0)), tick(day(61)), campaigns(second_version), tick(day(100)))
    assert [(entry["reason"], entry["at"], entry["campaigns"]) for entry in result.suppressions] == [
        ("superseded", day(61), "retail@2")
    ]
