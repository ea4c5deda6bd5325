"""The background services of a worker, assembled from its adapters."""

from attrs import evolve, frozen

from pushpaka_core.container.adapters import Adapters, Options
from pushpaka_core.container.instances import (
    archive_store,
    garbage_collector_of,
    instances_of,
    removal_of,
    supervisor_of,
)
from pushpaka_core.container.volumes import (
    snapshot_alarms,
    snapshot_contents,
    snapshot_taker,
    volume_meter,
    volume_restorer,
)
from pushpaka_core.domain.deployments.timeouts import Timeouts
from pushpaka_core.ports.events import EventBus
from pushpaka_core.ports.queue import DeploymentQueue
from pushpaka_core.ports.router import RouterSupervisor
from pushpaka_core.services.audit_log import AuditLog
from pushpaka_core.services.deployments.active_deployments import ActiveDeployments
from pushpaka_core.services.deployments.jobs import JobLoader
from pushpaka_core.services.deployments.previews import PreviewLimits
from pushpaka_core.services.deployments.transitions import DeploymentTransitions
from pushpaka_core.services.disk_reserve import DiskReserve
from pushpaka_core.services.instances.automatic_rollback import AutomaticRollback
from pushpaka_core.services.instances.crash_reports import CrashReports
from pushpaka_core.services.instances.lifecycle import InstanceLifecycle
from pushpaka_core.services.instances.node_lease import FencedStorage, HeldNodeLease
from pushpaka_core.services.instances.removal import InstanceRemoval, LeaseCleanup
from pushpaka_core.services.instances.rolling_restart import NewGeneration, RollingRestart
from pushpaka_core.services.instances.scaling import InstanceScaler
from pushpaka_core.services.instances.starter import InstanceLocks
from pushpaka_core.services.instances.supervisor import InstanceSupervisor
from pushpaka_core.services.instances.takeover import WriterTakeover
from pushpaka_core.services.integrations.commit_statuses import COMMIT_STATUS, CommitStatusSender
from pushpaka_core.services.integrations.notification_sender import NotificationSender
from pushpaka_core.services.integrations.notifications import (
    NOTIFICATION,
    TEST_NOTIFICATION,
    VOLUME_NOTIFICATION,
)
from pushpaka_core.services.integrations.outbox import OutboxSender
from pushpaka_core.services.logs.instance_output import InstanceOutputReader
from pushpaka_core.services.logs.log_writer import LogWriter
from pushpaka_core.services.pipeline.build import ReleaseBuild
from pushpaka_core.services.pipeline.cutover import Cutover
from pushpaka_core.services.pipeline.deadlines import Deadlines
from pushpaka_core.services.pipeline.generated_env import EnvVarGenerator
from pushpaka_core.services.pipeline.image_release import ImageRelease
from pushpaka_core.services.pipeline.pipeline import DeploymentPipeline
from pushpaka_core.services.pipeline.volume_mounting import VolumeMounting
from pushpaka_core.services.platform.admission import AdmissionControl
from pushpaka_core.services.platform.garbage_collector import GarbageCollector
from pushpaka_core.services.platform.metrics import CountingEventBus, MetricCounters
from pushpaka_core.services.platform.reconciler import DeploymentReconciler
from pushpaka_core.services.platform.worker_registry import WorkerRegistry
from pushpaka_core.services.projects.archive_store import ArchiveUnpacker
from pushpaka_core.services.projects.env_vars import EnvironmentCipher
from pushpaka_core.services.routing.certificates import CertificateSync
from pushpaka_core.services.routing.domain_checks import DomainVerifier
from pushpaka_core.services.routing.routes import RoutePublisher
from pushpaka_core.services.volumes.measurement import VolumeMeter
from pushpaka_core.services.volumes.restorer import VolumeRestorer
from pushpaka_core.services.volumes.snapshot_alarms import SnapshotAlarms
from pushpaka_core.services.volumes.snapshot_taker import SnapshotTaker

VERSION = "0.1.0"


@frozen(kw_only=True)
class WorkerServices:
    """The background services that a worker runs, and the settings that they share."""

    worker_registry: WorkerRegistry
    held_lease: HeldNodeLease
    admission_control: AdmissionControl
    pipeline: DeploymentPipeline
    reconciler: DeploymentReconciler
    active_deployments: ActiveDeployments
    instance_supervisor: InstanceSupervisor
    rolling_restart: RollingRestart
    garbage_collector: GarbageCollector
    volume_meter: VolumeMeter
    snapshot_taker: SnapshotTaker
    snapshot_alarms: SnapshotAlarms
    volume_restorer: VolumeRestorer
    outbox_sender: OutboxSender
    domain_verifier: DomainVerifier
    certificate_sync: CertificateSync
    instance_lifecycle: InstanceLifecycle
    job_loader: JobLoader
    route_publisher: RoutePublisher
    log_writer: LogWriter
    instance_log_writer: LogWriter
    """The writer for the output of this node's instances, which requires the node lease."""
    instance_output_reader: InstanceOutputReader
    queue: DeploymentQueue
    events: EventBus
    router_supervisor: RouterSupervisor | None
    timeouts: Timeouts
    node: str
    concurrency: int


