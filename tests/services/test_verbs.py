"""Every verb at every moment of a deployment: what is answered, and what comes of it."""

import re
from collections.abc import Awaitable, Callable, Mapping
from itertools import product

import pytest
from tests.services.platform import Platform
from tests.services.scenes import PREVIEW, Scene, Stage, open_stage, scenes, status_of

from pushpaka_core.domain.deployment_steps import DeploymentStatus
from pushpaka_core.domain.deployments import (
    PRODUCTION,
    Deployment,
    DeploymentId,
    DeploymentKind,
    NewDeployment,
)
from pushpaka_core.errors import ConflictError

pytestmark = pytest.mark.anyio

LEFT_ALONE = """
                   it becomes  its target serves
queued             running     it
building source    running     it
building build     running     it
deploying release  running     it
deploying start    running     it
deploying switch   running     it
running current    running     it
running replaced   stopped     other
running stopping   stopped     nothing
crashed current    running     it
crashed replaced   stopped     other
crashed stopping   stopped     nothing
stopped by hand    stopped     nothing
stopped replaced   stopped     other
failed             failed      other
cancelled          cancelled   other
superseded         superseded  other
"""
"""What comes of each scene where nobody asks for anything, or what is asked for is refused."""

BEGINNING_ANEW = """
                   deploy      rollback   redeploy
queued             superseded  never-ran  not-current
building source    stopped     never-ran  not-current
building build     stopped     never-ran  not-current
deploying release  stopped     never-ran  not-current
deploying start    stopped     never-ran  not-current
deploying switch   stopped     never-ran  never-ran
running current    stopped     stopped    stopped
running replaced   stopped     stopped    not-current
running stopping   stopped     stopped    stopped
crashed current    stopped     stopped    stopped
crashed replaced   stopped     stopped    not-current
crashed stopping   stopped     stopped    stopped
stopped by hand    stopped     stopped    stopped
stopped replaced   stopped     stopped    not-current
failed             failed      never-ran  not-current
cancelled          cancelled   never-ran  not-current
superseded         superseded  never-ran  not-current
"""
"""
What it becomes where a new deployment is answered, or why none is.

The new one runs in the end, and its target serves it.
"""

FOR_PRODUCTION = """
                   promote        preview's promote  start        preview's start
queued             not-a-preview  never-ran          not-stopped  not-stopped
building source    not-a-preview  never-ran          not-stopped  not-stopped
building build     not-a-preview  never-ran          not-stopped  not-stopped
deploying release  not-a-preview  never-ran          not-stopped  not-stopped
deploying start    not-a-preview  never-ran          not-stopped  not-stopped
deploying switch   not-a-preview  never-ran          not-stopped  not-stopped
running current    not-a-preview  running            not-stopped  not-stopped
running replaced   not-a-preview  stopped            not-stopped  not-stopped
running stopping   not-a-preview  stopped            stopped      not-stopped
crashed current    not-a-preview  running            not-stopped  not-stopped
crashed replaced   not-a-preview  stopped            not-stopped  not-stopped
crashed stopping   not-a-preview  stopped            stopped      not-stopped
stopped by hand    not-a-preview  stopped            stopped      not-stopped
stopped replaced   not-a-preview  stopped            not-stopped  not-stopped
failed             not-a-preview  never-ran          not-stopped  not-stopped
cancelled          not-a-preview  never-ran          not-stopped  not-stopped
superseded         not-a-preview  never-ran          not-stopped  not-stopped
"""
"""The same of what begins anew for production, asked of production and of a preview."""

IN_PLACE = """
                   restart      stop         cancel     delete
queued             not-running  not-running  cancelled  gone
building source    not-running  not-running  cancelled  gone
building build     not-running  not-running  cancelled  gone
deploying release  not-running  not-running  cancelled  gone
deploying start    not-running  not-running  cancelled  gone
deploying switch   not-running  not-running  too-late   gone
running current    running      stopped      too-late   gone
running replaced   leaving      leaving      too-late   gone
running stopping   leaving      leaving      too-late   gone
crashed current    running      stopped      too-late   gone
crashed replaced   leaving      leaving      too-late   gone
crashed stopping   leaving      leaving      too-late   gone
stopped by hand    not-running  not-running  too-late   gone
stopped replaced   not-running  not-running  too-late   gone
failed             not-running  not-running  too-late   gone
cancelled          not-running  not-running  too-late   gone
superseded         not-running  not-running  too-late   gone
"""
"""What it becomes where it is answered itself, or why nothing is done."""

