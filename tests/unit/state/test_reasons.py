"""Reasons are encoded as plain strings, and the documentation lists them as the code does."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from state.engagement.suppression import ENTRY_CHECKS, STEP_CHECKS
from state.records.reasons import DropReason, Fence, Group, Reason, RejectionReason, SuppressionReason

ENUMS: tuple[type[Reason], ...] = (SuppressionReason, DropReason, RejectionReason, Fence, Group)
REASONS = [reason for enum in ENUMS for reason in enum]
CAMPAIGNS_PAGE = (Path(__file__).parents[3] / "docs" / "campaigns.md").read_text()


@pytest.mark.parametrize("reason", REASONS, ids=repr)
def test_a_reason_is_encoded_as_its_value(reason: Reason) -> None:
    value = reason.value
    assert (str(reason), f"{reason}", {value: 1}[reason]) == (value, value, 1)
    assert json.dumps({reason: reason}) == json.dumps({value: value})
    assert msgspec.json.encode({reason: reason}) == msgspec.json.encode({value: value})
    assert msgspec.msgpack.encode({reason: reason}) == msgspec.msgpack.encode({value: value})
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(value), type=type(reason)) is reason


@pytest.mark.parametrize("reason", REASONS, ids=repr)
def test_a_reason_has_a_meaning_that_ends_a_sentence(reason: Reason) -> None:
    assert reason.meaning
    assert not reason.meaning.endswith(".")


def test_the_page_on_campaigns_lists_the_checks_of_an_entry_in_their_order() -> None:
    table = CAMPAIGNS_PAGE.split("## Entry")[1].split("\n## ")[0]
    assert re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE) == [reason for reason, _ in ENTRY_CHECKS]


def test_the_page_on_campaigns_lists_the_checks_of_a_step_in_their_order() -> None:
    row = re.search(r"^\| a step is due \|.*", CAMPAIGNS_PAGE, re.MULTILINE)
    assert row is not None
    assert quoted(row[0]) == [reason for reason, _ in STEP_CHECKS]


def test_the_page_on_campaigns_names_every_reason_of_a_suppression() -> None:
    assert set(SuppressionReason) <= set(quoted(CAMPAIGNS_PAGE))


def quoted(text: str) -> Sequence[str]:
    return re.findall(r"`([a-z-]+)`", text)