def assemble_worker_services(
    adapters: Adapters,
    options: Options,
    deployment_transitions: DeploymentTransitions,
    environment_cipher: EnvironmentCipher,
    preview_limits: PreviewLimits,
) -> WorkerServices:
    """Create the background services of a worker."""
    seen = MetricCounters()
    adapters = evolve(adapters, events=CountingEventBus(adapters.events, seen, adapters.clock))
    job_loader = JobLoader(adapters.storage, adapters.cipher, environment_cipher)
    log_writer = LogWriter(adapters.storage, adapters.events, adapters.clock)
    instance_output_reader = InstanceOutputReader(adapters.runtime)
    route_publisher = RoutePublisher(
        adapters.storage,
        adapters.router,
        options.public_urls,
        options.api_upstreams,
        options.router_secret,
    )
    locks = InstanceLocks()
    instances = instances_of(adapters, options, locks)
    removal = removal_of(adapters, options, instance_output_reader, route_publisher, locks)
    cleanup = LeaseCleanup(removal, adapters.workspaces)
    running = InstanceLifecycle(
        builder=adapters.builder,
        rows=instances.rows,
        starter=instances.starter,
        health=instances.startup_health,
        removal=removal,
        output=instance_output_reader,
        failpoints=adapters.failpoints,
        timeouts=options.timeouts,
    )
    held_node_lease = HeldNodeLease(adapters.storage, options.node.name)
    fenced_adapters = evolve(adapters, storage=FencedStorage(adapters.storage, held_node_lease))
    fenced_instances = instances_of(fenced_adapters, options, locks)
    fenced_removal = removal_of(
        fenced_adapters, options, instance_output_reader, route_publisher, locks
    )
    active_deployments = ActiveDeployments(fenced_adapters.storage)
    cutover = Cutover(
        storage=adapters.storage,
        queue=adapters.queue,
        events=adapters.events,
        route_publisher=route_publisher,
        transitions=deployment_transitions,
        timeouts=options.timeouts,
        now=adapters.clock,
    )
    rollback = AutomaticRollback(
        storage=fenced_adapters.storage,
        events=adapters.events,
        log_writer=log_writer,
        health=fenced_instances.health,
        removal=fenced_removal,
        route_publisher=route_publisher,
        transitions=deployment_transitions,
        audit_log=AuditLog(adapters.clock, adapters.new_id),
        failpoints=adapters.failpoints,
        timeouts=options.timeouts,
        now=adapters.clock,
    )
    reports = CrashReports(
        storage=fenced_adapters.storage,
        events=fenced_adapters.events,
        logs=log_writer,
        transitions=deployment_transitions,
        now=fenced_adapters.clock,
    )
    instance_supervisor = supervisor_of(
        fenced_adapters,
        options,
        instances=fenced_instances,
        output=instance_output_reader,
        active_deployments=active_deployments,
        held_node_lease=held_node_lease,
        job_loader=job_loader,
        rollback=rollback,
        route_publisher=route_publisher,
        crash_reports=reports,
    )
    return WorkerServices(
        worker_registry=WorkerRegistry(
            storage=adapters.storage,
            node=options.node,
            version=VERSION,
            timeouts=options.timeouts,
            counters=seen,
            now=adapters.clock,
            new_id=adapters.new_id,
        ),
        held_lease=held_node_lease,
        admission_control=AdmissionControl(
            host=adapters.host,
            storage=adapters.storage,
            log_writer=log_writer,
            min_free=options.min_free_capacity,
            engine_check=adapters.engine_check,
        ),
        pipeline=DeploymentPipeline(
            storage=adapters.storage,
            queue=adapters.queue,
            events=adapters.events,
            job_loader=job_loader,
            logs=log_writer,
            workspaces=adapters.workspaces,
            release_build=ReleaseBuild(
                adapters.source,
                ArchiveUnpacker(
                    adapters.storage, archive_store(adapters, options), adapters.archive_extractor
                ),
                adapters.workspaces,
                adapters.builder,
                options.timeouts,
            ),
            image_release=ImageRelease(adapters.image_source, options.timeouts),
            generator=EnvVarGenerator(
                storage=adapters.storage,
                cipher=adapters.cipher,
                environment_cipher=environment_cipher,
                audit_log=AuditLog(adapters.clock, adapters.new_id),
                quota=options.quotas.env,
                now=adapters.clock,
                new_id=adapters.new_id,
            ),
            volume_mounting=VolumeMounting(
                storage=adapters.storage,
                files=adapters.volume_files,
                snapshot_contents=snapshot_contents(adapters),
                disk_reserve=DiskReserve(adapters.host, options.min_free_capacity.disk),
                audit_log=AuditLog(adapters.clock, adapters.new_id),
                packaging=adapters.builder.packaging,
                now=adapters.clock,
                new_id=adapters.new_id,
                quotas=options.quotas,
                has_nodes=adapters.list_cluster_nodes is not None,
            ),
            lifecycle=running,
            cleanup=cleanup,
            writer_takeover=_takeover(adapters, options, removal, route_publisher),
            cutover=cutover,
            transitions=deployment_transitions,
            deadlines=Deadlines(options.timeouts),
            failpoints=adapters.failpoints,
            now=adapters.clock,
            new_id=adapters.new_id,
        ),
        reconciler=DeploymentReconciler(
            storage=adapters.storage,
            queue=adapters.queue,
            events=adapters.events,
            removal=removal,
            cleanup=cleanup,
            cutover=cutover,
            route_publisher=route_publisher,
            transitions=deployment_transitions,
            counters=seen,
            timeouts=options.timeouts,
            now=adapters.clock,
        ),
        active_deployments=active_deployments,
        instance_supervisor=instance_supervisor,
        rolling_restart=RollingRestart(
            storage=fenced_adapters.storage,
            events=adapters.events,
            node_lease=held_node_lease,
            logs=log_writer,
            active=active_deployments,
            new_generation=NewGeneration(
                node_lease=held_node_lease,
                job_loader=job_loader,
                rows=fenced_instances.rows,
                starter=fenced_instances.starter,
                health=fenced_instances.startup_health,
                removal=fenced_removal,
            ),
            removal=fenced_removal,
            writer_takeover=_takeover(fenced_adapters, options, fenced_removal, route_publisher),
            instance_scaler=InstanceScaler(
                fenced_adapters.storage,
                job_loader,
                fenced_instances.rows,
                route_publisher,
                options.timeouts,
                adapters.clock,
            ),
            route_publisher=route_publisher,
            transitions=deployment_transitions,
            timeouts=options.timeouts,
            now=adapters.clock,
        ),
        garbage_collector=garbage_collector_of(
            fenced_adapters, options, fenced_removal, preview_limits
        ),
        volume_meter=volume_meter(fenced_adapters),
        snapshot_taker=snapshot_taker(fenced_adapters, options),
        snapshot_alarms=snapshot_alarms(fenced_adapters),
        volume_restorer=volume_restorer(fenced_adapters, options),
        outbox_sender=_outbox_sender(fenced_adapters, options),
        domain_verifier=DomainVerifier(
            storage=adapters.storage,
            resolver=adapters.resolver,
            audit_log=AuditLog(adapters.clock, adapters.new_id),
            public_urls=options.public_urls,
            now=adapters.clock,
        ),
        certificate_sync=CertificateSync(
            adapters.storage, adapters.router, route_publisher, adapters.clock
        ),
        instance_lifecycle=running,
        job_loader=job_loader,
        route_publisher=route_publisher,
        log_writer=log_writer,
        instance_log_writer=LogWriter(fenced_adapters.storage, adapters.events, adapters.clock),
        instance_output_reader=instance_output_reader,
        queue=adapters.queue,
        events=adapters.events,
        router_supervisor=adapters.router_supervisor,
        timeouts=options.timeouts,
        node=options.node.name,
        concurrency=options.concurrency,
    )


def _takeover(
    adapters: Adapters, options: Options, removal: InstanceRemoval, route_publisher: RoutePublisher
) -> WriterTakeover:
    return WriterTakeover(
        storage=adapters.storage,
        router=adapters.router,
        route_publisher=route_publisher,
        removal=removal,
        failpoints=adapters.failpoints,
        timeouts=options.timeouts,
        now=adapters.clock,
    )


def _outbox_sender(adapters: Adapters, options: Options) -> OutboxSender:
    statuses = CommitStatusSender(
        storage=adapters.storage,
        cipher=adapters.cipher,
        webhook_client=adapters.webhook_client,
        public_urls=options.public_urls,
        policy=options.source_policy,
    )
    notifications = NotificationSender(
        storage=adapters.storage,
        cipher=adapters.cipher,
        webhook_client=adapters.notification_client,
        notification_gateway=adapters.notification_gateway,
        public_urls=options.public_urls,
        now=adapters.clock,
    )
    senders = {
        COMMIT_STATUS: statuses.send,
        NOTIFICATION: notifications.send,
        VOLUME_NOTIFICATION: notifications.send_about_volume,
        TEST_NOTIFICATION: notifications.send_test,
    }
    return OutboxSender(adapters.storage, senders, adapters.clock)
