"""The control topic: what its records look like, and which of them bring something into force."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.control.active_rules import reduce_control
from state.config.campaigns import parse_campaigns
from state.config.policy import parse_policy
from streams.defaults import campaigns_text, policy_text
from streams.kafka.control import ControlRecord, decode_control, encode_control

POLICY = policy_text()
CAMPAIGNS = campaigns_text()


def policy_of(version: int, edges: str = "[60, 180]", currency: str = "RUB") -> str:
    """The built-in policy, changed."""
    text = POLICY.replace("version = 1", f"version = {version}").replace("[60, 180]", edges)
    return text.replace('"RUB"', f'"{currency}"')


def records(*texts: str) -> list[ControlRecord]:
    """Policies and campaigns in `control`, each known by its contents."""
    kinds = ["campaigns" if "[[campaign]]" in text else "policy" for text in texts]
    return [
        ControlRecord(kind="campaigns" if kind == "campaigns" else "policy", text=text, offset=offset)
        for offset, (kind, text) in enumerate(zip(kinds, texts, strict=True))
    ]


@pytest.mark.parametrize(
    "record",
    [
        ControlRecord(kind="policy", text=POLICY, offset=3),
        ControlRecord(kind="campaigns", text=CAMPAIGNS, offset=3),
        ControlRecord(kind="advance", to=1_767_225_600_000, ends={"purchases:0": 12, "events:3": 0}, offset=3),
    ],
)
def test_a_record_that_was_written_is_read_as_it_was(record: ControlRecord) -> None:
    assert decode_control(encode_control(record), 3) == record


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"kind": "policy"}',
        b'{"kind": "policy", "text": 1}',
        b'{"kind": "advance", "to": 1}',
        b'{"kind": "advance", "text": "x"}',
        b'{"kind": "other", "text": "x"}',
        b'{"kind": "policy", "text": "\xff"}',
        b"[" * 100_000,
    ],
)
def test_whatever_else_lies_there_is_passed_over(value: bytes | None) -> None:
    assert decode_control(value, 0) is None


@given(st.binary(max_size=200))
def test_no_bytes_in_control_raise(value: bytes) -> None:
    decode_control(value, 0)


def test_the_last_policy_and_campaigns_are_in_force() -> None:
    known = reduce_control(records(POLICY, CAMPAIGNS, policy_of(2)))
    assert known.policy is not None
    assert known.campaigns is not None
    assert (known.policy.ref, known.campaigns.ref) == ("retail-27@2", "retail@1")


def test_nothing_is_in_force_in_an_empty_control() -> None:
    known = reduce_control([])
    assert (known.policy, known.campaigns) == (None, None)
    assert known.policy_error(parse_policy(POLICY)) is None
    refusal = known.campaigns_error(parse_campaigns(CAMPAIGNS))
    assert refusal is not None
    assert "no policy is in force yet" in refusal


def test_what_was_written_past_the_product_has_no_effect() -> None:
    known = reduce_control(records(POLICY, "name = 1", policy_of(1, "[61, 180]"), policy_of(2, currency="EUR")))
    assert known.policy is not None
    assert known.policy.text == POLICY


@pytest.mark.parametrize(
    ("before", "new", "refusal"),
    [
        ([POLICY], POLICY, None),
        ([POLICY], policy_of(2, "[61, 180]"), None),
        ([POLICY, policy_of(2)], POLICY, None),
        ([POLICY], policy_of(1, "[61, 180]"), "raise version"),
        ([POLICY, policy_of(2)], policy_of(1, "[61, 180]"), "has been in force with other contents"),
        ([POLICY], policy_of(2, currency="EUR"), "new prefix and a replay"),
    ],
)
def test_a_policy_may_follow_or_is_refused_with_the_reason(before: list[str], new: str, refusal: str | None) -> None:
    said = reduce_control(records(*before)).policy_error(parse_policy(new))
    assert (said is None) == (refusal is None)
    assert refusal is None or refusal in (said or "")


def test_campaigns_with_other_contents_need_another_version() -> None:
    known = reduce_control(records(POLICY, CAMPAIGNS))
    changed = CAMPAIGNS.replace('name = "welcome"', 'name = "hello"')
    assert known.campaigns_error(parse_campaigns(CAMPAIGNS)) is None
    assert "raise version to 2" in (known.campaigns_error(parse_campaigns(changed)) or "")
    assert known.campaigns_error(parse_campaigns(changed.replace("version = 1", "version = 2"))) is None
