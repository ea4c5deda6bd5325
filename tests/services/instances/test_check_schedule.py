"""All deployments are checked in rounds, and some of them earlier."""

from datetime import timedelta
from uuid import uuid4

import pytest
from anyio import fail_after

from pushpaka_core.domain.ids import DeploymentId
from pushpaka_core.services.instances.check_schedule import CheckSchedule

pytestmark = pytest.mark.anyio

HOUR = timedelta(hours=1)


async def test_first_round_covers_all_deployments() -> None:
    schedule = CheckSchedule(HOUR)

    await schedule.wait()

    assert schedule.pop_due() is None
    assert [] == schedule.pop_due()


async def test_early_check_is_due_before_the_next_round() -> None:
    schedule, early, late = CheckSchedule(HOUR), DeploymentId(uuid4()), DeploymentId(uuid4())
    schedule.pop_due()
    schedule.add(early)
    schedule.add(early, delay=HOUR)
    schedule.add(late, delay=HOUR)

    with fail_after(10):
        await schedule.wait()

    assert [early] == schedule.pop_due()
    assert [] == schedule.pop_due()
