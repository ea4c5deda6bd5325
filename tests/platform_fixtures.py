"""A platform with memory adapters, and methods that act as its users and its workers."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from anyio import fail_after, move_on_after, sleep
from attrs import evolve, frozen
from tests.service_fixtures import PASSWORD, REPO, MemoryInstance

from pushpaka_core.adapters.memory.source import MemoryCommit, MemorySource
from pushpaka_core.adapters.memory.storage.storage import MemoryStorage
from pushpaka_core.adapters.memory.system import MemoryFailpoints
from pushpaka_core.container.adapters import Options
from pushpaka_core.container.application import assemble
from pushpaka_core.container.worker import WorkerServices
from pushpaka_core.domain.accounts.access import PLATFORM, Actor
from pushpaka_core.domain.accounts.users import Registration
from pushpaka_core.domain.deployments.deployments import Deployment, Lease, NewDeployment
from pushpaka_core.domain.deployments.releases import Release
from pushpaka_core.domain.deployments.state_machine import DeploymentStatus
from pushpaka_core.domain.deployments.timeouts import Timeouts
from pushpaka_core.domain.ids import DeploymentId
from pushpaka_core.domain.instances.instances import Instance
from pushpaka_core.domain.logs.logs import LogFilter, LogLine
from pushpaka_core.domain.projects.env_vars import NewEnvVar
from pushpaka_core.domain.projects.projects import NewProject, Project
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_worker.admission_gate import AdmissionGate
from pushpaka_worker.leader_election import LeaderElection
from pushpaka_worker.log_pump import LogPump
from pushpaka_worker.reconciler import Reconciler
from pushpaka_worker.worker import Worker

FAST = Timeouts(
    poll_interval=timedelta(milliseconds=20),
    heartbeat_interval=timedelta(milliseconds=20),
    heartbeat_timeout=timedelta(milliseconds=200),
    lease_timeout=timedelta(milliseconds=100),
    probe_interval=timedelta(milliseconds=20),
    min_pass_interval=timedelta(0),
    liveness_interval=timedelta(milliseconds=20),
    supervision_interval=timedelta(milliseconds=10),
    gc_interval=timedelta(milliseconds=20),
    min_uptime=timedelta(0),
)
PORTS = range(20_000, 20_100)
OPTIONS = Options(timeouts=FAST, instance_ports=PORTS, max_releases=2)
WEB_APP = {"Procfile": "web: ./serve\n"}


@frozen(kw_only=True)
class Platform(MemoryInstance):
    """An instance with one user, `owner`. No worker runs unless a test starts one."""

    owner: Actor

    @property
    def worker_services(self) -> WorkerServices:
        """The background services that a worker runs."""
        return self.application.worker_services

    async def take_node(self) -> None:
        """Take the node lease for `worker_services`, whoever holds it."""
        hold = self.worker_services.held_lease
        await hold.acquire("platform", expected=await hold.read())

    def another_engine(self) -> WorkerServices:
        """Return the worker services of another process on this node."""
        return assemble(self.adapters, OPTIONS).worker_services

    def worker(self, name: str = "worker-1", *, timeouts: Timeouts = FAST) -> Worker:
        """Return a worker that runs two jobs at a time."""
        return Worker(
            pipeline=self.worker_services.pipeline,
            admission_gate=AdmissionGate(self.worker_services.admission_control),
            queue=self.queue,
            events=self.events,
            timeouts=timeouts,
            name=name,
            concurrency=2,
        )

    def reconciler(self) -> Reconciler:
        """Return a reconciler of this platform, which takes the node lease without waiting."""
        return reconciler_of(self.worker_services, holder="reconciler", is_alone=True)

    def log_pump(self, interval: timedelta = FAST.supervision_interval) -> LogPump:
        """Return a log pump, which looks for new instances of this node every *interval*."""
        engine = self.worker_services
        return LogPump(
            engine.active_deployments,
            engine.instance_supervisor,
            engine.job_loader,
            engine.instance_log_writer,
            engine.instance_output_reader,
            evolve(engine.timeouts, supervision_interval=interval),
        )

    async def sign_up(self, email: str) -> Actor:
        """Register another user, and return the user as an actor."""
        registration = Registration(email=email, name="Somebody", password=PASSWORD)
        return Actor.from_user((await self.application.accounts.register(registration)).user)

    async def project(
        self, name: str = "shop", *, owner: Actor | None = None, **settings: Any
    ) -> Project:
        """Create a project that belongs to *owner*, or else to the platform's owner."""
        new = NewProject(**{"name": name, "repo_url": REPO} | settings)
        return (await self.application.projects.create(owner or self.owner, new)).project

    async def set_env(self, project: Project, **values: str) -> None:
        """Set environment variables of *project* in all scopes."""
        news = [NewEnvVar(project_id=project.id, key=k, value=v) for k, v in values.items()]
        await self.application.env_vars.set_many(self.owner, news)

    def commit(self, **files: str) -> str:
        """Add a commit of a web application with *files* to the branch main, and return its id."""
        commits = self.source.repositories[REPO]["main"]
        sha = f"{len(commits) + 1:040x}"
        commits.append(MemoryCommit(sha=sha, files=WEB_APP | files))
        return sha

    async def enqueue(self, project: Project, **overrides: Any) -> Deployment:
        """Queue a deployment of *project* as its owner."""
        new = NewDeployment(project_id=project.id, **overrides)
        return await self.application.deployments.deploy(self.owner, new)

    async def claim(self) -> Lease:
        """Claim the next queued deployment for a worker, and return the lease."""
        lease = await self.worker_services.pipeline.claim("worker-1")
        assert lease is not None
        return lease

    async def begin(self, project: Project) -> Lease:
        """Queue a deployment of *project*, claim it for a worker, and return the lease."""
        await self.enqueue(project)
        return await self.claim()

    async def work(self) -> Deployment:
        """Claim and run the next deployment to completion, as a worker does, and return it."""
        lease = await self.claim()
        if await self.worker_services.pipeline.prepare(lease):
            await self.worker_services.pipeline.finish(lease)
        return await self.stored_deployment(lease.deployment_id)

    async def deploy(self, project: Project) -> Deployment:
        """Deploy the newest commit, and return the finished deployment."""
        await self.enqueue(project)
        return await self.work()

    async def stored_deployment(self, id: DeploymentId) -> Deployment:
        """Return a deployment as it is in the database."""
        async with self.storage.snapshot() as uow:
            return await uow.deployments.visible_to(PLATFORM).get(id)

    async def status(self, id: DeploymentId) -> DeploymentStatus:
        """Return the status of a deployment."""
        return (await self.stored_deployment(id)).status

    async def overwrite(self, id: DeploymentId, **changes: Any) -> Deployment:
        """Change a stored deployment without publishing the change."""
        async with self.storage.transaction() as uow:
            present = await uow.deployments.visible_to(PLATFORM).get(id)
            return await uow.deployments.update(evolve(present, **changes))

    async def lines(self, id: DeploymentId) -> Sequence[LogLine]:
        """Return the log lines of a deployment."""
        async with self.storage.snapshot() as uow:
            deployment = await uow.deployments.visible_to(PLATFORM).get(id)
            return await uow.logs.lines(deployment, LogFilter())

    async def messages(self, id: DeploymentId) -> list[str]:
        """Return the messages in the log of a deployment."""
        return [line.message for line in await self.lines(id)]

    async def causes(self, id: DeploymentId) -> list[str]:
        """Return the causes in the timeline of a deployment."""
        async with self.storage.snapshot() as uow:
            deployment = await uow.deployments.visible_to(PLATFORM).get(id)
            return [event.cause for event in await uow.timeline_events.of_deployment(deployment)]

    async def instances(self, id: DeploymentId | None = None) -> Sequence[Instance]:
        """Return the stored instances of one deployment, or of all without *id*."""
        async with self.storage.snapshot() as uow:
            instances = await uow.instances.all()
        return [instance for instance in instances if id in (None, instance.deployment_id)]

    async def instance(self, id: DeploymentId) -> Instance:
        """Return the stored instance of a deployment that has only one."""
        (instance,) = await self.instances(id)
        return instance

    async def releases(self) -> Sequence[Release]:
        """Return the stored releases."""
        async with self.storage.snapshot() as uow:
            return await uow.releases.all()

    def routes(self) -> Mapping[str, tuple[int, ...]]:
        """Return the ports for each host name, as last applied to the router."""
        return {
            host: tuple(upstream.port for upstream in route.upstreams)
            for route in self.router.routes
            for host in route.hosts
        }

    async def wait_until(
        self,
        id: DeploymentId,
        condition: Callable[[Deployment], object],
        *,
        timeout_seconds: float = 20,
    ) -> Deployment:
        """Wait until *condition* is true for a deployment, and return the deployment."""
        with fail_after(timeout_seconds):
            async with self.events.subscribe(id) as messages:
                while not condition(row := await self.stored_deployment(id)):
                    with move_on_after(0.02):
                        await anext(messages)
        return row

    async def is_cleaned_up(self) -> bool:
        """Return True if no program, artifact or workspace is left over, and none is missing."""
        known = {instance.name for instance in await self.instances()}
        released = {release.artifact for release in await self.releases()}
        return (
            known == set(self.runtime.running)
            and released == set(await self.builder.artifacts())
            and not await self.workspaces.leases()
        )


