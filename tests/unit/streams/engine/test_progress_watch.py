"""Who has something to do and does nothing for 60 s is stuck."""

from streams.engine.progress_watch import STUCK_LOOKS, ProgressWatch


def test_who_stands_still_for_a_minute_is_stuck() -> None:
    watch = ProgressWatch()
    looks = [watch.look({"journal:0": 7, "journal:1": number}) for number in range(STUCK_LOOKS + 1)]
    assert looks == [[]] * STUCK_LOOKS + [["journal:0"]]


def test_progress_or_nothing_to_do_begins_the_minute_again() -> None:
    watch = ProgressWatch()
    for mark in (7, 8, None):
        for _ in range(STUCK_LOOKS):
            assert watch.look({} if mark is None else {"journal:0": mark}) == []
    for _ in range(STUCK_LOOKS):
        assert watch.look({"journal:0": 8}) == []
    assert watch.look({"journal:0": 8}) == ["journal:0"]
