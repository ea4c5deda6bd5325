"""The services of an instance, assembled from its adapters."""

from contextlib import suppress

from anyio import move_on_after
from attrs import field, frozen

from pushpaka_core.container.adapters import Adapters, Options
from pushpaka_core.container.instances import (
    archive_store,
    instances_of,
)
from pushpaka_core.container.volumes import volume_meter, volume_purger
from pushpaka_core.container.worker import VERSION, WorkerServices, assemble_worker_services
from pushpaka_core.domain.pipeline.frameworks import canonical_framework
from pushpaka_core.domain.routing.hosts import PublicUrls
from pushpaka_core.errors import RouterUnavailableError, RuntimeUnavailableError
from pushpaka_core.ports.system import RateCounters
from pushpaka_core.services.accounts.accounts import AccountService
from pushpaka_core.services.accounts.api_tokens import ApiTokenService
from pushpaka_core.services.accounts.invitations import InvitationService
from pushpaka_core.services.accounts.members import MemberService
from pushpaka_core.services.audit_log import AuditLog, AuditService
from pushpaka_core.services.databases.databases import DatabaseService
from pushpaka_core.services.databases.variables import DatabaseVariables
from pushpaka_core.services.deployments.active_deployment_service import ActiveDeploymentService
from pushpaka_core.services.deployments.artifacts import ArtifactLookup
from pushpaka_core.services.deployments.cancellation import Cancellation
from pushpaka_core.services.deployments.deployments import DeploymentService
from pushpaka_core.services.deployments.plans import PlanService, PlanSlots
from pushpaka_core.services.deployments.previews import PreviewLimits
from pushpaka_core.services.deployments.queueing import DeploymentEnqueuer
from pushpaka_core.services.deployments.transitions import DeploymentTransitions
from pushpaka_core.services.deployments.webhook_deliveries import DeliveryService
from pushpaka_core.services.disk_reserve import DiskReserve
from pushpaka_core.services.instances.one_off_commands import OneOffCommandService
from pushpaka_core.services.integrations.commit_statuses import CommitStatusQueue
from pushpaka_core.services.integrations.notifications import NotificationQueue, NotificationService
from pushpaka_core.services.integrations.outbox import Outbox
from pushpaka_core.services.integrations.webhooks import WebhookService
from pushpaka_core.services.logs.log_service import LogService
from pushpaka_core.services.platform.platform_health import (
    NOT_CHECKED,
    HealthCheck,
    HealthService,
    SharedCheck,
    ShutdownSignal,
)
from pushpaka_core.services.platform.system import AdapterNames, SystemService
from pushpaka_core.services.projects.archives import ArchiveService
from pushpaka_core.services.projects.deploy_keys import DeployKeyService
from pushpaka_core.services.projects.env_vars import EnvironmentCipher, EnvVarService
from pushpaka_core.services.projects.projects import ProjectService
from pushpaka_core.services.routing.custom_domains import CustomDomainService
from pushpaka_core.services.routing.routes import RouteTableService
from pushpaka_core.services.volumes.file_transfer import VolumeFileTransfer
from pushpaka_core.services.volumes.snapshots import SnapshotService
from pushpaka_core.services.volumes.volumes import VolumeService

_DELIVERY_RESERVE_DIVISOR = 8
"""
The divisor of PUSHPAKA_MIN_FREE_DISK for webhook deliveries: they need an eighth of it.

Most Git providers do not retry a rejected delivery, so pushes are accepted as long as possible.
"""
_DOCKER_CHECK_SECONDS = 0.75
"""The time limit of the Docker check, so that health requests are answered within a second."""


@frozen(kw_only=True)
class Application:
    """
    The services of one instance.

    The methods of the services take the actor, on whose behalf they act, as their first argument.
    """

    accounts: AccountService
    api_tokens: ApiTokenService
    projects: ProjectService
    members: MemberService
    invitations: InvitationService
    deployments: DeploymentService
    archives: ArchiveService
    plans: PlanService
    active_deployments: ActiveDeploymentService
    one_off_commands: OneOffCommandService
    logs: LogService
    env_vars: EnvVarService
    deploy_keys: DeployKeyService
    custom_domains: CustomDomainService
    volumes: VolumeService
    databases: DatabaseService
    snapshots: SnapshotService
    volume_file_transfer: VolumeFileTransfer
    webhooks: WebhookService
    notifications: NotificationService
    deliveries: DeliveryService
    audit: AuditService
    health: HealthService
    shutdown_signal: ShutdownSignal
    system: SystemService
    addresses: PublicUrls
    adapter_names: AdapterNames
    worker_services: WorkerServices
    """The background services that a worker runs."""
    route_tables: RouteTableService | None = None
    """The service that returns the route table to routers that fetch it, or None if none does."""
    rate_counters: RateCounters | None = None
    """Rate limit counters shared by all processes, or None if each process counts separately."""
    router_secret: str = field(default="", repr=False)
    """The secret that the instance's router adds to requests. Empty without a router."""


