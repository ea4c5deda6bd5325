"""A whole platform on the memory adapters: its services, its engine, and what can be seen of it."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from anyio import fail_after, move_on_after
from anyio.lowlevel import checkpoint
from attrs import evolve, frozen
from tests.services.world import PASSWORD, REPO, CountedIds, SteppedClock

from pushpaka_core.adapters.memory.builder import MemoryBuilder
from pushpaka_core.adapters.memory.events import MemoryEventBus
from pushpaka_core.adapters.memory.failpoints import MemoryFailpoints
from pushpaka_core.adapters.memory.host import MemoryHost
from pushpaka_core.adapters.memory.messenger import MemoryMessenger
from pushpaka_core.adapters.memory.poster import MemoryPoster
from pushpaka_core.adapters.memory.prober import MemoryProber
from pushpaka_core.adapters.memory.queue import MemoryQueue
from pushpaka_core.adapters.memory.resolver import MemoryResolver
from pushpaka_core.adapters.memory.router import MemoryRouter
from pushpaka_core.adapters.memory.runtime import MemoryRuntime
from pushpaka_core.adapters.memory.security import (
    MemoryCipher,
    MemoryKeyMaker,
    MemorySigner,
    PlainHasher,
)
from pushpaka_core.adapters.memory.source import MemoryCommit, MemorySource
from pushpaka_core.adapters.memory.storage import MemoryStorage
from pushpaka_core.adapters.memory.unpacker import MemoryUnpacker
from pushpaka_core.adapters.memory.workspaces import MemoryWorkspaces
from pushpaka_core.application import Application, assemble
from pushpaka_core.domain.access import PLATFORM, Actor
from pushpaka_core.domain.deployments import Deployment, DeploymentId, Lease, NewDeployment
from pushpaka_core.domain.env_vars import NewEnvVar
from pushpaka_core.domain.instances import Instance
from pushpaka_core.domain.logs import LogFilter, LogLine
from pushpaka_core.domain.projects import NewProject, Project
from pushpaka_core.domain.releases import Release
from pushpaka_core.domain.timings import Timings
from pushpaka_core.domain.users import Registration
from pushpaka_core.engine import Engine
from pushpaka_core.parts import Adapters, Options
from pushpaka_worker.gate import Gate
from pushpaka_worker.log_pump import LogPump
from pushpaka_worker.reconciler import Reconciler
from pushpaka_worker.tenure import Tenure
from pushpaka_worker.worker import Worker

FAST = Timings(
    poll=timedelta(milliseconds=20),
    heartbeat=timedelta(milliseconds=20),
    give_up=timedelta(milliseconds=200),
    silence=timedelta(milliseconds=100),
    probe_interval=timedelta(milliseconds=20),
    liveness_interval=timedelta(milliseconds=20),
    tend=timedelta(milliseconds=10),
    sweep=timedelta(milliseconds=20),
    steady=timedelta(0),
)
PORTS = range(20_000, 20_100)
OPTIONS = Options(timings=FAST, instance_ports=PORTS, releases_kept=2)
WEB_APP = {"Procfile": "web: ./serve\n"}


@frozen(kw_only=True)
class Platform:
    """One instance with the controls of its adapters; its workers run where a test starts them."""

    clock: SteppedClock
    storage: MemoryStorage
    queue: MemoryQueue
    events: MemoryEventBus
    source: MemorySource
    workspaces: MemoryWorkspaces
    builder: MemoryBuilder
    runtime: MemoryRuntime
    prober: MemoryProber
    poster: MemoryPoster
    notification_poster: MemoryPoster
    messenger: MemoryMessenger
    router: MemoryRouter
    host: MemoryHost
    failpoints: MemoryFailpoints
    adapters: Adapters
    application: Application
    owner: Actor

    @property
    def engine(self) -> Engine:
        """What workers use."""
        return self.application.engine

    async def take_node(self) -> None:
        """Let the engine's verbs act on the node, also after a reconciler has let it go."""
        hold = self.engine.node_hold
        await hold.take("platform", instead_of=await hold.look())

    def another_engine(self) -> Engine:
        """Return what a second process on this node works with."""
        return assemble(self.adapters, OPTIONS).engine

    def worker(self, name: str = "worker-1", *, timings: Timings = FAST) -> Worker:
        """Return a worker that does two jobs at a time."""
        return Worker(
            pipeline=self.engine.pipeline,
            gate=Gate(self.engine.admission),
            queue=self.queue,
            events=self.events,
            timings=timings,
            name=name,
            concurrency=2,
        )

    def reconciler(self) -> Reconciler:
        """Return a reconciler of this node, which takes it from whoever has it."""
        return reconciler_of(self.engine, holder="reconciler", is_alone=True)

    def log_pump(self) -> LogPump:
        """Return a log pump of this node."""
        engine = self.engine
        return LogPump(
            engine.tending,
            engine.jobs,
            engine.instance_logs,
            engine.instance_output,
            engine.timings,
        )

    async def project(self, name: str = "shop", **settings: Any) -> Project:
        """Return a new project."""
        new = NewProject(**{"name": name, "repo_url": REPO} | settings)
        return (await self.application.projects.create(self.owner, new)).project

    async def set_env(self, project: Project, **values: str) -> None:
        """Set env vars for all targets."""
        news = [NewEnvVar(project_id=project.id, key=k, value=v) for k, v in values.items()]
        await self.application.env_vars.set_many(self.owner, news)

    def commit(self, **files: str) -> str:
        """Put a newest commit on main, a web application by itself, and return its id."""
        commits = self.source.repositories[REPO]["main"]
        sha = f"{len(commits) + 1:040x}"
        commits.append(MemoryCommit(sha=sha, files=WEB_APP | files))
        return sha

    async def queued(self, project: Project, **wishes: Any) -> Deployment:
        """Return a new deployment that waits."""
        new = NewDeployment(project_id=project.id, **wishes)
        return await self.application.deployments.deploy(self.owner, new)

    async def claimed(self) -> Lease:
        """Take the next deployment into a worker's hands."""
        lease = await self.engine.pipeline.claim("worker-1")
        assert lease is not None
        return lease

    async def work(self) -> Deployment:
        """Do the next job to its end, as a worker does, and return what has become of it."""
        lease = await self.claimed()
        if await self.engine.pipeline.prepare(lease):
            await self.engine.pipeline.finish(lease)
        return await self.row(lease.deployment_id)

    async def served(self, project: Project) -> Deployment:
        """Deploy the newest commit, and return the deployment that runs."""
        await self.queued(project)
        return await self.work()

    async def row(self, id: DeploymentId) -> Deployment:
        """Return a deployment as it is kept."""
        async with self.storage.snapshot() as uow:
            return await uow.deployments.visible_to(PLATFORM).get(id)

    async def kept(self, id: DeploymentId, **changes: Any) -> Deployment:
        """Change a deployment behind everybody's back."""
        async with self.storage.transaction() as uow:
            present = await uow.deployments.visible_to(PLATFORM).get(id)
            return await uow.deployments.update(evolve(present, **changes))

    async def lines(self, id: DeploymentId) -> Sequence[LogLine]:
        """Return the log of a deployment."""
        async with self.storage.snapshot() as uow:
            deployment = await uow.deployments.visible_to(PLATFORM).get(id)
            return await uow.logs.lines(deployment, LogFilter())

    async def said(self, id: DeploymentId) -> list[str]:
        """Return the messages in the log of a deployment."""
        return [line.message for line in await self.lines(id)]

    async def causes(self, id: DeploymentId) -> list[str]:
        """Return the causes in the timeline of a deployment."""
        async with self.storage.snapshot() as uow:
            deployment = await uow.deployments.visible_to(PLATFORM).get(id)
            return [event.cause for event in await uow.timeline.of_deployment(deployment)]

    async def instances(self, id: DeploymentId | None = None) -> Sequence[Instance]:
        """Return the instances that are known, of one deployment or of all."""
        async with self.storage.snapshot() as uow:
            instances = await uow.instances.all()
        return [instance for instance in instances if id in (None, instance.deployment_id)]

    async def instance(self, id: DeploymentId) -> Instance:
        """Return the only instance of a deployment."""
        (instance,) = await self.instances(id)
        return instance

    async def releases(self) -> Sequence[Release]:
        """Return the releases whose artifacts are kept."""
        async with self.storage.snapshot() as uow:
            return await uow.releases.all()

    def routes(self) -> Mapping[str, tuple[int, ...]]:
        """Return the ports by host, as the router has them."""
        return {
            host: tuple(upstream.port for upstream in route.upstreams)
            for route in self.router.routes
            for host in route.hosts
        }

    async def until(
        self, id: DeploymentId, holds: Callable[[Deployment], object], *, within: float = 20
    ) -> Deployment:
        """Wait until something holds for a deployment, and return it."""
        with fail_after(within):
            async with self.events.subscribe(id) as messages:
                while not holds(row := await self.row(id)):
                    with move_on_after(0.02):
                        await anext(messages)
        return row

    async def is_tidy(self) -> bool:
        """Tell whether what runs and lies about is known and needed."""
        known = {instance.name for instance in await self.instances()}
        released = {release.artifact for release in await self.releases()}
        return (
            known == set(self.runtime.living)
            and released == set(await self.builder.artifacts())
            and not await self.workspaces.leases()
        )


