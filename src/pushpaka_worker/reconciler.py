"""The loops that reconcile this node with the database."""

import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Self, TypeAlias

from anyio import create_task_group, current_time
from attrs import field, frozen

from pushpaka_core.container.worker import WorkerServices
from pushpaka_core.domain.deployments.timeouts import Timeouts
from pushpaka_core.ports.storage.deployments import LeaseObservation
from pushpaka_core.services.instances.rolling_restart import RollingRestart
from pushpaka_core.services.instances.supervisor import InstanceSupervisor
from pushpaka_core.services.platform.garbage_collector import GarbageCollector
from pushpaka_core.services.platform.reconciler import DeploymentReconciler
from pushpaka_core.services.routing.certificates import CertificateSync
from pushpaka_core.services.routing.domain_checks import DomainVerifier
from pushpaka_core.services.volumes.measurement import VolumeMeter
from pushpaka_core.services.volumes.restorer import VolumeRestorer
from pushpaka_core.services.volumes.snapshot_alarms import SnapshotAlarms
from pushpaka_core.services.volumes.snapshot_taker import SnapshotTaker
from pushpaka_worker.leader_election import LeaderElection
from pushpaka_worker.lease_expiry import LeaseExpiry
from pushpaka_worker.loops import run_forever, run_rounds

logger = logging.getLogger(__name__)

NodeTask: TypeAlias = Callable[[], Coroutine[Any, Any, None]]
"""A task that runs alongside the reconciler, but only while this process holds the node lease."""


@frozen
class Reconciler:
    """
    Runs each reconciliation step at its own interval. A step that fails is tried again.

    Deployments do not delay each other: an application that is slow to stop delays only its own
    deployment.

    Steps that concern this node run only while this process holds the node lease. The search for
    lost workers runs in every reconciler, because the leases of deployments protect it.
    """

    _deployment_reconciler: DeploymentReconciler
    _instance_supervisor: InstanceSupervisor
    _rolling_restart: RollingRestart
    _garbage_collector: GarbageCollector
    _domain_verifier: DomainVerifier
    _certificate_sync: CertificateSync
    _volume_meter: VolumeMeter
    _snapshot_taker: SnapshotTaker
    _snapshot_alarms: SnapshotAlarms
    _volume_restorer: VolumeRestorer
    _timeouts: Timeouts
    _leader_election: LeaderElection
    _node_tasks: Sequence[NodeTask] = ()
    _lease_expiry: LeaseExpiry[LeaseObservation] = field()

    @classmethod
    def for_engine(
        cls, worker_services: WorkerServices, leader_election: LeaderElection, *node_tasks: NodeTask
    ) -> Self:
        """Create a reconciler for the services and timings of *worker_services*."""
        return cls(
            deployment_reconciler=worker_services.reconciler,
            instance_supervisor=worker_services.instance_supervisor,
            rolling_restart=worker_services.rolling_restart,
            garbage_collector=worker_services.garbage_collector,
            domain_verifier=worker_services.domain_verifier,
            certificate_sync=worker_services.certificate_sync,
            volume_meter=worker_services.volume_meter,
            snapshot_taker=worker_services.snapshot_taker,
            snapshot_alarms=worker_services.snapshot_alarms,
            volume_restorer=worker_services.volume_restorer,
            timeouts=worker_services.timeouts,
            leader_election=leader_election,
            node_tasks=node_tasks,
        )

    @_lease_expiry.default
    def _new_lease_expiry(self) -> LeaseExpiry[LeaseObservation]:
        return LeaseExpiry(self._timeouts.lease_timeout)

    async def requeue_all(self) -> None:
        """
        Queue all deployments in progress again, without waiting for their leases to expire.

        Call this only if no other worker can hold a lease.
        """
        for observation in await self._deployment_reconciler.leases():
            await self._deployment_reconciler.requeue(observation.lease)

    async def run(self) -> None:
        """Reconcile until canceled."""
        async with create_task_group() as loops:
            loops.start_soon(run_forever, self._timeouts.poll_interval, self._requeue_expired)
            loops.start_soon(self._leader_election.run, self._reconcile_node)

    async def _reconcile_node(self) -> None:
        timings = self._timeouts
        async with create_task_group() as loops:
            for companion in self._node_tasks:
                loops.start_soon(companion)
            loops.start_soon(
                run_forever,
                timings.supervision_interval,
                self._deployment_reconciler.finish_cutovers,
            )
            loops.start_soon(
                run_forever, timings.supervision_interval, self._deployment_reconciler.stop_drained
            )
            loops.start_soon(
                run_forever, timings.supervision_interval, self._deployment_reconciler.repair_routes
            )
            loops.start_soon(
                run_rounds,
                self._instance_supervisor.wait_until_due,
                self._instance_supervisor.check_due,
            )
            loops.start_soon(
                run_rounds, timings.supervision_interval, self._rolling_restart.advance
            )
            loops.start_soon(
                run_forever,
                timings.supervision_interval,
                self._garbage_collector.projects.delete_projects,
            )
            check_liveness = self._instance_supervisor.check_liveness
            loops.start_soon(run_rounds, timings.liveness_interval, check_liveness)
            loops.start_soon(
                run_rounds,
                timings.supervision_interval,
                self._instance_supervisor.check_rollback_windows,
            )
            loops.start_soon(run_forever, timings.gc_interval, self._garbage_collector.collect)
            loops.start_soon(run_forever, timings.gc_interval, self._domain_verifier.check_due)
            loops.start_soon(run_forever, timings.gc_interval, self._certificate_sync.sync)
            loops.start_soon(run_forever, timings.gc_interval, self._volume_meter.measure_due)
            loops.start_soon(run_forever, timings.poll_interval, self._snapshot_taker.take_due)
            loops.start_soon(run_forever, timings.gc_interval, self._snapshot_taker.request_due)
            loops.start_soon(run_forever, timings.gc_interval, self._snapshot_taker.remove_expired)
            loops.start_soon(run_forever, timings.gc_interval, self._snapshot_alarms.check)
            loops.start_soon(run_forever, timings.poll_interval, self._volume_restorer.restore_due)

    async def _requeue_expired(self) -> None:
        observations = await self._deployment_reconciler.leases()
        for observation in self._lease_expiry.expired(observations, now=current_time()):
            if await self._deployment_reconciler.requeue(observation.lease):
                logger.warning(
                    "The worker of deployment %s was lost.", observation.lease.deployment_id
                )
