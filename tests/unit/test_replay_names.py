"""What things are called where a replay and its source topics are concerned."""

import pytest

from streams.kafka.control import ControlRecord, decode_control, encode_control, replay_of
from streams.kafka.topics import SOURCE_NAMES, Topics
from streams.settings.setting_parsers import topic_prefixes


@pytest.mark.parametrize("other", ["goldstream", "shop.north", "shop"])
def test_a_source_topic_of_another_prefix_keeps_it_in_its_name_and_is_never_taken_for_ones_own(other: str) -> None:
    topics = Topics("shop.north2", [other])
    assert topics.sources == (
        *(f"shop.north2.{name}.v1" for name in SOURCE_NAMES),
        *sorted(f"{other}.{name}.v1" for name in SOURCE_NAMES),
    )
    shorts = [topics.short(topic) for topic in topics.sources]
    assert len(set(shorts)) == len(shorts)
    assert shorts[0] == "purchases"
    assert [topics.full(short) for short in shorts] == list(topics.sources)
    assert {short.rpartition(".")[2] for short in shorts} == set(SOURCE_NAMES)


def test_a_prefix_that_begins_another_does_not_cut_its_name() -> None:
    topics = Topics("gold", ["gold.stream"])
    assert topics.short("gold.stream.purchases.v1") == "gold.stream.purchases"
    assert topics.full("gold.stream.purchases") == "gold.stream.purchases.v1"


def test_the_last_record_of_a_replay_tells_whether_it_has_ended() -> None:
    begun = ControlRecord("replay", of="shop", source="older")
    done = ControlRecord("replay", of="shop", source="older", done=True)
    for record in (begun, done):
        assert decode_control(encode_control(record), -1) == record
    policy = ControlRecord("policy", "text")
    assert replay_of([policy]) is None
    assert replay_of([begun, policy]) is begun
    assert replay_of([begun, policy, done, policy]) is done
    assert replay_of([begun, done, begun]) is begun
    assert decode_control(b'{"kind": "replay", "of": "shop"}', 3) is None


def test_prefixes_are_read_once_each() -> None:
    assert topic_prefixes("shop, older ,shop") == ("shop", "older")
    for wrong in ("", ",", "a b", "shop,ol der"):
        with pytest.raises(ValueError, match="be prefixes"):
            topic_prefixes(wrong)
