"""Metrics counters: phases with their durations, log lines, lost leases."""

from collections.abc import Mapping

import pytest
from anyio import fail_after
from tests.platform_fixtures import Platform

from pushpaka_core.adapters.memory.events import MemoryEventBus
from pushpaka_core.domain.accounts.access import PLATFORM
from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.deployments.state_machine import Phase
from pushpaka_core.domain.logs.events import DeploymentChanged, LogLinesAppended
from pushpaka_core.domain.logs.logs import LogLine
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.errors import UnavailableError
from pushpaka_core.services.platform.metrics import CountingEventBus, MetricCounters
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.deployments import a_deployment, a_log_entry
from pushpaka_core.testing.objects.projects import a_project
from pushpaka_core.testing.objects.values import later

pytestmark = pytest.mark.anyio


def a_claimed_deployment() -> Deployment:
    return a_deployment(a_project(a_user())).claim("worker-1", now=later(0))


def flush(counters: MetricCounters) -> Mapping[str, int]:
    """Return the counters and reset them."""
    with counters.flush() as counts:
        return counts


def test_a_phase_is_measured_until_the_next_one() -> None:
    counters, deployment = MetricCounters(), a_claimed_deployment()
    cancelling = deployment.cancel(now=later(1))

    counters.record_phase(deployment, now=later(0))
    counters.record_phase(cancelling, now=later(1))
    counters.record_phase(deployment.enter(Phase.BUILD, now=later(3)), now=later(3))
    counters.record_phase(deployment.fail("No luck.", now=later(8)), now=later(8))
    counters.record_phase(deployment.fail("No luck.", now=later(8)), now=later(9))

    assert {
        "source_ends": 1,
        "source_milliseconds": 3000,
        "build_ends": 1,
        "build_milliseconds": 5000,
    } == flush(counters)


def test_counters_of_several_phases_are_summed() -> None:
    counters = MetricCounters()

    for deployment in (a_claimed_deployment(), a_claimed_deployment()):
        counters.record_phase(deployment, now=later(0))
        counters.record_phase(deployment.fail("No luck.", now=later(2)), now=later(2))

    assert {"source_ends": 2, "source_milliseconds": 4000} == flush(counters)


async def test_the_counting_bus_forwards_every_message() -> None:
    counters, deployment = MetricCounters(), a_claimed_deployment()
    bus = CountingEventBus(MemoryEventBus(), counters, lambda: later(0))
    lines = [LogLine.of(a_log_entry(), deployment_id=deployment.id, seq=seq) for seq in (1, 2)]
    written = LogLinesAppended(deployment_id=deployment.id, lines=lines)
    moved = DeploymentChanged(deployment=deployment.fail("No luck.", now=later(0)))

    with fail_after(30):
        async with bus.subscribe(deployment.id) as watched:
            for message in (DeploymentChanged(deployment=deployment), written, moved):
                await bus.publish(message)
            received = [await anext(watched) for _ in range(3)]

    assert [DeploymentChanged(deployment=deployment), written, moved] == received
    assert {"log_lines": 2, "source_ends": 1, "source_milliseconds": 0} == flush(counters)


async def test_counters_of_all_workers_are_summed(platform: Platform, shop: Project) -> None:
    first, second = platform.worker_services, platform.another_engine()
    await platform.deploy(shop)
    lease = await platform.begin(shop)
    await second.reconciler.requeue(lease)

    for worker_registry in (first.worker_registry, second.worker_registry):
        worker = await worker_registry.register("worker", concurrency=1)
        await worker_registry.record_heartbeat(worker, jobs=0)
        await worker_registry.unregister(worker)

    totals = await platform.application.system.counters(PLATFORM)
    assert (1, 1) == (totals["lease_expiries"], totals["build_ends"])
    assert len(await platform.lines(lease.deployment_id)) < totals["log_lines"]


async def test_counters_survive_a_failed_transaction(platform: Platform) -> None:
    worker_registry = platform.worker_services.worker_registry
    worker = await worker_registry.register("worker", concurrency=1)
    await platform.deploy(await platform.project())
    platform.storage.fail()
    with pytest.raises(UnavailableError):
        await worker_registry.record_heartbeat(worker, jobs=0)
    platform.storage.recover()

    await worker_registry.record_heartbeat(worker, jobs=0)

    assert 1 == (await platform.application.system.counters(PLATFORM))["build_ends"]
