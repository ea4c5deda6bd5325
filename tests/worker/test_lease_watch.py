"""Silence is told by looking, never by comparing clocks."""

from datetime import timedelta

from pushpaka_core.domain.deployments import DeploymentId, Lease
from pushpaka_core.ports.storage_deployments import LeaseSight
from pushpaka_core.testing.objects import an_id
from pushpaka_worker.lease_watch import LeaseWatch

LEASE = Lease(deployment_id=DeploymentId(an_id()), fence=1)


def sight(heartbeat: int = 0, *, fence: int = 1) -> LeaseSight:
    lease = Lease(deployment_id=LEASE.deployment_id, fence=fence)
    return LeaseSight(lease=lease, heartbeat=heartbeat, worker="worker-1")


def test_a_lease_that_stands_still_becomes_silent() -> None:
    """It is so once it has looked the same for long enough, and not before."""
    watch = LeaseWatch(timedelta(seconds=20))

    silent = [watch.silent([sight()], now=now) for now in (100, 119, 120)]

    assert [[], [], [LEASE]] == silent


def test_a_beating_lease_is_never_silent() -> None:
    """Each heartbeat begins the wait anew."""
    watch = LeaseWatch(timedelta(seconds=20))

    silent = [watch.silent([sight(beat)], now=100 + 15 * beat) for beat in range(5)]

    assert [[]] * 5 == silent


def test_a_new_holder_is_given_its_time() -> None:
    """Another fence is another lease, though the count of its beats is the same."""
    watch = LeaseWatch(timedelta(seconds=20))
    watch.silent([sight()], now=100)

    assert [] == watch.silent([sight(fence=2)], now=130)


def test_what_is_not_seen_is_forgotten() -> None:
    """A lease that comes back is watched from its beginning."""
    watch = LeaseWatch(timedelta(seconds=20))
    watch.silent([sight()], now=100)
    watch.silent([], now=110)

    assert [] == watch.silent([sight()], now=125)
