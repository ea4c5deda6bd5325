"""What others are to be told is tried again, less and less often, and at last given up."""

from datetime import timedelta
from itertools import pairwise

from pushpaka_core.domain.outbox import MOST_TRIES
from pushpaka_core.testing.objects import NOON, a_message, a_project, a_user


def test_a_message_waits_longer_after_each_try() -> None:
    """From seconds to an hour at most, and hours in all."""
    message, times = a_message(a_project(a_user())), [NOON]
    while (postponed := message.postponed(at=times[-1])) is not None:
        message = postponed
        times.append(message.next_at)

    pauses = [later - earlier for earlier, later in pairwise(times)]
    assert MOST_TRIES - 1 == len(pauses)
    assert timedelta(seconds=10) == pauses[0]
    assert pauses == sorted(pauses)
    assert timedelta(hours=1) == pauses[-1]
    assert timedelta(hours=2) < times[-1] - NOON < timedelta(hours=6)
