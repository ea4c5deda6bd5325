"""What entry points are given: the services of one instance, made from its adapters."""

from datetime import timedelta

from attrs import evolve, field, frozen

from pushpaka_core.detection import canonical_framework
from pushpaka_core.domain.hosts import Addresses
from pushpaka_core.domain.sources import SourcePolicy
from pushpaka_core.domain.timings import Timings
from pushpaka_core.domain.users import RegistrationPolicy
from pushpaka_core.errors import RouterUnavailableError
from pushpaka_core.ports.builder import Builder
from pushpaka_core.ports.events import EventBus
from pushpaka_core.ports.failpoints import Failpoints
from pushpaka_core.ports.host import Host, Room
from pushpaka_core.ports.prober import Prober
from pushpaka_core.ports.queue import DeploymentQueue
from pushpaka_core.ports.router import Router, RouterSupervisor, Upstream
from pushpaka_core.ports.runtime import Runtime
from pushpaka_core.ports.security import Cipher, Hasher, Signer
from pushpaka_core.ports.source import Source
from pushpaka_core.ports.storage import Storage
from pushpaka_core.ports.system import Clock, IdGenerator
from pushpaka_core.ports.workspaces import Workspaces
from pushpaka_core.services.accounts import AccountService
from pushpaka_core.services.admission import MEBIBYTE, Admission
from pushpaka_core.services.audit import AuditService
from pushpaka_core.services.building import Building
from pushpaka_core.services.custom_domains import CustomDomainService
from pushpaka_core.services.deployments import DeploymentService
from pushpaka_core.services.env_vars import EnvVarService
from pushpaka_core.services.environments import Environments
from pushpaka_core.services.health import HealthCheck, HealthService
from pushpaka_core.services.instance_output import InstanceOutput
from pushpaka_core.services.jobs import Jobs
from pushpaka_core.services.journal import Journal
from pushpaka_core.services.log_writing import LogWriting
from pushpaka_core.services.logs import LogService
from pushpaka_core.services.measurements import MeasuredEvents, Measurements
from pushpaka_core.services.moves import Moves
from pushpaka_core.services.pipeline import DeploymentPipeline
from pushpaka_core.services.projects import ProjectService
from pushpaka_core.services.queueing import Queueing
from pushpaka_core.services.reconciliation import Reconciliation
from pushpaka_core.services.restarting import Restarting
from pushpaka_core.services.routing import Routing
from pushpaka_core.services.running import Running
from pushpaka_core.services.serving import ServingService
from pushpaka_core.services.starting import Starting
from pushpaka_core.services.sweeping import Sweeping
from pushpaka_core.services.switching import Switching
from pushpaka_core.services.tending import Tending

VERSION = "0.1.0"
_LEAST_ROOM = Room(disk=1024 * MEBIBYTE, memory=256 * MEBIBYTE)


@frozen(kw_only=True)
class Adapters:
    """One adapter for every port. Swap any of them with `attrs.evolve`."""

    storage: Storage
    queue: DeploymentQueue
    events: EventBus
    source: Source
    workspaces: Workspaces
    builder: Builder
    runtime: Runtime
    prober: Prober
    router: Router
    router_supervisor: RouterSupervisor | None = None
    """None where the router is somebody else's to run."""
    host: Host
    failpoints: Failpoints
    hasher: Hasher
    signer: Signer
    cipher: Cipher
    now: Clock
    new_id: IdGenerator


@frozen(kw_only=True)
class Options:
    """What an operator decides about an instance, as far as the services care."""

    addresses: Addresses = field(factory=Addresses)
    source_policy: SourcePolicy = field(factory=SourcePolicy)
    registration: RegistrationPolicy = RegistrationPolicy.OPEN
    token_lifetime: timedelta = timedelta(hours=24)
    timings: Timings = field(factory=Timings)
    node: str = "local"
    concurrency: int = 2
    instance_ports: range = range(20_000, 30_000)
    releases_kept: int = 5
    logs_kept: timedelta = timedelta(days=30)
    least_room: Room = _LEAST_ROOM
    """What has to be free for a deployment to begin."""
    api: Upstream | None = None
    """Where the API listens, to be routed as well."""


@frozen(kw_only=True)
class Engine:
    """What a worker needs: the services that people have no verb for."""

    admission: Admission
    pipeline: DeploymentPipeline
    reconciliation: Reconciliation
    tending: Tending
    restarting: Restarting
    sweeping: Sweeping
    running: Running
    jobs: Jobs
    log_writing: LogWriting
    instance_output: InstanceOutput
    queue: DeploymentQueue
    events: EventBus
    router_supervisor: RouterSupervisor | None
    timings: Timings
    node: str
    concurrency: int


@frozen(kw_only=True)
class Application:
    """The services of one instance. Each method takes who asks, an Actor, first."""

    accounts: AccountService
    projects: ProjectService
    deployments: DeploymentService
    serving: ServingService
    logs: LogService
    env_vars: EnvVarService
    custom_domains: CustomDomainService
    audit: AuditService
    health: HealthService
    addresses: Addresses
    measurements: Measurements
    engine: Engine