REFUSALS = {
    "never-ran": "It cannot be served again: it is .* and never ran",
    "not-current": "Only the current deployment can be redeployed",
    "not-a-preview": "Only a preview can be promoted",
    "not-stopped": "The project is not stopped",
    "not-running": "Only what runs can be",
    "leaving": "it has been replaced, or is being stopped",
    "too-late": "It is too late to cancel",
}

SERVED_AFTER = {
    "deploy": "new",
    "rollback": "new",
    "redeploy": "new",
    "start": "new",
    "restart": "it",
    "stop": "nothing",
    "cancel": "other",
    "delete": "nothing",
}
"""What the target serves in the end, where a verb is not refused."""

VERBS: Mapping[str, Callable[[Stage], Awaitable[Deployment | None]]] = {
    "deploy": lambda s: s.platform.application.deployments.deploy(
        s.platform.owner,
        NewDeployment(project_id=s.project.id, target=s.it.target, branch="main"),
    ),
    "rollback": lambda s: s.platform.application.deployments.rollback(s.platform.owner, s.it.id),
    "redeploy": lambda s: s.platform.application.deployments.redeploy(s.platform.owner, s.it.id),
    "promote": lambda s: s.platform.application.deployments.promote(s.platform.owner, s.it.id),
    "start": lambda s: s.platform.application.serving.start(s.platform.owner, s.project.id),
    "restart": lambda s: s.platform.application.serving.restart(s.platform.owner, s.it.id),
    "stop": lambda s: s.platform.application.serving.stop(s.platform.owner, s.it.id),
    "cancel": lambda s: s.platform.application.deployments.cancel(s.platform.owner, s.it.id),
    "delete": lambda s: s.platform.application.projects.delete(s.platform.owner, s.project.id),
}
KINDS = {
    "deploy": DeploymentKind.DEPLOY,
    "rollback": DeploymentKind.ROLLBACK,
    "redeploy": DeploymentKind.REDEPLOY,
    "promote": DeploymentKind.PROMOTE,
    "start": DeploymentKind.REDEPLOY,
}


def cells(table: str) -> dict[tuple[str, str], str]:
    """Return the cells of a table by row and column."""
    head, *rows = [re.split(r"\s{2,}", line) for line in table.strip("\n").splitlines()]
    return {
        (row, column): cell
        for row, *inner in rows
        for column, cell in zip(head[1:], inner, strict=True)
    }


IN_THE_END = cells(LEFT_ALONE)
EXPECTED = cells(BEGINNING_ANEW) | cells(FOR_PRODUCTION) | cells(IN_PLACE)


def place(scene: Scene, verb: str) -> tuple[str, str]:
    """Return where the tables tell what *verb* does in *scene*."""
    is_told_apart = scene.target == PREVIEW and verb in ("promote", "start")
    return scene.row, f"preview's {verb}" if is_told_apart else verb


def served_after(scene: Scene, verb: str) -> str:
    """Return what the scene's target serves in the end, as far as the verb was not refused."""
    return SERVED_AFTER.get(verb) or IN_THE_END[scene.row, "its target serves"]


async def served(stage: Stage) -> str:
    """Return what the target of the scene serves: by its processes, of which all are routed."""
    ids = await running(stage.platform, stage.it.target)
    names = {stage.it.id: "it", getattr(stage.other, "id", None): "other"}
    return " and ".join(sorted(names.get(each, "new") for each in ids)) or "nothing"


async def running(platform: Platform, target: str) -> set[DeploymentId]:
    """Return the deployments of a target of which processes run."""
    ids = {request.instance.deployment_id for request in platform.runtime.living.values()}
    return {each for each in ids if (await platform.row(each)).target == target}


