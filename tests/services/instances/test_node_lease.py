"""A process that was suspended while another one took the node lease changes nothing."""

from collections.abc import Awaitable, Callable
from math import inf
from typing import Any, cast

import pytest
from tests.faults.scheduler import SteppedStorage, SteppedTask
from tests.platform_fixtures import Platform, open_platform

from pushpaka_core.adapters.memory.storage.storage import MemoryStorage
from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.deployments.state_machine import Phase
from pushpaka_core.domain.instances.instances import MAX_FAILED_PROBES
from pushpaka_core.domain.logs.redaction import Redactor
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.errors import LeaseLostError
from pushpaka_core.services.instances.node_lease import HeldNodeLease

pytestmark = pytest.mark.anyio

Verb = Callable[[], Awaitable[None]]
OperationSetup = Callable[[Platform, Deployment], Awaitable[Verb]]


async def take_node_for_another(platform: Platform) -> None:
    """Take the node lease for another process."""
    hold = HeldNodeLease(platform.storage, platform.worker_services.node)
    await hold.acquire("another", expected=await hold.read())


async def crash(platform: Platform, running: Deployment) -> None:
    platform.runtime.crash((await platform.instance(running.id)).name)


async def fail_probes(platform: Platform, running: Deployment, times: int) -> None:
    """Make the only instance of a deployment fail *times* probes."""
    port = (await platform.instance(running.id)).port or 0
    platform.prober.failures[port] = "it did not answer"
    for _ in range(times):
        await platform.worker_services.instance_supervisor.check_liveness()


async def prepare_crash_to_record(platform: Platform, running: Deployment) -> Verb:
    await crash(platform, running)
    return platform.worker_services.instance_supervisor.check_all


async def prepare_crashed_instance_to_restart(platform: Platform, running: Deployment) -> Verb:
    await crash(platform, running)
    await platform.worker_services.instance_supervisor.check_all()
    platform.clock.advance(1)
    return platform.worker_services.instance_supervisor.check_all


async def prepare_unresponsive_instance_to_stop(platform: Platform, running: Deployment) -> Verb:
    await fail_probes(platform, running, MAX_FAILED_PROBES - 1)
    return platform.worker_services.instance_supervisor.check_liveness


async def prepare_restart_to_start(platform: Platform, running: Deployment) -> Verb:
    await platform.application.active_deployments.restart(platform.owner, running.id)
    return platform.worker_services.rolling_restart.advance


async def prepare_restart_to_finish(platform: Platform, running: Deployment) -> Verb:
    await platform.application.active_deployments.restart(platform.owner, running.id)
    await platform.worker_services.rolling_restart.advance()
    await platform.worker_services.rolling_restart.advance()  # Passes its health check once.
    return platform.worker_services.rolling_restart.advance


async def prepare_restart_to_continue(platform: Platform, running: Deployment) -> Verb:
    await platform.application.active_deployments.restart(platform.owner, running.id)
    await platform.worker_services.rolling_restart.advance()
    (new,) = [i for i in await platform.instances(running.id) if i.generation > 1]
    platform.runtime.vanish(new.name)
    return platform.worker_services.rolling_restart.advance


async def prepare_restart_to_cancel(platform: Platform, running: Deployment) -> Verb:
    await platform.application.active_deployments.restart(platform.owner, running.id)
    platform.runtime.early_exit = "exited with code 1"
    await platform.worker_services.rolling_restart.advance()
    return platform.worker_services.rolling_restart.advance


OPERATIONS: tuple[OperationSetup, ...] = (
    prepare_crash_to_record,
    prepare_crashed_instance_to_restart,
    prepare_unresponsive_instance_to_stop,
    prepare_restart_to_start,
    prepare_restart_to_finish,
    prepare_restart_to_continue,
    prepare_restart_to_cancel,
)


async def snapshot_of(platform: Platform, running: Deployment) -> tuple[Any, ...]:
    """Return everything about a deployment that a reconciler could change."""
    return (
        await platform.stored_deployment(running.id),
        list(await platform.instances()),
        set(platform.runtime.running),
        await platform.messages(running.id),
        await platform.causes(running.id),
        dict(platform.routes()),
    )


@pytest.mark.parametrize("prepare_operation", OPERATIONS)
async def test_a_former_lease_holder_changes_nothing(
    platform: Platform, running: Deployment, prepare_operation: OperationSetup
) -> None:
    verb = await prepare_operation(platform, running)
    await take_node_for_another(platform)
    before = await snapshot_of(platform, running)

    with pytest.raises(LeaseLostError):
        await verb()

    assert before == await snapshot_of(platform, running)
    await platform.take_node()
    await verb()
    assert before != await snapshot_of(platform, running)


async def test_a_holder_suspended_during_an_operation_changes_nothing() -> None:
    storage = SteppedStorage(MemoryStorage())
    async with open_platform(cast("MemoryStorage", storage)) as platform:
        running = await platform.deploy(await platform.project())
        await fail_probes(platform, running, MAX_FAILED_PROBES - 1)
        stopped = SteppedTask()
        stopped.begin(cast("Any", platform.worker_services.instance_supervisor.check_liveness))
        await stopped.step(1)
        assert not stopped.is_over
        platform.prober.failures.clear()
        await take_node_for_another(platform)
        before = await snapshot_of(platform, running)

        await stopped.step(inf)

        assert isinstance(stopped.error, LeaseLostError)
        assert before == await snapshot_of(platform, running)


async def test_only_the_lease_holder_writes_instance_output(
    platform: Platform, running: Deployment
) -> None:
    await take_node_for_another(platform)
    before = await platform.messages(running.id)

    async with platform.worker_services.instance_log_writer.open(running.id, Redactor()) as log:
        await log.write("again", Phase.RUN)

    assert before == await platform.messages(running.id)


async def test_operations_without_a_lease_are_rejected(platform: Platform) -> None:
    hold = HeldNodeLease(platform.storage, "node-2")

    with pytest.raises(LeaseLostError, match="does not hold the lease on the node node-2"):
        await hold.require_held()


async def test_a_lost_worker_is_replaced_without_the_node_lease(
    platform: Platform, shop: Project
) -> None:
    lease = await platform.begin(shop)
    await take_node_for_another(platform)

    assert await platform.worker_services.reconciler.requeue(lease)
