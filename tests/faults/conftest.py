"""Configures the examples of the state machine, and turns off timers between its steps."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from secrets import randbelow

import pytest
from anyio import sleep_forever
from hypothesis import HealthCheck, Phase, settings

from pushpaka_core.services.logs import log_batches
from pushpaka_core.services.logs.log_batches import LogBuffer
from pushpaka_worker import worker

DEPTH = int(os.environ.get("PUSHPAKA_TEST_DEPTH", "0"))
"""Multiplies the number of random examples. 0 runs a few fixed examples instead."""
SEED = int(os.environ.get("PUSHPAKA_TEST_SEED") or randbelow(2**32))
"""The seed of the one example that differs from run to run."""
_HANG_SECONDS = 600 if DEPTH == 0 else 3600
"""Seconds after which a test counts as hung. A busy machine may be ten times slower."""

settings.register_profile(
    "faults",
    deadline=None,
    # Shrinking takes minutes; an example that is the same in each run needs none.
    phases=(Phase.generate,) if DEPTH == 0 else (Phase.generate, Phase.shrink),
    database=None,
    derandomize=DEPTH == 0,
    print_blob=False,
    report_multiple_bugs=False,
    stateful_step_count=40 if DEPTH == 0 else 60,
    suppress_health_check=list(HealthCheck),
)


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Apply the timeout `_HANG_SECONDS` to the tests in this folder."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.timeout(_HANG_SECONDS), append=False)


@pytest.fixture(autouse=True, scope="module")
def stepped_timings() -> Iterator[None]:
    """Do not flush logs periodically, and retry and clean up without long delays."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LogBuffer, "flush_continuously", lambda _: sleep_forever())
        patch.setattr(log_batches, "RETRY_SECONDS", 0.001)
        patch.setattr(worker, "_CLEAN_UP_SECONDS", 0.05)
        yield
