"""Tests the retries of outgoing messages."""

from datetime import timedelta
from itertools import pairwise

from pushpaka_core.domain.integrations.outbox import MAX_ATTEMPTS
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.integrations import an_outbox_message
from pushpaka_core.testing.objects.projects import a_project
from pushpaka_core.testing.objects.values import NOON


def test_retry_delay_grows_after_each_attempt() -> None:
    message, times = an_outbox_message(a_project(a_user())), [NOON]
    while (postponed := message.after_failure(now=times[-1])) is not None:
        message = postponed
        times.append(message.next_at)

    pauses = [later - earlier for earlier, later in pairwise(times)]
    assert MAX_ATTEMPTS - 1 == len(pauses)
    assert timedelta(seconds=10) == pauses[0]
    assert pauses == sorted(pauses)
    assert timedelta(hours=1) == pauses[-1]
    assert timedelta(hours=2) < times[-1] - NOON < timedelta(hours=6)
