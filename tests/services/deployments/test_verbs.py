"""Every operation in every state of a deployment: its response and its final effect."""

import re
from collections.abc import Awaitable, Callable, Mapping
from itertools import product

import pytest
from tests.platform_fixtures import Platform
from tests.services.deployment_states import (
    PREVIEW,
    DeploymentCase,
    PreparedPlatform,
    all_cases,
    one_case_per_row,
    open_case,
    status_of,
)

from pushpaka_core.domain.deployments.deployments import Deployment, DeploymentKind, NewDeployment
from pushpaka_core.domain.deployments.state_machine import DeploymentStatus
from pushpaka_core.domain.ids import DeploymentId
from pushpaka_core.domain.projects.target_names import PRODUCTION
from pushpaka_core.errors import ConflictError

pytestmark = pytest.mark.anyio

WITHOUT_REQUEST = """
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
"""The final status in each case if nothing is requested, or a request is rejected."""

NEW_DEPLOYMENTS = """
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
The final status if the operation creates a deployment, or why it is rejected.

The new deployment is active in the end.
"""

TO_PRODUCTION = """
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
"""The same as NEW_DEPLOYMENTS, for operations that always deploy to production."""

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
"""The final status if the operation changes the deployment in place, or why it is rejected."""

REJECTIONS = {
    "never-ran": "This deployment is .* and never ran",
    "not-current": "Only the active deployment can be redeployed",
    "not-a-preview": "Only a preview can be promoted",
    "not-stopped": "The project is not stopped",
    "not-running": "Only a running deployment can be",
    "leaving": "it was replaced or is being stopped",
    "too-late": "can no longer be canceled",
}

ACTIVE_AFTER = {
    "deploy": "new",
    "rollback": "new",
    "redeploy": "new",
    "start": "new",
    "restart": "it",
    "stop": "nothing",
    "cancel": "other",
    "delete": "nothing",
}
"""The deployment that is active after each operation, unless the operation is rejected."""

VERBS: Mapping[str, Callable[[PreparedPlatform], Awaitable[Deployment | None]]] = {
    "deploy": lambda s: s.platform.application.deployments.deploy(
        s.platform.owner,
        NewDeployment(project_id=s.project.id, target=s.deployment.target, branch="main"),
    ),
    "rollback": lambda s: s.platform.application.deployments.rollback(
        s.platform.owner, s.deployment.id
    ),
    "redeploy": lambda s: s.platform.application.deployments.redeploy(
        s.platform.owner, s.deployment.id
    ),
    "promote": lambda s: s.platform.application.deployments.promote(
        s.platform.owner, s.deployment.id
    ),
    "start": lambda s: s.platform.application.active_deployments.start(
        s.platform.owner, s.project.id
    ),
    "restart": lambda s: s.platform.application.active_deployments.restart(
        s.platform.owner, s.deployment.id
    ),
    "stop": lambda s: s.platform.application.active_deployments.stop(
        s.platform.owner, s.deployment.id
    ),
    "cancel": lambda s: s.platform.application.deployments.cancel(
        s.platform.owner, s.deployment.id
    ),
    "delete": lambda s: s.platform.application.projects.delete(s.platform.owner, s.project.id),
}
KINDS = {
    "deploy": DeploymentKind.DEPLOY,
    "rollback": DeploymentKind.ROLLBACK,
    "redeploy": DeploymentKind.REDEPLOY,
    "promote": DeploymentKind.PROMOTE,
    "start": DeploymentKind.REDEPLOY,
}


def parse_table(table: str) -> dict[tuple[str, str], str]:
    """Return the cells of *table* by row and column."""
    head, *rows = [re.split(r"\s{2,}", line) for line in table.strip("\n").splitlines()]
    return {
        (row, column): cell
        for row, *inner in rows
        for column, cell in zip(head[1:], inner, strict=True)
    }


FINAL_STATES = parse_table(WITHOUT_REQUEST)
EXPECTED = parse_table(NEW_DEPLOYMENTS) | parse_table(TO_PRODUCTION) | parse_table(IN_PLACE)


def cell_of(deployment_case: DeploymentCase, verb: str) -> tuple[str, str]:
    """Return the row and the column of the cell for *verb* in *deployment_case*."""
    is_distinct = deployment_case.target == PREVIEW and verb in ("promote", "start")
    return deployment_case.row, f"preview's {verb}" if is_distinct else verb


def expected_active(deployment_case: DeploymentCase, verb: str) -> str:
    """Return which deployment has to be active after *verb*, unless *verb* is rejected."""
    return ACTIVE_AFTER.get(verb) or FINAL_STATES[deployment_case.row, "its target serves"]


async def active_deployments(prepared_platform: PreparedPlatform) -> str:
    """Return which deployments of the target have running instances: "it", "other" or "new"."""
    ids = await deployments_with_instances(
        prepared_platform.platform, prepared_platform.deployment.target
    )
    names = {
        prepared_platform.deployment.id: "it",
        getattr(prepared_platform.other, "id", None): "other",
    }
    return " and ".join(sorted(names.get(each, "new") for each in ids)) or "nothing"


