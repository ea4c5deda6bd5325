"""Moments in the life of a deployment, made by the platform itself, and how they go on."""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from itertools import product

from anyio import Event, create_task_group, fail_after
from attrs import define, field, frozen
from tests.services.platform import Platform, open_platform

from pushpaka_core.adapters.memory.failpoints import MemoryFailpoints
from pushpaka_core.domain.deployment_steps import IN_WORK, STEPS, DeploymentStatus, Phase
from pushpaka_core.domain.deployments import PRODUCTION, Deployment, DeploymentId, Lease
from pushpaka_core.domain.failpoints import COMMIT
from pushpaka_core.domain.projects import Project
from pushpaka_core.errors import ConflictError, NotFoundError
from pushpaka_core.testing.objects import NOON, a_deployment, a_project, a_user

S = DeploymentStatus
PREVIEW = "preview:next"
APP = {"Procfile": "web: ./serve\nrelease: ./migrate\n"}
LONGER_THAN_A_DRAIN = 31


@define
class Gate(MemoryFailpoints):
    """Holds a worker at one step until it is opened."""

    step: str = ""
    arrived: Event = field(factory=Event)
    opened: Event = field(factory=Event)

    async def reach(self, step: str, /) -> None:
        """Wait where it is shut."""
        await super().reach(step)
        if step == self.step:
            self.arrived.set()
            await self.opened.wait()


@frozen(kw_only=True)
class Scene:
    """What a deployment is when somebody asks something of it."""

    status: DeploymentStatus
    phase: Phase | None
    role: str = ""
    """What the target makes of it, where it has run: its name in the tables."""
    target: str = PRODUCTION

    @property
    def row(self) -> str:
        """Return its row in the tables; those that ended without running are all alike."""
        in_work = self.phase if self.status in IN_WORK else None
        return " ".join(filter(None, [self.status, in_work, self.role]))

    def __str__(self) -> str:
        words = [self.status, self.phase or "", self.role, self.target]
        return "-".join(filter(None, words)).replace(" ", "-")


@define(kw_only=True)
class Stage:
    """A platform in the middle of a scene."""

    platform: Platform
    project: Project
    gate: Gate
    it: Deployment
    """The deployment of which something is asked."""
    other: Deployment | None = None
    """What its target serves, or served, beside it."""
    production: Deployment | None = None
    """What production serves, while the scene is a preview's."""
    _worked: Event = field(factory=Event, init=False)

    async def settle(self) -> None:
        """Let everybody do what there is to do, until nothing is left."""
        self.gate.opened.set()
        with fail_after(5):
            await self._worked.wait()
        for _ in range(4):
            await self._work()
            await self._reconcile()
            self.platform.clock.tick(LONGER_THAN_A_DRAIN)
        await self.platform.engine.sweeping.sweep()
        await self.platform.engine.reconciliation.mend_routes()

    async def work_on(self, lease: Lease) -> None:
        """Do a job as a worker does, up to its end."""
        if await self.platform.engine.pipeline.prepare(lease):
            await self.platform.engine.pipeline.finish(lease)
        self._worked.set()

    def rest(self) -> None:
        """Say that no worker is busy."""
        self._worked.set()

    async def _work(self) -> None:
        while (lease := await self.platform.engine.pipeline.claim("worker-1")) is not None:
            await self.work_on(lease)

    async def _reconcile(self) -> None:
        engine = self.platform.engine
        await engine.reconciliation.finish_switches()
        for _ in range(2):
            await engine.tending.tend()
            await engine.restarting.restart()
        await engine.reconciliation.stop_drained()


@asynccontextmanager
async def open_stage(scene: Scene) -> AsyncIterator[Stage]:
    """Bring a deployment of a new platform into *scene*."""
    gate = Gate()
    async with open_platform(failpoints=gate) as platform, create_task_group() as workers:
        platform.commit(**APP)
        project = await platform.project()
        stage = Stage(platform=platform, project=project, gate=gate, it=_NOBODY)
        if scene.target != PRODUCTION:
            stage.production = await platform.served(project)
        match scene.status:
            case S.RUNNING | S.CRASHED | S.STOPPED:
                await _has_run(stage, scene)
            case S.BUILDING | S.DEPLOYING:
                workers.start_soon(stage.work_on, await _in_work(stage, scene))
                await gate.arrived.wait()
            case _:
                await _never_ran(stage, scene)
        stage.it = await platform.row(stage.it.id)
        assert (scene.status, scene.phase) == (stage.it.status, stage.it.phase)
        platform.clock.tick(1)
        yield stage
        gate.opened.set()


