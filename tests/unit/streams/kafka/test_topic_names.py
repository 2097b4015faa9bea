"""Short names of source topics with several prefixes, and the records of a replay in `control`."""

import pytest

from streams.kafka.control import ControlRecord, decode_control, encode_control, replay_of
from streams.kafka.topics import SOURCE_NAMES, Topics
from streams.settings.setting_parsers import topic_prefixes


@pytest.mark.parametrize("other", ["goldstream", "shop.north", "shop"])
def test_short_names_of_source_topics_keep_another_prefix(other: str) -> None:
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


def test_a_prefix_that_starts_another_prefix_is_not_removed() -> None:
    topics = Topics("gold", ["gold.stream"])
    assert topics.short("gold.stream.purchases.v1") == "gold.stream.purchases"
    assert topics.full("gold.stream.purchases") == "gold.stream.purchases.v1"


def test_the_last_replay_record_counts() -> None:
    started = ControlRecord("replay", of="shop", source="older")
    done = ControlRecord("replay", of="shop", source="older", done=True)
    for record in (started, done):
        assert decode_control(encode_control(record), -1) == record
    policy = ControlRecord("policy", "text")
    assert replay_of([policy]) is None
    assert replay_of([started, policy]) is started
    assert replay_of([started, policy, done, policy]) is done
    assert replay_of([started, done, started]) is started
    assert decode_control(b'{"kind": "replay", "of": "shop"}', 3) is None


def test_repeated_prefixes_are_kept_once() -> None:
    assert topic_prefixes("shop, older ,shop") == ("shop", "older")
    for invalid in ("", ",", "a b", "shop,ol der"):
        with pytest.raises(ValueError, match="be prefixes"):
            topic_prefixes(invalid)