@asynccontextmanager
async def open_platform(
    storage: MemoryStorage | None = None, failpoints: MemoryFailpoints | None = None
) -> AsyncIterator[Platform]:
    """Open an instance with one owner and one repository."""
    clock, new_id = SteppedClock(), CountedIds()
    adapters = Adapters(
        storage=(storage := storage or MemoryStorage()),
        queue=(queue := MemoryQueue()),
        events=(events := MemoryEventBus()),
        source=(source := MemorySource(repositories={REPO: {"main": []}})),
        unpacker=MemoryUnpacker(),
        workspaces=(workspaces := MemoryWorkspaces()),
        builder=(builder := MemoryBuilder(now=clock)),
        runtime=(runtime := MemoryRuntime(now=clock)),
        prober=(prober := MemoryProber()),
        poster=(poster := MemoryPoster()),
        notification_poster=(notification_poster := MemoryPoster()),
        messenger=(messenger := MemoryMessenger()),
        router=(router := MemoryRouter()),
        resolver=MemoryResolver(),
        host=(host := MemoryHost()),
        failpoints=(failpoints := failpoints or MemoryFailpoints()),
        hasher=PlainHasher(),
        signer=MemorySigner(),
        cipher=MemoryCipher(),
        key_maker=MemoryKeyMaker(),
        now=clock,
        stopwatch=clock.stopwatch,
        new_id=new_id,
    )
    application = assemble(adapters, OPTIONS)
    signed_in = await application.accounts.register(
        Registration(email="ann@example.com", name="Ann", password=PASSWORD)
    )
    platform = Platform(
        clock=clock,
        storage=storage,
        queue=queue,
        events=events,
        source=source,
        workspaces=workspaces,
        builder=builder,
        runtime=runtime,
        prober=prober,
        poster=poster,
        notification_poster=notification_poster,
        messenger=messenger,
        router=router,
        host=host,
        failpoints=failpoints,
        adapters=adapters,
        application=application,
        owner=Actor.of(signed_in.user),
    )
    platform.commit()
    await platform.take_node()
    yield platform
    for lease in await workspaces.leases():
        await workspaces.remove(lease)


def reconciler_of(engine: Engine, *, holder: str, is_alone: bool) -> Reconciler:
    """Return a reconciler for the node of *engine*, which no slow machine drives to give it up."""
    patient = evolve(FAST, give_up=timedelta(seconds=10), silence=timedelta(hours=1))
    return Reconciler(
        reconciliation=engine.reconciliation,
        tending=engine.tending,
        restarting=engine.restarting,
        sweeping=engine.sweeping,
        domain_checks=engine.domain_checks,
        certificates=engine.certificates,
        timings=engine.timings,
        tenure=Tenure(engine.node_hold, patient, holder=holder, is_alone=is_alone),
    )


async def until_logged(caplog: pytest.LogCaptureFixture, text: str) -> None:
    """Wait until the platform has logged *text*."""
    with fail_after(5):
        while text not in caplog.text:
            await checkpoint()