async def _has_run(stage: Stage, scene: Scene) -> None:
    stage.rest()
    platform = stage.platform
    stage.it = await _served(stage, scene)
    if scene.status is S.CRASHED:
        platform.runtime.crash((await platform.instance(stage.it.id)).name)
        await platform.engine.tending.tend()
    match scene.role:
        case "replaced":
            stage.other = await _served(stage, scene)
        case "stopping" | "by hand":
            await platform.application.serving.stop(platform.owner, stage.it.id)
    if scene.status is S.STOPPED:
        platform.clock.tick(LONGER_THAN_A_DRAIN)
        await platform.engine.reconciliation.stop_drained()


async def _in_work(stage: Stage, scene: Scene) -> Lease:
    """Return the lease of a worker that will wait in the scene's phase."""
    stage.other = await _served(stage, scene)
    stage.it = await _queued(stage, scene)
    stage.gate.step = COMMIT if scene.phase is Phase.SWITCH else str(scene.phase)
    return await stage.platform.claimed()


async def _never_ran(stage: Stage, scene: Scene) -> None:
    stage.rest()
    stage.other = await _served(stage, scene)
    stage.it = await _queued(stage, scene)
    if scene.status is not S.QUEUED:
        platform, changes = stage.platform, {"status": scene.status, "phase": scene.phase}
        await platform.kept(stage.it.id, **changes, finished_at=platform.clock())


async def _queued(stage: Stage, scene: Scene) -> Deployment:
    return await stage.platform.queued(stage.project, target=scene.target, branch="main")


async def _served(stage: Stage, scene: Scene) -> Deployment:
    await _queued(stage, scene)
    return await stage.platform.work()


_ROLES = {
    S.RUNNING: ("current", "replaced", "stopping"),
    S.CRASHED: ("current", "replaced", "stopping"),
    S.STOPPED: ("by hand", "replaced"),
}
_NOBODY = a_deployment(a_project(a_user()))


def scenes() -> Sequence[Scene]:
    """Return every scene that the life of a deployment allows, in production and in a preview."""
    pairs = sorted(_reachable([_NOBODY]), key=str)
    return [
        Scene(status=status, phase=phase, role=role, target=target)
        for (status, phase), target in product(pairs, (PRODUCTION, PREVIEW))
        for role in _ROLES.get(status, ("",))
    ]


def _reachable(deployments: Iterable[Deployment]) -> set[tuple[DeploymentStatus, Phase | None]]:
    """Walk from *deployments* along all that a deployment can do."""
    known: dict[tuple[DeploymentStatus, Phase | None], Deployment] = {}
    coming = list(deployments)
    while coming:
        deployment = coming.pop()
        if (deployment.status, deployment.phase) not in known:
            known[deployment.status, deployment.phase] = deployment
            coming.extend(_next(deployment))
    return set(known)


def _next(deployment: Deployment) -> Iterator[Deployment]:
    ways: list[Callable[[], Deployment]] = [
        partial(deployment.claim, "worker-1", at=NOON),
        *(partial(deployment.enter, phase, at=NOON) for phase in STEPS),
        partial(deployment.fail, "It failed.", at=NOON),
        partial(deployment.end_cancelled, at=NOON),
        partial(deployment.supersede, at=NOON),
        partial(deployment.crash, "It crashed.", at=NOON),
        partial(deployment.stop, at=NOON),
    ]
    for way in ways:
        with suppress(ConflictError):
            yield way()


async def status_of(platform: Platform, id: DeploymentId) -> str:
    """Return what has become of a deployment."""
    try:
        return (await platform.row(id)).status
    except NotFoundError:
        return "gone"
