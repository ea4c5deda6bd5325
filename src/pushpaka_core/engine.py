"""What a worker runs: the services that people have no verb for, made from their adapters."""

from attrs import evolve, frozen

from pushpaka_core.domain.timings import Timings
from pushpaka_core.parts import Adapters, Options
from pushpaka_core.ports.events import EventBus
from pushpaka_core.ports.queue import DeploymentQueue
from pushpaka_core.ports.router import RouterSupervisor
from pushpaka_core.services.admission import Admission
from pushpaka_core.services.building import Building
from pushpaka_core.services.certificates import Certificates
from pushpaka_core.services.commit_statuses import COMMIT_STATUS, CommitStatusSender
from pushpaka_core.services.deadlines import Deadlines
from pushpaka_core.services.domain_checks import DomainChecks
from pushpaka_core.services.environments import Environments
from pushpaka_core.services.instance_output import InstanceOutput
from pushpaka_core.services.jobs import Jobs
from pushpaka_core.services.journal import Journal
from pushpaka_core.services.log_writing import LogWriting
from pushpaka_core.services.measurements import MeasuredEvents, Measurements
from pushpaka_core.services.moves import Moves
from pushpaka_core.services.node_hold import HeldStorage, NodeHold
from pushpaka_core.services.notifications import NOTIFICATION, TRIAL
from pushpaka_core.services.notifying import NotificationSender
from pushpaka_core.services.pipeline import DeploymentPipeline
from pushpaka_core.services.previews import Previews
from pushpaka_core.services.reconciliation import Reconciliation
from pushpaka_core.services.restarting import Restarting
from pushpaka_core.services.routing import Routing
from pushpaka_core.services.running import Running
from pushpaka_core.services.scaling import Scaling
from pushpaka_core.services.sending import OutboxSending
from pushpaka_core.services.starting import Starting
from pushpaka_core.services.sweeping import Sweeping
from pushpaka_core.services.switching import Switching
from pushpaka_core.services.tending import Tending
from pushpaka_core.services.unpacking import Unpacking
from pushpaka_core.services.workers import Attendance

VERSION = "0.1.0"


@frozen(kw_only=True)
class Engine:
    """What a worker needs: the services that people have no verb for."""

    attendance: Attendance
    node_hold: NodeHold
    admission: Admission
    pipeline: DeploymentPipeline
    reconciliation: Reconciliation
    tending: Tending
    restarting: Restarting
    sweeping: Sweeping
    sending: OutboxSending
    domain_checks: DomainChecks
    certificates: Certificates
    running: Running
    jobs: Jobs
    routing: Routing
    log_writing: LogWriting
    instance_logs: LogWriting
    """For what instances of this node say, which only its owner may write."""
    instance_output: InstanceOutput
    queue: DeploymentQueue
    events: EventBus
    router_supervisor: RouterSupervisor | None
    timings: Timings
    node: str
    concurrency: int