def assemble(adapters: Adapters, options: Options) -> Application:
    """Connect the services to *adapters*."""
    seen = Measurements()
    adapters = evolve(adapters, events=MeasuredEvents(adapters.events, seen, adapters.now))
    moves = Moves(adapters.now, adapters.new_id)
    journal = Journal(adapters.now, adapters.new_id)
    environments = Environments(adapters.cipher)
    queueing = Queueing(
        queue=adapters.queue,
        events=adapters.events,
        environments=environments,
        journal=journal,
        moves=moves,
        now=adapters.now,
        new_id=adapters.new_id,
    )
    engine = _engine(adapters, options, moves, environments, seen)
    deployments = DeploymentService(
        storage=adapters.storage,
        events=adapters.events,
        queueing=queueing,
        journal=journal,
        moves=moves,
        now=adapters.now,
    )
    return Application(
        accounts=AccountService(
            storage=adapters.storage,
            hasher=adapters.hasher,
            signer=adapters.signer,
            journal=journal,
            now=adapters.now,
            new_id=adapters.new_id,
            registration=options.registration,
            token_lifetime=options.token_lifetime,
        ),
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
        ),
        deployments=deployments,
        serving=ServingService(
            storage=adapters.storage,
            events=adapters.events,
            queueing=queueing,
            journal=journal,
            moves=moves,
            now=adapters.now,
        ),
        logs=LogService(storage=adapters.storage, events=adapters.events),
        env_vars=EnvVarService(
            storage=adapters.storage,
            cipher=adapters.cipher,
            journal=journal,
            now=adapters.now,
            new_id=adapters.new_id,
        ),
        custom_domains=CustomDomainService(
            storage=adapters.storage,
            journal=journal,
            addresses=options.addresses,
            now=adapters.now,
            new_id=adapters.new_id,
        ),
        audit=AuditService(storage=adapters.storage),
        health=HealthService(version=VERSION, checks=_checks(adapters, engine.admission)),
        addresses=options.addresses,
        measurements=seen,
        engine=engine,
    )


def _engine(
    adapters: Adapters,
    options: Options,
    moves: Moves,
    environments: Environments,
    seen: Measurements,
) -> Engine:
    jobs = Jobs(adapters.storage, adapters.cipher, environments)
    log_writing = LogWriting(adapters.storage, adapters.events, adapters.now)
    instance_output = InstanceOutput(adapters.runtime)
    routing = Routing(adapters.storage, adapters.router, options.addresses, options.api)
    starting = Starting(
        storage=adapters.storage,
        runtime=adapters.runtime,
        prober=adapters.prober,
        addresses=options.addresses,
        timings=options.timings,
        now=adapters.now,
        new_id=adapters.new_id,
        node=options.node,
        ports=options.instance_ports,
    )
    running = Running(
        storage=adapters.storage,
        builder=adapters.builder,
        runtime=adapters.runtime,
        starting=starting,
        output=instance_output,
        timings=options.timings,
        now=adapters.now,
        new_id=adapters.new_id,
    )
    switching = Switching(
        storage=adapters.storage,
        queue=adapters.queue,
        events=adapters.events,
        routing=routing,
        moves=moves,
        timings=options.timings,
        now=adapters.now,
    )
    tending = Tending(
        storage=adapters.storage,
        events=adapters.events,
        runtime=adapters.runtime,
        jobs=jobs,
        logs=log_writing,
        starting=starting,
        routing=routing,
        moves=moves,
        now=adapters.now,
    )
    return Engine(
        admission=Admission(adapters.host, adapters.storage, log_writing, options.least_room),
        pipeline=DeploymentPipeline(
            storage=adapters.storage,
            queue=adapters.queue,
            events=adapters.events,
            jobs=jobs,
            logs=log_writing,
            workspaces=adapters.workspaces,
            building=Building(
                adapters.source, adapters.workspaces, adapters.builder, options.timings
            ),
            running=running,
            switching=switching,
            moves=moves,
            failpoints=adapters.failpoints,
            now=adapters.now,
            new_id=adapters.new_id,
        ),
        reconciliation=Reconciliation(
            storage=adapters.storage,
            queue=adapters.queue,
            events=adapters.events,
            workspaces=adapters.workspaces,
            running=running,
            switching=switching,
            routing=routing,
            moves=moves,
            measurements=seen,
            now=adapters.now,
        ),
        tending=tending,
        restarting=Restarting(
            storage=adapters.storage,
            events=adapters.events,
            jobs=jobs,
            logs=log_writing,
            starting=starting,
            running=running,
            tending=tending,
            routing=routing,
            moves=moves,
            timings=options.timings,
            now=adapters.now,
        ),
        sweeping=Sweeping(
            storage=adapters.storage,
            runtime=adapters.runtime,
            builder=adapters.builder,
            workspaces=adapters.workspaces,
            running=running,
            routing=routing,
            now=adapters.now,
            releases_kept=options.releases_kept,
            logs_kept=options.logs_kept,
        ),
        running=running,
        jobs=jobs,
        log_writing=log_writing,
        instance_output=instance_output,
        queue=adapters.queue,
        events=adapters.events,
        router_supervisor=adapters.router_supervisor,
        timings=options.timings,
        node=options.node,
        concurrency=options.concurrency,
    )


def _checks(adapters: Adapters, admission: Admission) -> dict[str, HealthCheck | None]:
    async def router_answers() -> None:
        if await adapters.router.generation() is None:
            raise RouterUnavailableError("The router does not answer.")

    return {
        "database": adapters.storage.check,
        "redis": None,
        "router": router_answers,
        "disk": admission.require_disk,
        "memory": admission.require_memory,
    }