def assemble(adapters: Adapters, options: Options) -> Application:
    """
    Create the services of an instance.

    No deployment is processed until a worker runs, see `pushpaka_worker.open_worker`.

    Args:
        adapters: An adapter for each port, for example from `memory_adapters()`.
        options: The operator's choices.
    """
    shutdown_signal = ShutdownSignal()
    outbox = Outbox(adapters.clock, adapters.new_id)
    reports, notices = CommitStatusQueue(outbox), NotificationQueue(outbox, adapters.clock)
    deployment_transitions = DeploymentTransitions(
        reports, notices, adapters.clock, adapters.new_id
    )
    audit_log = AuditLog(adapters.clock, adapters.new_id)
    environments, cancellation = (
        EnvironmentCipher(adapters.cipher),
        Cancellation(deployment_transitions, adapters.clock),
    )
    preview_limits = PreviewLimits(
        cancellation, adapters.clock, options.max_previews, options.preview_retention
    )
    enqueuer = DeploymentEnqueuer(
        queue=adapters.queue,
        events=adapters.events,
        environment_cipher=environments,
        cancellation=cancellation,
        preview_limits=preview_limits,
        audit_log=audit_log,
        transitions=deployment_transitions,
        failpoints=adapters.failpoints,
        now=adapters.clock,
        new_id=adapters.new_id,
        quotas=options.quotas,
    )
    artifact_lookup = ArtifactLookup(adapters.storage, adapters.builder)
    instances = instances_of(adapters, options)
    engine = assemble_worker_services(
        adapters, options, deployment_transitions, environments, preview_limits
    )
    deployments = DeploymentService(
        storage=adapters.storage,
        events=adapters.events,
        enqueuer=enqueuer,
        artifact_lookup=artifact_lookup,
        audit_log=audit_log,
        transitions=deployment_transitions,
        now=adapters.clock,
        poll_interval=options.timeouts.poll_interval,
    )
    active_deployments = ActiveDeploymentService(
        storage=adapters.storage,
        events=adapters.events,
        enqueuer=enqueuer,
        cancellation=cancellation,
        artifact_lookup=artifact_lookup,
        audit_log=audit_log,
        transitions=deployment_transitions,
        now=adapters.clock,
    )
    api_tokens = ApiTokenService(
        storage=adapters.storage, audit_log=audit_log, now=adapters.clock, new_id=adapters.new_id
    )
    return Application(
        accounts=AccountService(
            storage=adapters.storage,
            hasher=adapters.hasher,
            signer=adapters.signer,
            api_tokens=api_tokens,
            audit_log=audit_log,
            now=adapters.clock,
            new_id=adapters.new_id,
            registration_policy=options.registration,
            forwarded_registration_policy=options.forwarded_registration,
            token_lifetime=options.token_lifetime,
        ),
        api_tokens=api_tokens,
        projects=ProjectService(
            storage=adapters.storage,
            queue=adapters.queue,
            events=adapters.events,
            cipher=adapters.cipher,
            audit_log=audit_log,
            transitions=deployment_transitions,
            public_urls=options.public_urls,
            policy=options.source_policy,
            supports_images=adapters.image_source is not None,
            canonical_framework=canonical_framework,
            now=adapters.clock,
            new_id=adapters.new_id,
            quotas=options.quotas,
        ),
        members=MemberService(
            storage=adapters.storage, audit_log=audit_log, now=adapters.clock, quotas=options.quotas
        ),
        invitations=InvitationService(
            storage=adapters.storage,
            audit_log=audit_log,
            now=adapters.clock,
            new_id=adapters.new_id,
        ),
        deployments=deployments,
        archives=ArchiveService(
            storage=adapters.storage,
            store=archive_store(adapters, options),
            disk_reserve=DiskReserve(adapters.host, options.min_free_capacity.disk),
            audit_log=audit_log,
            now=adapters.clock,
            new_id=adapters.new_id,
            quotas=options.quotas,
        ),
        plans=PlanService(
            storage=adapters.storage,
            source=adapters.source,
            workspaces=adapters.workspaces,
            cipher=adapters.cipher,
            timeouts=options.timeouts,
            packaging=adapters.builder.packaging,
            slots=PlanSlots(options.quotas.concurrent_plans),
        ),
        active_deployments=active_deployments,
        one_off_commands=OneOffCommandService(
            storage=adapters.storage,
            runtime=adapters.runtime,
            job_loader=engine.job_loader,
            rows=instances.rows,
            starter=instances.starter,
            audit_log=audit_log,
            node=options.node,
        ),
        logs=LogService(
            storage=adapters.storage,
            events=adapters.events,
            poll_interval=options.timeouts.poll_interval,
        ),
        env_vars=EnvVarService(
            storage=adapters.storage,
            cipher=adapters.cipher,
            audit_log=audit_log,
            now=adapters.clock,
            new_id=adapters.new_id,
            quota=options.quotas.env,
        ),
        deploy_keys=DeployKeyService(
            storage=adapters.storage,
            cipher=adapters.cipher,
            key_pair_generator=adapters.key_pair_generator,
            audit_log=audit_log,
            now=adapters.clock,
        ),
        custom_domains=CustomDomainService(
            storage=adapters.storage,
            audit_log=audit_log,
            verifier=engine.domain_verifier,
            public_urls=options.public_urls,
            now=adapters.clock,
            new_id=adapters.new_id,
            quotas=options.quotas,
        ),
        volumes=VolumeService(
            storage=adapters.storage,
            meter=volume_meter(adapters),
            purger=volume_purger(adapters),
            audit_log=audit_log,
            packaging=adapters.builder.packaging,
            now=adapters.clock,
            new_id=adapters.new_id,
            quotas=options.quotas,
        ),
        databases=DatabaseService(
            storage=adapters.storage,
            cipher=adapters.cipher,
            variables=DatabaseVariables(
                cipher=adapters.cipher,
                audit_log=audit_log,
                now=adapters.clock,
                new_id=adapters.new_id,
                quota=options.quotas.env,
            ),
            enqueuer=enqueuer,
            cancellation=cancellation,
            active_deployments=active_deployments,
            meter=volume_meter(adapters),
            purger=volume_purger(adapters),
            audit_log=audit_log,
            packaging=adapters.builder.packaging,
            ports=options.instance_ports,
            now=adapters.clock,
            new_id=adapters.new_id,
            quotas=options.quotas,
        ),
        snapshots=SnapshotService(
            storage=adapters.storage,
            files=adapters.snapshot_files,
            audit_log=audit_log,
            now=adapters.clock,
            new_id=adapters.new_id,
            poll_interval=options.timeouts.poll_interval,
            quotas=options.quotas,
        ),
        volume_file_transfer=VolumeFileTransfer(
            storage=adapters.storage,
            files=adapters.volume_files,
            disk_reserve=DiskReserve(adapters.host, options.min_free_capacity.disk),
            audit_log=audit_log,
        ),
        webhooks=WebhookService(
            storage=adapters.storage,
            cipher=adapters.cipher,
            audit_log=audit_log,
            now=adapters.clock,
            new_id=adapters.new_id,
        ),
        notifications=NotificationService(
            storage=adapters.storage,
            cipher=adapters.cipher,
            notification_gateway=adapters.notification_gateway,
            audit_log=audit_log,
            outbox=outbox,
            now=adapters.clock,
            new_id=adapters.new_id,
        ),
        deliveries=DeliveryService(
            storage=adapters.storage,
            cipher=adapters.cipher,
            enqueuer=enqueuer,
            preview_limits=preview_limits,
            disk_reserve=DiskReserve(
                adapters.host, options.min_free_capacity.disk // _DELIVERY_RESERVE_DIVISOR
            ),
            now=adapters.clock,
        ),
        audit=AuditService(storage=adapters.storage),
        health=HealthService(
            version=VERSION,
            checks=_checks(adapters, engine),
            readiness_checks=[
                SharedCheck(c) for c in (shutdown_signal.check, adapters.schema_check) if c
            ],
        ),
        shutdown_signal=shutdown_signal,
        system=SystemService(
            storage=adapters.storage,
            version=VERSION,
            base_domain=options.public_urls.base_domain,
            adapter_names=options.adapter_names,
            timeouts=options.timeouts,
            machines=adapters.list_cluster_nodes,
            now=adapters.clock,
        ),
        addresses=options.public_urls,
        adapter_names=options.adapter_names,
        worker_services=engine,
        route_tables=_route_tables(adapters, engine),
        rate_counters=adapters.rate_counters,
        router_secret=options.router_secret,
    )


