"""Connects the services that run, supervise and remove instances to their adapters."""

from attrs import frozen

from pushpaka_core.container.adapters import Adapters, Options
from pushpaka_core.container.volumes import volume_purger
from pushpaka_core.services.deployments.active_deployments import ActiveDeployments
from pushpaka_core.services.deployments.jobs import JobLoader
from pushpaka_core.services.deployments.previews import IdlePreviewRemoval, PreviewLimits
from pushpaka_core.services.deployments.release_retention import ReleaseRetention
from pushpaka_core.services.instances.automatic_rollback import AutomaticRollback
from pushpaka_core.services.instances.check_schedule import CheckSchedule, EarlyChecks
from pushpaka_core.services.instances.crash_reports import CrashReports
from pushpaka_core.services.instances.deployment_checks import DeploymentChecks
from pushpaka_core.services.instances.health import FirstSeen, HealthPassCounter
from pushpaka_core.services.instances.live_health import InstanceHealth
from pushpaka_core.services.instances.liveness_probes import LivenessProbes
from pushpaka_core.services.instances.node_lease import HeldNodeLease
from pushpaka_core.services.instances.recovery import InstanceRecovery, SupervisedInstances
from pushpaka_core.services.instances.removal import InstanceRemoval
from pushpaka_core.services.instances.restart_slots import StartSlots
from pushpaka_core.services.instances.rows import InstanceRows
from pushpaka_core.services.instances.starter import InstanceLocks, InstanceStarter
from pushpaka_core.services.instances.startup_health import StartupHealth
from pushpaka_core.services.instances.supervisor import InstanceSupervisor
from pushpaka_core.services.logs.instance_output import InstanceOutputReader
from pushpaka_core.services.platform.data_retention import DataRetention
from pushpaka_core.services.platform.garbage_collector import GarbageCollector
from pushpaka_core.services.platform.orphan_removal import OrphanRemoval
from pushpaka_core.services.platform.project_deletion import ProjectDeletion
from pushpaka_core.services.projects.archive_store import ArchiveStore
from pushpaka_core.services.routing.routes import RoutePublisher


@frozen(kw_only=True)
class Instances:
    """The services that create, start and check the instances of this node."""

    rows: InstanceRows
    starter: InstanceStarter
    health: InstanceHealth
    startup_health: StartupHealth


def instances_of(
    adapters: Adapters, options: Options, locks: InstanceLocks | None = None
) -> Instances:
    """
    Create the services that create, start and check the instances of this node.

    Services that start and remove the same instances share *locks*.
    """
    timings, ages = options.timeouts, FirstSeen(adapters.stopwatch)
    rows = InstanceRows(
        storage=adapters.storage,
        now=adapters.clock,
        new_id=adapters.new_id,
        node=options.node.name,
        host=options.node_address,
        ports=options.instance_ports,
    )
    health = InstanceHealth(
        rows=rows,
        runtime=adapters.runtime,
        prober=adapters.prober,
        public_urls=options.public_urls,
        timeouts=timings,
    )
    return Instances(
        rows=rows,
        starter=InstanceStarter(
            storage=adapters.storage,
            runtime=adapters.runtime,
            public_urls=options.public_urls,
            timeouts=timings,
            first_seen=ages,
            locks=locks or InstanceLocks(),
        ),
        health=health,
        startup_health=StartupHealth(
            health=health,
            runtime=adapters.runtime,
            timeouts=timings,
            first_seen=ages,
            passes=HealthPassCounter(adapters.stopwatch, timings.min_pass_interval),
        ),
    )


def removal_of(
    adapters: Adapters,
    options: Options,
    output: InstanceOutputReader,
    route_publisher: RoutePublisher,
    locks: InstanceLocks,
) -> InstanceRemoval:
    """Create the service that removes instances. It shares *locks* with those that start them."""
    return InstanceRemoval(
        storage=adapters.storage,
        runtime=adapters.runtime,
        output=output,
        route_publisher=route_publisher,
        timeouts=options.timeouts,
        locks=locks,
    )


def supervisor_of(
    fenced_adapters: Adapters,
    options: Options,
    *,
    instances: Instances,
    output: InstanceOutputReader,
    active_deployments: ActiveDeployments,
    held_node_lease: HeldNodeLease,
    job_loader: JobLoader,
    rollback: AutomaticRollback,
    route_publisher: RoutePublisher,
    crash_reports: CrashReports,
) -> InstanceSupervisor:
    """
    Create the supervisor of this node's instances.

    *fenced_adapters* write under the node lease.
    """
    schedule = CheckSchedule(options.timeouts.supervision_interval)
    early_checks = EarlyChecks(
        schedule=schedule,
        slots=StartSlots(options.max_concurrent_starts, fenced_adapters.stopwatch),
        health=instances.startup_health,
        now=fenced_adapters.clock,
    )
    supervised = SupervisedInstances(
        storage=fenced_adapters.storage,
        node_lease=held_node_lease,
        starter=instances.starter,
        timeouts=options.timeouts,
        now=fenced_adapters.clock,
    )
    return InstanceSupervisor(
        active=active_deployments,
        checks=DeploymentChecks(
            instances=supervised,
            rollback=rollback,
            route_publisher=route_publisher,
            reports=crash_reports,
            early_checks=early_checks,
        ),
        recovery=InstanceRecovery(
            runtime=fenced_adapters.runtime,
            job_loader=job_loader,
            rows=instances.rows,
            starter=instances.starter,
            health=instances.startup_health,
            output=output,
            instances=supervised,
            early_checks=early_checks,
            now=fenced_adapters.clock,
        ),
        probes=LivenessProbes(
            health=instances.health,
            node_lease=held_node_lease,
            instances=supervised,
            rollback=rollback,
            route_publisher=route_publisher,
            stopwatch=fenced_adapters.stopwatch,
        ),
        schedule=schedule,
        early_checks=early_checks,
        host=fenced_adapters.host,
        now=fenced_adapters.clock,
    )


def garbage_collector_of(
    fenced_adapters: Adapters,
    options: Options,
    removal: InstanceRemoval,
    preview_limits: PreviewLimits,
) -> GarbageCollector:
    """Create the garbage collector. *fenced_adapters* write under the node lease."""
    return GarbageCollector(
        projects=ProjectDeletion(
            storage=fenced_adapters.storage,
            builder=fenced_adapters.builder,
            source=fenced_adapters.source,
            removal=removal,
        ),
        releases=ReleaseRetention(
            storage=fenced_adapters.storage,
            builder=fenced_adapters.builder,
            now=fenced_adapters.clock,
            releases_kept=options.max_releases,
        ),
        orphans=OrphanRemoval(
            storage=fenced_adapters.storage,
            runtime=fenced_adapters.runtime,
            builder=fenced_adapters.builder,
            workspaces=fenced_adapters.workspaces,
            removal=removal,
        ),
        data=DataRetention(
            storage=fenced_adapters.storage,
            archives=archive_store(fenced_adapters, options),
            now=fenced_adapters.clock,
            log_retention=options.log_retention,
        ),
        previews=IdlePreviewRemoval(
            storage=fenced_adapters.storage,
            events=fenced_adapters.events,
            preview_limits=preview_limits,
        ),
        volumes=volume_purger(fenced_adapters),
    )


def archive_store(adapters: Adapters, options: Options) -> ArchiveStore:
    """Return the store that keeps archives on this machine or in the database."""
    return ArchiveStore(adapters.storage, adapters.archive_files, options.node)
