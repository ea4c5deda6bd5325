"""Ages are measured with the monotonic clock, so that setting the system clock has no effect."""

from datetime import timedelta

from tests.service_fixtures import SteppedClock

from pushpaka_core.services.instances.health import FirstSeen


def test_age_counts_from_the_first_query() -> None:
    clock = SteppedClock()
    first_seen = FirstSeen(clock.stopwatch)
    first_seen.age_of("a")
    clock.advance(3)
    first_seen.age_of("b")
    clock.jump(-3600)
    clock.advance(4)

    assert timedelta(seconds=7) == first_seen.age_of("a")
    assert timedelta(seconds=4) == first_seen.age_of("b")


def test_unused_entries_expire() -> None:
    clock = SteppedClock()
    first_seen = FirstSeen(clock.stopwatch)
    first_seen.age_of("gone")
    for _ in range(3):
        clock.advance(300)
        first_seen.age_of("here")

    assert ["here"] == list(first_seen._first_seen_at._entries)
    assert timedelta(seconds=600) == first_seen.age_of("here")