def _route_tables(adapters: Adapters, worker_services: WorkerServices) -> RouteTableService | None:
    text = adapters.route_table_text
    return None if text is None else RouteTableService(worker_services.route_publisher, text)


def _checks(adapters: Adapters, worker_services: WorkerServices) -> dict[str, HealthCheck | None]:
    docker = adapters.engine_check

    async def router_answers() -> object:
        if await adapters.router.generation() is not None:
            return None
        if (
            adapters.route_table_text is None
            and not await worker_services.worker_registry.is_current_node()
        ):
            return NOT_CHECKED
        raise RouterUnavailableError("The router is not responding. Check that it is running.")

    checks: dict[str, HealthCheck | None] = {
        "database": adapters.storage.check,
        "redis": adapters.redis_check,
        "docker": _docker_check(docker, worker_services) if docker else None,
        "router": router_answers if adapters.has_router else None,
        "disk": worker_services.admission_control.require_disk,
        "memory": worker_services.admission_control.require_memory,
    }
    return {name: SharedCheck(check) if check else None for name, check in checks.items()}


def _docker_check(check: HealthCheck, worker_services: WorkerServices) -> HealthCheck:
    async def docker_answers() -> object:
        with move_on_after(_DOCKER_CHECK_SECONDS), suppress(RuntimeUnavailableError):
            return await check()
        if await worker_services.worker_registry.is_current_node():
            raise RuntimeUnavailableError(
                "The Docker Engine is not responding. Check that it is running."
            )
        return NOT_CHECKED

    return docker_answers
