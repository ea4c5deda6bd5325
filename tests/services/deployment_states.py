"""Creates deployments in each status and phase, for tests of the operations allowed there."""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from itertools import product

from anyio import Event, create_task_group, fail_after
from attrs import define, field, frozen
from tests.platform_fixtures import Platform, open_platform

from pushpaka_core.adapters.memory.system import MemoryFailpoints
from pushpaka_core.domain.deployments.deployments import Deployment, Lease
from pushpaka_core.domain.deployments.state_machine import (
    IN_PROGRESS,
    PHASES,
    DeploymentStatus,
    Phase,
)
from pushpaka_core.domain.ids import DeploymentId
from pushpaka_core.domain.platform.failpoints import COMMIT
from pushpaka_core.domain.projects.projects import Project
from pushpaka_core.domain.projects.target_names import PRODUCTION
from pushpaka_core.errors import ConflictError, NotFoundError
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.deployments import a_deployment
from pushpaka_core.testing.objects.projects import a_project
from pushpaka_core.testing.objects.values import NOON

S = DeploymentStatus
PREVIEW = "preview:next"
APP = {"Procfile": "web: ./serve\nrelease: ./migrate\n"}
AFTER_DRAIN = 31


@define
class BlockingFailpoint(MemoryFailpoints):
    """A failpoint that blocks the worker at `step` until `opened` is set."""

    step: str = ""
    arrived: Event = field(factory=Event)
    opened: Event = field(factory=Event)

    async def hit(self, step: str, /) -> None:
        """Wait until `opened` is set if *step* is the step to block at."""
        await super().hit(step)
        if step == self.step:
            self.arrived.set()
            await self.opened.wait()


@frozen(kw_only=True)
class DeploymentCase:
    """The state of the deployment under test in one test case."""

    status: DeploymentStatus
    phase: Phase | None
    role: str = ""
    """If the deployment has run, its relation to its target, such as "replaced"."""
    target: str = PRODUCTION

    @property
    def row(self) -> str:
        """The row of this case in the tables of test_verbs.py, with the phase if in progress."""
        in_progress = self.phase if self.status in IN_PROGRESS else None
        return " ".join(filter(None, [self.status, in_progress, self.role]))

    def __str__(self) -> str:
        words = [self.status, self.phase or "", self.role, self.target]
        return "-".join(filter(None, words)).replace(" ", "-")


@define(kw_only=True)
class PreparedPlatform:
    """A platform with a deployment in the state of a test case."""

    platform: Platform
    project: Project
    blocking_failpoint: BlockingFailpoint
    deployment: Deployment
    """The deployment under test."""
    other: Deployment | None = None
    """Another deployment to the same target that is active, or was replaced."""
    production: Deployment | None = None
    """The active deployment of production, if the one under test is a preview."""
    _is_idle: Event = field(factory=Event, init=False)

    async def run_to_completion(self) -> None:
        """Run workers, reconciler and garbage collector until nothing is left to do."""
        self.blocking_failpoint.opened.set()
        with fail_after(30):
            await self._is_idle.wait()
        for _ in range(4):
            await self._work()
            await self._run_reconciler()
            self.platform.clock.advance(AFTER_DRAIN)
        await self.platform.worker_services.garbage_collector.collect()
        await self.platform.worker_services.reconciler.repair_routes()

    async def run_job(self, lease: Lease) -> None:
        """Run the job of *lease* to its end, as a worker does."""
        if await self.platform.worker_services.pipeline.prepare(lease):
            await self.platform.worker_services.pipeline.finish(lease)
        self._is_idle.set()

    def mark_idle(self) -> None:
        """Mark the workers as idle, so that `run_to_completion` does not wait for a job."""
        self._is_idle.set()

    async def _work(self) -> None:
        while (lease := await self.platform.worker_services.pipeline.claim("worker-1")) is not None:
            await self.run_job(lease)

    async def _run_reconciler(self) -> None:
        engine = self.platform.worker_services
        await engine.reconciler.finish_cutovers()
        for _ in range(2):
            await engine.instance_supervisor.check_all()
            await engine.rolling_restart.advance()
        await engine.reconciler.stop_drained()


@asynccontextmanager
async def open_case(deployment_case: DeploymentCase) -> AsyncIterator[PreparedPlatform]:
    """Open a new platform with a deployment in the state *deployment_case*."""
    blocking_failpoint = BlockingFailpoint()
    async with (
        open_platform(failpoints=blocking_failpoint) as platform,
        create_task_group() as workers,
    ):
        platform.commit(**APP)
        project = await platform.project()
        prepared_platform = PreparedPlatform(
            platform=platform,
            project=project,
            blocking_failpoint=blocking_failpoint,
            deployment=_PLACEHOLDER,
        )
        if deployment_case.target != PRODUCTION:
            prepared_platform.production = await platform.deploy(project)
        match deployment_case.status:
            case S.RUNNING | S.CRASHED | S.STOPPED:
                await _prepare_run(prepared_platform, deployment_case)
            case S.BUILDING | S.DEPLOYING:
                workers.start_soon(
                    prepared_platform.run_job,
                    await _prepare_in_progress(prepared_platform, deployment_case),
                )
                await blocking_failpoint.arrived.wait()
            case _:
                await _prepare_unrun(prepared_platform, deployment_case)
        prepared_platform.deployment = await platform.stored_deployment(
            prepared_platform.deployment.id
        )
        assert (deployment_case.status, deployment_case.phase) == (
            prepared_platform.deployment.status,
            prepared_platform.deployment.phase,
        )
        platform.clock.advance(1)
        yield prepared_platform
        blocking_failpoint.opened.set()


