"""What one process counts by itself."""

import pytest
from attrs import define

from pushpaka_http.rate_limits import ProcessRateCounters

pytestmark = pytest.mark.anyio

WHO = "user:jane"


@define
class Watch:
    """A clock that is set by hand."""

    seconds: float = 1000

    def __call__(self) -> float:
        """Return the time."""
        return self.seconds


async def test_a_place_is_free_again_a_minute_after_it_was_taken() -> None:
    """Whoever is over the limit is told for how long, and what was refused does not count."""
    watch = Watch()
    counters = ProcessRateCounters(watch)
    assert [None, None] == [await counters.hit(WHO, 2), await counters.hit(WHO, 2)]
    watch.seconds += 20
    assert 40 == await counters.hit(WHO, 2)

    watch.seconds += 40

    assert [None, None] == [await counters.hit(WHO, 2), await counters.hit(WHO, 2)]
    assert 60 == await counters.hit(WHO, 2)


async def test_each_is_counted_for_themselves() -> None:
    """What one has used up is not missing to another."""
    counters = ProcessRateCounters(Watch())
    await counters.hit(WHO, 1)

    assert None is await counters.hit("user:joe", 1)


async def test_an_hour_is_counted_to_its_end() -> None:
    """The look for what counts no more, once a minute, leaves what still does."""
    watch = Watch()
    counters = ProcessRateCounters(watch)
    await counters.hit(WHO, 1, seconds=3600)
    watch.seconds += 3599

    assert 1 == await counters.hit(WHO, 1, seconds=3600)


async def test_nothing_is_kept_of_who_does_not_come_again() -> None:
    """Else a stranger who calls himself ever something else would fill the memory."""
    watch = Watch()
    counters = ProcessRateCounters(watch)
    for number in range(1000):
        await counters.hit(f"account:{number}@example.com", 10)
    watch.seconds += 60

    await counters.hit(WHO, 10)

    assert [WHO] == list(counters._ends)
