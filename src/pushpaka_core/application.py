"""What entry points are given: the services of one instance, made from its adapters."""

from contextlib import suppress

from anyio import move_on_after
from attrs import frozen

from pushpaka_core.domain.frameworks import canonical_framework
from pushpaka_core.domain.hosts import Addresses
from pushpaka_core.engine import VERSION, Engine, assemble_engine, starting_of
from pushpaka_core.errors import RouterUnavailableError, RuntimeUnavailableError
from pushpaka_core.parts import Adapters, Options
from pushpaka_core.ports.rate_counters import RateCounters
from pushpaka_core.services.accounts import AccountService
from pushpaka_core.services.api_tokens import ApiTokenService
from pushpaka_core.services.archives import ArchiveService
from pushpaka_core.services.artifacts import Artifacts
from pushpaka_core.services.audit import AuditService
from pushpaka_core.services.commit_statuses import CommitReports
from pushpaka_core.services.custom_domains import CustomDomainService
from pushpaka_core.services.deliveries import DeliveryService
from pushpaka_core.services.deploy_keys import DeployKeyService
from pushpaka_core.services.deployments import DeploymentService
from pushpaka_core.services.ending import Ending
from pushpaka_core.services.env_vars import EnvVarService
from pushpaka_core.services.environments import Environments
from pushpaka_core.services.health import (
    ELSEWHERE,
    HealthCheck,
    HealthService,
    Lifetime,
    SharedCheck,
)
from pushpaka_core.services.invitations import InvitationService
from pushpaka_core.services.journal import Journal
from pushpaka_core.services.logs import LogService
from pushpaka_core.services.members import MemberService
from pushpaka_core.services.moves import Moves
from pushpaka_core.services.notifications import Notices, NotificationService
from pushpaka_core.services.one_offs import OneOffService
from pushpaka_core.services.plans import PlanService, PlanSlots
from pushpaka_core.services.previews import Previews
from pushpaka_core.services.projects import ProjectService
from pushpaka_core.services.queueing import Queueing
from pushpaka_core.services.route_tables import RouteTableService
from pushpaka_core.services.serving import ServingService
from pushpaka_core.services.system import SystemService, Technologies
from pushpaka_core.services.webhooks import WebhookService

_DOCKER_SECONDS = 0.75
"""A request for the health of the platform is answered within a second."""


@frozen(kw_only=True)
class Application:
    """The services of one instance. Each method takes who asks, an Actor, first."""

    accounts: AccountService
    api_tokens: ApiTokenService
    projects: ProjectService
    members: MemberService
    invitations: InvitationService
    deployments: DeploymentService
    archives: ArchiveService
    plans: PlanService
    serving: ServingService
    one_offs: OneOffService
    logs: LogService
    env_vars: EnvVarService
    deploy_keys: DeployKeyService
    custom_domains: CustomDomainService
    webhooks: WebhookService
    notifications: NotificationService
    deliveries: DeliveryService
    audit: AuditService
    health: HealthService
    lifetime: Lifetime
    system: SystemService
    addresses: Addresses
    technologies: Technologies
    engine: Engine
    route_tables: RouteTableService | None = None
    """None where no router fetches its table."""
    rate_counters: RateCounters | None = None
    """None where every process counts for itself."""


