"""How long something has been there is known without a clock that can be set."""

from datetime import timedelta

from tests.services.world import SteppedClock

from pushpaka_core.services.ages import Ages


def test_an_age_counts_from_the_first_question() -> None:
    """Of each thing by itself; a clock that is set does not change it."""
    clock = SteppedClock()
    ages = Ages(clock.stopwatch)
    ages.of("a")
    clock.tick(3)
    ages.of("b")
    clock.jump(-3600)
    clock.tick(4)

    assert timedelta(seconds=7) == ages.of("a")
    assert timedelta(seconds=4) == ages.of("b")


def test_what_nobody_asks_for_is_forgotten() -> None:
    """So that what has long gone takes no room."""
    clock = SteppedClock()
    ages = Ages(clock.stopwatch)
    ages.of("gone")
    for _ in range(3):
        clock.tick(300)
        ages.of("here")

    assert ["here"] == list(ages._seen)
    assert timedelta(seconds=600) == ages.of("here")