async def _prepare_run(
    prepared_platform: PreparedPlatform, deployment_case: DeploymentCase
) -> None:
    prepared_platform.mark_idle()
    platform = prepared_platform.platform
    prepared_platform.deployment = await _deploy_case(prepared_platform, deployment_case)
    if deployment_case.status is S.CRASHED:
        platform.runtime.crash((await platform.instance(prepared_platform.deployment.id)).name)
        await platform.worker_services.instance_supervisor.check_all()
    match deployment_case.role:
        case "replaced":
            prepared_platform.other = await _deploy_case(prepared_platform, deployment_case)
        case "stopping" | "by hand":
            await platform.application.active_deployments.stop(
                platform.owner, prepared_platform.deployment.id
            )
    if deployment_case.status is S.STOPPED:
        platform.clock.advance(AFTER_DRAIN)
        await platform.worker_services.reconciler.stop_drained()


async def _prepare_in_progress(
    prepared_platform: PreparedPlatform, deployment_case: DeploymentCase
) -> Lease:
    """Claim the deployment and return its lease. Its worker will block in the phase of the case."""
    prepared_platform.other = await _deploy_case(prepared_platform, deployment_case)
    prepared_platform.deployment = await _queued(prepared_platform, deployment_case)
    prepared_platform.blocking_failpoint.step = (
        COMMIT if deployment_case.phase is Phase.SWITCH else str(deployment_case.phase)
    )
    return await prepared_platform.platform.claim()


async def _prepare_unrun(
    prepared_platform: PreparedPlatform, deployment_case: DeploymentCase
) -> None:
    prepared_platform.mark_idle()
    prepared_platform.other = await _deploy_case(prepared_platform, deployment_case)
    prepared_platform.deployment = await _queued(prepared_platform, deployment_case)
    if deployment_case.status is not S.QUEUED:
        platform, changes = (
            prepared_platform.platform,
            {"status": deployment_case.status, "phase": deployment_case.phase},
        )
        await platform.overwrite(
            prepared_platform.deployment.id, **changes, finished_at=platform.clock()
        )


async def _queued(
    prepared_platform: PreparedPlatform, deployment_case: DeploymentCase
) -> Deployment:
    return await prepared_platform.platform.enqueue(
        prepared_platform.project, target=deployment_case.target, branch="main"
    )


async def _deploy_case(
    prepared_platform: PreparedPlatform, deployment_case: DeploymentCase
) -> Deployment:
    await _queued(prepared_platform, deployment_case)
    return await prepared_platform.platform.work()


_ROLES = {
    S.RUNNING: ("current", "replaced", "stopping"),
    S.CRASHED: ("current", "replaced", "stopping"),
    S.STOPPED: ("by hand", "replaced"),
}
_PLACEHOLDER = a_deployment(a_project(a_user()))


def all_cases() -> Sequence[DeploymentCase]:
    """Return a case for each state that a deployment can reach, in production and in a preview."""
    pairs = sorted(_reachable([_PLACEHOLDER]), key=str)
    return [
        DeploymentCase(status=status, phase=phase, role=role, target=target)
        for (status, phase), target in product(pairs, (PRODUCTION, PREVIEW))
        for role in _ROLES.get(status, ("",))
    ]


def one_case_per_row() -> Sequence[DeploymentCase]:
    """Return one case for each row of the tables, in production and in a preview."""
    return list({(scene.row, scene.target): scene for scene in all_cases()}.values())


def _reachable(deployments: Iterable[Deployment]) -> set[tuple[DeploymentStatus, Phase | None]]:
    """Return all pairs of status and phase that can be reached from *deployments*."""
    known: dict[tuple[DeploymentStatus, Phase | None], Deployment] = {}
    coming = list(deployments)
    while coming:
        deployment = coming.pop()
        if (deployment.status, deployment.phase) not in known:
            known[deployment.status, deployment.phase] = deployment
            coming.extend(_next_states(deployment))
    return set(known)


def _next_states(deployment: Deployment) -> Iterator[Deployment]:
    ways: list[Callable[[], Deployment]] = [
        partial(deployment.claim, "worker-1", now=NOON),
        *(partial(deployment.enter, phase, now=NOON) for phase in PHASES),
        partial(deployment.fail, "It failed.", now=NOON),
        partial(deployment.finish_cancellation, now=NOON),
        partial(deployment.supersede, now=NOON),
        partial(deployment.crash, "It crashed.", now=NOON),
        partial(deployment.stop, now=NOON),
        partial(deployment.roll_back, "It broke.", now=NOON),
    ]
    for way in ways:
        with suppress(ConflictError):
            yield way()


async def status_of(platform: Platform, id: DeploymentId) -> str:
    """Return the status of a deployment, or "gone" if it was removed."""
    try:
        return (await platform.stored_deployment(id)).status
    except NotFoundError:
        return "gone"
