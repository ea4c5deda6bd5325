"""How deep the state machine goes, and a clockwork that only its steps move."""

import os
from collections.abc import Iterator
from secrets import randbelow

import pytest
from anyio import sleep_forever
from hypothesis import HealthCheck, Phase, settings

from pushpaka_core.services import log_batches
from pushpaka_core.services.log_batches import LogBatches
from pushpaka_worker import worker

DEPTH = int(os.environ.get("PUSHPAKA_TEST_DEPTH", "0"))
"""How many times as many examples, of random ones, are tried; 0 tries the same few each time."""
SEED = int(os.environ.get("PUSHPAKA_TEST_SEED") or randbelow(2**32))
"""Of the one life that is another in each run."""
PHASES = (Phase.generate,) if DEPTH == 0 else (Phase.generate, Phase.shrink)
"""To find the shortest example takes minutes; one that is always the same can be looked at."""

settings.register_profile(
    "faults",
    deadline=None,
    phases=PHASES,
    database=None,
    derandomize=DEPTH == 0,
    print_blob=False,
    report_multiple_bugs=False,
    stateful_step_count=40 if DEPTH == 0 else 60,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(autouse=True, scope="module")
def logs_written_at_once_only() -> Iterator[None]:
    """Have logs written where a step ends, not by a clock, and a lost answer cost no second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LogBatches, "flush_often", lambda _: sleep_forever())
        patch.setattr(log_batches, "PAUSE_SECONDS", 0.001)
        patch.setattr(worker, "_LET_GO_SECONDS", 0.05)
        yield