def assemble_engine(
    adapters: Adapters,
    options: Options,
    moves: Moves,
    environments: Environments,
    previews: Previews,
) -> Engine:
    """Connect what a worker needs to *adapters*."""
    seen = Measurements()
    adapters = evolve(adapters, events=MeasuredEvents(adapters.events, seen, adapters.now))
    jobs = Jobs(adapters.storage, adapters.cipher, environments)
    log_writing = LogWriting(adapters.storage, adapters.events, adapters.now)
    instance_output = InstanceOutput(adapters.runtime)
    routing = Routing(adapters.storage, adapters.router, options.addresses, options.apis)
    running = _running(adapters, options, starting_of(adapters, options), instance_output)
    node_hold = NodeHold(adapters.storage, options.node.name)
    held = evolve(adapters, storage=HeldStorage(adapters.storage, node_hold))
    held_starting = starting_of(held, options)
    held_running = _running(held, options, held_starting, instance_output)
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
        storage=held.storage,
        events=adapters.events,
        hold=node_hold,
        runtime=adapters.runtime,
        jobs=jobs,
        logs=log_writing,
        starting=held_starting,
        routing=routing,
        moves=moves,
        now=adapters.now,
    )
    return Engine(
        attendance=Attendance(
            storage=adapters.storage,
            node=options.node,
            version=VERSION,
            timings=options.timings,
            measurements=seen,
            now=adapters.now,
            new_id=adapters.new_id,
        ),
        node_hold=node_hold,
        admission=Admission(
            host=adapters.host,
            storage=adapters.storage,
            logs=log_writing,
            least=options.least_room,
            engine_check=adapters.engine_check,
        ),
        pipeline=DeploymentPipeline(
            storage=adapters.storage,
            queue=adapters.queue,
            events=adapters.events,
            jobs=jobs,
            logs=log_writing,
            workspaces=adapters.workspaces,
            building=Building(
                adapters.source,
                Unpacking(adapters.storage, adapters.unpacker),
                adapters.workspaces,
                adapters.builder,
                options.timings,
            ),
            running=running,
            switching=switching,
            moves=moves,
            deadlines=Deadlines(options.timings),
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
            timings=options.timings,
            now=adapters.now,
        ),
        tending=tending,
        restarting=Restarting(
            storage=held.storage,
            events=adapters.events,
            hold=node_hold,
            jobs=jobs,
            logs=log_writing,
            starting=held_starting,
            running=held_running,
            tending=tending,
            scaling=Scaling(
                held.storage, jobs, held_starting, routing, options.timings, adapters.now
            ),
            routing=routing,
            moves=moves,
            timings=options.timings,
            now=adapters.now,
        ),
        sweeping=Sweeping(
            storage=held.storage,
            events=adapters.events,
            runtime=adapters.runtime,
            source=adapters.source,
            builder=adapters.builder,
            workspaces=adapters.workspaces,
            running=held_running,
            routing=routing,
            previews=previews,
            now=adapters.now,
            releases_kept=options.releases_kept,
            logs_kept=options.logs_kept,
        ),
        sending=_sending(held, options),
        domain_checks=DomainChecks(
            storage=adapters.storage,
            resolver=adapters.resolver,
            journal=Journal(adapters.now, adapters.new_id),
            addresses=options.addresses,
            now=adapters.now,
        ),
        certificates=Certificates(adapters.storage, adapters.router, routing, adapters.now),
        running=running,
        jobs=jobs,
        routing=routing,
        log_writing=log_writing,
        instance_logs=LogWriting(held.storage, adapters.events, adapters.now),
        instance_output=instance_output,
        queue=adapters.queue,
        events=adapters.events,
        router_supervisor=adapters.router_supervisor,
        timings=options.timings,
        node=options.node.name,
        concurrency=options.concurrency,
    )


def _sending(adapters: Adapters, options: Options) -> OutboxSending:
    statuses = CommitStatusSender(
        storage=adapters.storage,
        cipher=adapters.cipher,
        poster=adapters.poster,
        addresses=options.addresses,
        policy=options.source_policy,
    )
    notifications = NotificationSender(
        storage=adapters.storage,
        cipher=adapters.cipher,
        poster=adapters.notification_poster,
        messenger=adapters.messenger,
        addresses=options.addresses,
        now=adapters.now,
    )
    senders = {
        COMMIT_STATUS: statuses.send,
        NOTIFICATION: notifications.send,
        TRIAL: notifications.send_trial,
    }
    return OutboxSending(adapters.storage, senders, adapters.now)


def starting_of(adapters: Adapters, options: Options) -> Starting:
    """Return what starts instances on the machine of this process."""
    return Starting(
        storage=adapters.storage,
        runtime=adapters.runtime,
        prober=adapters.prober,
        addresses=options.addresses,
        timings=options.timings,
        now=adapters.now,
        stopwatch=adapters.stopwatch,
        new_id=adapters.new_id,
        node=options.node.name,
        host=options.node_address,
        ports=options.instance_ports,
    )


def _running(
    adapters: Adapters, options: Options, starting: Starting, output: InstanceOutput
) -> Running:
    return Running(
        storage=adapters.storage,
        builder=adapters.builder,
        runtime=adapters.runtime,
        starting=starting,
        output=output,
        failpoints=adapters.failpoints,
        timings=options.timings,
    )