def assemble(adapters: Adapters, options: Options) -> Application:
    """Connect the services to *adapters*."""
    lifetime = Lifetime()
    reports = CommitReports(adapters.now, adapters.new_id)
    notices = Notices(adapters.now, adapters.new_id)
    moves = Moves(reports, notices, adapters.now, adapters.new_id)
    journal = Journal(adapters.now, adapters.new_id)
    environments, ending = Environments(adapters.cipher), Ending(moves, adapters.now)
    previews = Previews(ending, adapters.now, options.previews, options.preview_idle)
    queueing = Queueing(
        queue=adapters.queue,
        events=adapters.events,
        environments=environments,
        ending=ending,
        previews=previews,
        journal=journal,
        moves=moves,
        failpoints=adapters.failpoints,
        now=adapters.now,
        new_id=adapters.new_id,
        quotas=options.quotas,
    )
    artifacts = Artifacts(adapters.storage, adapters.builder)
    engine = assemble_engine(adapters, options, moves, environments, previews)
    deployments = DeploymentService(
        storage=adapters.storage,
        events=adapters.events,
        queueing=queueing,
        ending=ending,
        artifacts=artifacts,
        journal=journal,
        moves=moves,
        now=adapters.now,
        recheck=options.timings.poll,
    )
    api_tokens = ApiTokenService(
        storage=adapters.storage, journal=journal, now=adapters.now, new_id=adapters.new_id
    )
    return Application(
        accounts=AccountService(
            storage=adapters.storage,
            hasher=adapters.hasher,
            signer=adapters.signer,
            api_tokens=api_tokens,
            journal=journal,
            now=adapters.now,
            new_id=adapters.new_id,
            registration=options.registration,
            token_lifetime=options.token_lifetime,
        ),
        api_tokens=api_tokens,
        projects=ProjectService(
            storage=adapters.storage,
            queue=adapters.queue,
            events=adapters.events,
            cipher=adapters.cipher,
            journal=journal,
            moves=moves,
            addresses=options.addresses,
            policy=options.source_policy,
            canonical_framework=canonical_framework,
            now=adapters.now,
            new_id=adapters.new_id,
            quotas=options.quotas,
        ),
        members=MemberService(
            storage=adapters.storage, journal=journal, now=adapters.now, quotas=options.quotas
        ),
        invitations=InvitationService(
            storage=adapters.storage, journal=journal, now=adapters.now, new_id=adapters.new_id
        ),
        deployments=deployments,
        archives=ArchiveService(
            adapters.storage, journal, adapters.now, adapters.new_id, options.quotas.archives
        ),
        plans=PlanService(
            storage=adapters.storage,
            source=adapters.source,
            workspaces=adapters.workspaces,
            cipher=adapters.cipher,
            timings=options.timings,
            packaging=adapters.builder.packaging,
            slots=PlanSlots(options.quotas.plans),
        ),
        serving=ServingService(
            storage=adapters.storage,
            events=adapters.events,
            queueing=queueing,
            ending=ending,
            artifacts=artifacts,
            journal=journal,
            moves=moves,
            now=adapters.now,
        ),
        one_offs=OneOffService(
            storage=adapters.storage,
            runtime=adapters.runtime,
            jobs=engine.jobs,
            starting=starting_of(adapters, options),
            journal=journal,
            node=options.node,
        ),
        logs=LogService(
            storage=adapters.storage, events=adapters.events, recheck=options.timings.poll
        ),
        env_vars=EnvVarService(
            storage=adapters.storage,
            cipher=adapters.cipher,
            journal=journal,
            now=adapters.now,
            new_id=adapters.new_id,
            quota=options.quotas.env,
        ),
        deploy_keys=DeployKeyService(
            storage=adapters.storage,
            cipher=adapters.cipher,
            key_maker=adapters.key_maker,
            journal=journal,
            now=adapters.now,
        ),
        custom_domains=CustomDomainService(
            storage=adapters.storage,
            journal=journal,
            checks=engine.domain_checks,
            addresses=options.addresses,
            now=adapters.now,
            new_id=adapters.new_id,
            quotas=options.quotas,
        ),
        webhooks=WebhookService(
            storage=adapters.storage,
            cipher=adapters.cipher,
            journal=journal,
            now=adapters.now,
            new_id=adapters.new_id,
        ),
        notifications=NotificationService(
            storage=adapters.storage,
            cipher=adapters.cipher,
            messenger=adapters.messenger,
            journal=journal,
            now=adapters.now,
            new_id=adapters.new_id,
        ),
        deliveries=DeliveryService(
            storage=adapters.storage,
            cipher=adapters.cipher,
            queueing=queueing,
            previews=previews,
            now=adapters.now,
        ),
        audit=AuditService(storage=adapters.storage),
        health=HealthService(
            version=VERSION,
            checks=_checks(adapters, engine),
            needed=[SharedCheck(c) for c in (lifetime.check, adapters.schema_check) if c],
        ),
        lifetime=lifetime,
        system=SystemService(
            storage=adapters.storage,
            version=VERSION,
            base_domain=options.addresses.base_domain,
            technologies=options.technologies,
            timings=options.timings,
            machines=adapters.machines,
            now=adapters.now,
        ),
        addresses=options.addresses,
        technologies=options.technologies,
        engine=engine,
        route_tables=_route_tables(adapters, engine),
        rate_counters=adapters.rate_counters,
    )


def _route_tables(adapters: Adapters, engine: Engine) -> RouteTableService | None:
    text = adapters.route_table_text
    return None if text is None else RouteTableService(engine.routing, text)


def _checks(adapters: Adapters, engine: Engine) -> dict[str, HealthCheck | None]:
    docker = adapters.engine_check

    async def router_answers() -> object:
        if await adapters.router.generation() is not None:
            return None
        if adapters.route_table_text is None and not await engine.attendance.is_here():
            return ELSEWHERE
        raise RouterUnavailableError("The router does not answer.")

    checks: dict[str, HealthCheck | None] = {
        "database": adapters.storage.check,
        "redis": adapters.redis_check,
        "docker": _docker_check(docker, engine) if docker else None,
        "router": router_answers if adapters.is_routed else None,
        "disk": engine.admission.require_disk,
        "memory": engine.admission.require_memory,
    }
    return {name: SharedCheck(check) if check else None for name, check in checks.items()}


def _docker_check(check: HealthCheck, engine: Engine) -> HealthCheck:
    async def docker_answers() -> object:
        with move_on_after(_DOCKER_SECONDS), suppress(RuntimeUnavailableError):
            return await check()
        if await engine.attendance.is_here():
            raise RuntimeUnavailableError("The Docker Engine does not answer.")
        return ELSEWHERE

    return docker_answers