async def deployments_with_instances(platform: Platform, target: str) -> set[DeploymentId]:
    """Return the ids of the deployments to *target* that have running instances."""
    ids = {request.instance.deployment_id for request in platform.runtime.running.values()}
    return {each for each in ids if (await platform.stored_deployment(each)).target == target}


async def routed_ports(platform: Platform) -> Mapping[str, tuple[int | None, ...]]:
    """Return the ports that each host name has to be routed to. Stopped targets have none."""
    routes: dict[str, tuple[int | None, ...]] = {}
    for request in platform.runtime.running.values():
        instance = request.instance
        deployment = await platform.stored_deployment(instance.deployment_id)
        routes[f"shop--{deployment.id.hex[:8]}.localhost"] = (instance.port,)
        if deployment.target == PRODUCTION:
            routes["shop.localhost"] = (instance.port,)
    return routes | dict.fromkeys(await stopped_hosts(platform), ())


async def stopped_hosts(platform: Platform) -> set[str]:
    """Return the host names of stopped targets, where visitors see the stopped page."""
    async with platform.storage.snapshot() as uow:
        stopped = [target for target in await uow.targets.all() if target.stopped_at]
    own = {f"shop--{target.deployment_id.hex[:8]}.localhost" for target in stopped}
    return own | {"shop.localhost" for target in stopped if target.name == PRODUCTION}


async def check_final_state(
    prepared_platform: PreparedPlatform,
    *,
    expected_status: str,
    expected_active: str,
    production: str,
) -> None:
    """Run all work to completion, and check the status, the instances and the routes."""
    await prepared_platform.run_to_completion()

    platform = prepared_platform.platform
    assert expected_status == await status_of(platform, prepared_platform.deployment.id)
    assert expected_active == await active_deployments(prepared_platform)
    assert await routed_ports(platform) == platform.routes()
    assert await platform.is_cleaned_up()
    if prepared_platform.production is not None:
        ids = await deployments_with_instances(platform, PRODUCTION)
        assert (production == "kept") == (ids == {prepared_platform.production.id})
        assert (production == "nothing") == (not ids)


def check_answer(
    prepared_platform: PreparedPlatform, verb: str, response: Deployment | None
) -> None:
    """Check that *response* is a new queued deployment, or the changed one, as *verb* requires."""
    if verb == "delete":
        assert response is None
        return
    assert response is not None
    if verb not in KINDS:
        assert prepared_platform.deployment.id == response.id
        return
    target = PRODUCTION if verb in ("promote", "start") else prepared_platform.deployment.target
    found = (response.kind, response.status, response.target)
    assert (KINDS[verb], DeploymentStatus.QUEUED, target) == found
    assert response.sequence > prepared_platform.deployment.sequence
    if verb != "deploy":
        seen = (response.source_deployment_id, response.release_id)
        assert (prepared_platform.deployment.id, prepared_platform.deployment.release_id) == seen


@pytest.mark.parametrize("deployment_case", all_cases(), ids=str)
async def test_rejected_operations_change_nothing(deployment_case: DeploymentCase) -> None:
    expected = {verb: EXPECTED[cell_of(deployment_case, verb)] for verb in VERBS}
    async with open_case(deployment_case) as stage:
        before = await stage.platform.causes(stage.deployment.id)

        for verb, reason in expected.items():
            if reason in REJECTIONS:
                with pytest.raises(ConflictError, match=REJECTIONS[reason]):
                    await VERBS[verb](stage)

        assert before == await stage.platform.causes(stage.deployment.id)
        await check_final_state(
            stage,
            expected_status=FINAL_STATES[deployment_case.row, "it becomes"],
            expected_active=FINAL_STATES[deployment_case.row, "its target serves"],
            production="kept",
        )


@pytest.mark.parametrize(
    ("deployment_case", "verb"),
    [
        pytest.param(scene, verb, id=f"{scene}-{verb}")
        for scene, verb in product(one_case_per_row(), VERBS)
        if EXPECTED[cell_of(scene, verb)] not in REJECTIONS
    ],
)
async def test_operation_matches_the_table(deployment_case: DeploymentCase, verb: str) -> None:
    async with open_case(deployment_case) as stage:
        check_answer(stage, verb, await VERBS[verb](stage))

        await check_final_state(
            stage,
            expected_status=EXPECTED[cell_of(deployment_case, verb)],
            expected_active=expected_active(deployment_case, verb),
            production={"promote": "new", "delete": "nothing"}.get(verb, "kept"),
        )


def test_tables_are_complete() -> None:
    places = {cell_of(scene, verb) for scene, verb in product(all_cases(), VERBS)}

    rows = {scene.row for scene in all_cases()}
    assert places == EXPECTED.keys()
    assert rows == {row for row, _ in FINAL_STATES}
    assert set(DeploymentStatus) == {scene.status for scene in all_cases()}