async def routed_ports(platform: Platform) -> Mapping[str, tuple[int | None, ...]]:
    """Return what has to be routed, by what runs: each by itself, production by the project."""
    routes: dict[str, tuple[int | None, ...]] = {}
    for request in platform.runtime.living.values():
        instance = request.instance
        deployment = await platform.row(instance.deployment_id)
        routes[f"shop--{deployment.id.hex[:8]}.localhost"] = (instance.port,)
        if deployment.target == PRODUCTION:
            routes["shop.localhost"] = (instance.port,)
    return routes | dict.fromkeys(await stopped_hosts(platform), ())


async def stopped_hosts(platform: Platform) -> set[str]:
    """Return the addresses of what was stopped by hand, which lead to a page that says so."""
    async with platform.storage.snapshot() as uow:
        stopped = [target for target in await uow.targets.all() if target.stopped_at]
    own = {f"shop--{target.deployment_id.hex[:8]}.localhost" for target in stopped}
    return own | {"shop.localhost" for target in stopped if target.name == PRODUCTION}


async def check_end(stage: Stage, *, becomes: str, serves: str, production: str) -> None:
    """Let all come to its end, and see what has become of it, what runs and what is routed."""
    await stage.settle()

    platform = stage.platform
    assert becomes == await status_of(platform, stage.it.id)
    assert serves == await served(stage)
    assert await routed_ports(platform) == platform.routes()
    assert await platform.is_tidy()
    if stage.production is not None:
        ids = await running(platform, PRODUCTION)
        assert (production == "kept") == (ids == {stage.production.id})
        assert (production == "nothing") == (not ids)


def check_answer(stage: Stage, verb: str, answer: Deployment | None) -> None:
    """See that a new deployment waits, or that it is answered itself."""
    if verb == "delete":
        assert answer is None
        return
    assert answer is not None
    if verb not in KINDS:
        assert stage.it.id == answer.id
        return
    target = PRODUCTION if verb in ("promote", "start") else stage.it.target
    assert (KINDS[verb], DeploymentStatus.QUEUED, target) == (
        answer.kind,
        answer.status,
        answer.target,
    )
    assert answer.sequence > stage.it.sequence
    if verb != "deploy":
        assert (stage.it.id, stage.it.release_id) == (
            answer.source_deployment_id,
            answer.release_id,
        )


@pytest.mark.parametrize("scene", scenes(), ids=str)
async def test_scene_ends_as_the_table_tells(scene: Scene) -> None:
    """Left alone, everything comes to its end."""
    async with open_stage(scene) as stage:
        await check_end(
            stage,
            becomes=IN_THE_END[scene.row, "it becomes"],
            serves=IN_THE_END[scene.row, "its target serves"],
            production="kept",
        )


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("scene", scenes(), ids=str)
async def test_verb_does_what_the_table_tells(scene: Scene, verb: str) -> None:
    """It is done, or refused with a reason and without a trace; the end is the table's."""
    expected = EXPECTED[place(scene, verb)]
    async with open_stage(scene) as stage:
        if expected in REFUSALS:
            before = await stage.platform.causes(stage.it.id)
            with pytest.raises(ConflictError, match=REFUSALS[expected]):
                await VERBS[verb](stage)
            assert before == await stage.platform.causes(stage.it.id)
            becomes = IN_THE_END[scene.row, "it becomes"]
            serves, production = IN_THE_END[scene.row, "its target serves"], "kept"
        else:
            check_answer(stage, verb, await VERBS[verb](stage))
            becomes, serves = expected, served_after(scene, verb)
            production = {"promote": "new", "delete": "nothing"}.get(verb, "kept")

        await check_end(stage, becomes=becomes, serves=serves, production=production)


def test_tables_tell_of_every_pair_and_of_nothing_else() -> None:
    """A status, phase or verb that is added has to be thought of here."""
    places = {place(scene, verb) for scene, verb in product(scenes(), VERBS)}

    rows = {scene.row for scene in scenes()}
    assert places == EXPECTED.keys()
    assert rows == {row for row, _ in IN_THE_END}
    assert set(DeploymentStatus) == {scene.status for scene in scenes()}