@asynccontextmanager
async def open_platform(
    storage: MemoryStorage | None = None,
    failpoints: MemoryFailpoints | None = None,
    *,
    timeouts: Timeouts = FAST,
    options: Options = OPTIONS,
) -> AsyncIterator[Platform]:
    """Open a platform with one user, and with one repository that has one commit."""
    platform = Platform(
        options=evolve(options, timeouts=timeouts),
        storage=storage or MemoryStorage(),
        failpoints=failpoints or MemoryFailpoints(),
        source=MemorySource(repositories={REPO: {"main": []}}),
        owner=Actor.from_user(a_user()),
    )
    registration = Registration(email="ann@example.com", name="Ann", password=PASSWORD)
    signed_in = await platform.application.accounts.register(registration)
    platform = evolve(platform, owner=Actor.from_user(signed_in.user))
    platform.commit()
    await platform.take_node()
    yield platform
    for lease in await platform.workspaces.leases():
        await platform.workspaces.remove(lease)


def reconciler_of(worker_services: WorkerServices, *, holder: str, is_alone: bool) -> Reconciler:
    """Return a reconciler that uses *worker_services*, with timeouts for a busy machine."""
    patient = evolve(
        FAST, heartbeat_timeout=timedelta(seconds=10), lease_timeout=timedelta(hours=1)
    )
    leader_election = LeaderElection(
        worker_services.held_lease, patient, holder=holder, is_only_worker=is_alone
    )
    return Reconciler.for_engine(worker_services, leader_election)


async def wait_until_logged(caplog: pytest.LogCaptureFixture, text: str) -> None:
    """Wait until the server log contains *text*."""
    with fail_after(30):
        while text not in caplog.text:
            await sleep(0.01)
