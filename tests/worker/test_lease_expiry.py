"""Leases expire if their heartbeat counter does not change for too long."""

from datetime import timedelta

from pushpaka_core.domain.deployments.deployments import Lease
from pushpaka_core.domain.ids import DeploymentId
from pushpaka_core.ports.storage.deployments import LeaseObservation
from pushpaka_core.testing.objects.values import an_id
from pushpaka_worker.lease_expiry import LeaseExpiry

LEASE = Lease(deployment_id=DeploymentId(an_id()), fence=1)


def observation(heartbeat: int = 0, *, fence: int = 1) -> LeaseObservation:
    lease = Lease(deployment_id=LEASE.deployment_id, fence=fence)
    return LeaseObservation(lease=lease, heartbeat=heartbeat, worker="worker-1")


def test_a_lease_without_heartbeats_expires() -> None:
    expiry = LeaseExpiry[LeaseObservation](timedelta(seconds=20))

    expired = [expiry.expired([observation()], now=now) for now in (100, 119, 120)]

    assert [[], [], [observation()]] == expired


def test_a_renewed_lease_does_not_expire() -> None:
    expiry = LeaseExpiry[LeaseObservation](timedelta(seconds=20))

    expired = [expiry.expired([observation(beat)], now=100 + 15 * beat) for beat in range(5)]

    assert [[]] * 5 == expired


def test_a_new_lease_has_the_full_timeout() -> None:
    expiry = LeaseExpiry[LeaseObservation](timedelta(seconds=20))
    expiry.expired([observation()], now=100)

    assert [] == expiry.expired([observation(fence=2)], now=130)


def test_missing_leases_are_no_longer_observed() -> None:
    expiry = LeaseExpiry[LeaseObservation](timedelta(seconds=20))
    expiry.expired([observation()], now=100)
    expiry.expired([], now=110)

    assert [] == expiry.expired([observation()], now=125)
