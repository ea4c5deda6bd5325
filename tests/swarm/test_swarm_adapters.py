"""What only a Swarm does: it refuses to place, cannot fetch, and keeps images in a registry."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from anyio import create_task_group
from attrs import evolve
from tests.swarm.machines import Swarm
from tests.swarm.opened import OnSwarm, opened_swarm
from tests.swarm.registry import USER
from tests.swarm.registry import open_registry as open_server

from pushpaka_core.adapters.docker.swarm.registry import RegistryAccount, open_registry
from pushpaka_core.adapters.docker.swarm.runtime import SwarmRuntime
from pushpaka_core.errors import PlatformFaultError, StartError
from pushpaka_core.ports.runtime import StartRequest
from pushpaka_core.testing.applications import build, checkout, plan, step
from pushpaka_core.testing.objects import a_deployment, a_project, a_user, an_instance

pytestmark = [pytest.mark.anyio, pytest.mark.needs("swarm"), pytest.mark.needs("docker")]

PLAN = plan(processes={"web": step("exec sleep 60")})


@pytest.fixture(scope="module")
async def on_swarm(
    swarm: Swarm, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[OnSwarm]:
    async with opened_swarm(tmp_path_factory.mktemp("swarm") / "adapters", swarm) as opened:
        yield opened


@pytest.fixture
async def request_(on_swarm: OnSwarm, tmp_path: Path) -> StartRequest:
    project = a_project(a_user())
    source = await checkout(tmp_path / "source", {"main.sh": ""})
    artifact = await build(on_swarm.builder, source, PLAN)
    return StartRequest(
        instance=an_instance(a_deployment(project)),
        project=project,
        plan=PLAN,
        artifact=artifact.name,
    )


async def test_what_no_machine_may_run_fails_with_the_reason(
    on_swarm: OnSwarm, request_: StartRequest
) -> None:
    """The Swarm says why, and nothing of the attempt is left."""
    runtime: SwarmRuntime = on_swarm.runtime
    picky = evolve(runtime, profile=evolve(on_swarm.profile, constraints=["node.labels.x==y"]))

    with pytest.raises(StartError, match=r"No machine .* no suitable node .*constraints"):
        await picky.start(request_)

    assert await runtime.inspect(request_.instance.name) is None


async def test_what_cannot_be_fetched_fails_with_the_reason(
    on_swarm: OnSwarm, request_: StartRequest
) -> None:
    """A release whose image is gone is known to be, and no machine can run it."""
    await on_swarm.builder.remove(request_.artifact)

    assert not await on_swarm.builder.exists(request_.artifact)
    with pytest.raises(StartError, match="could not start it: No such image"):
        await on_swarm.runtime.start(request_)


async def test_of_one_image_under_two_names_one_is_kept(
    on_swarm: OnSwarm, request_: StartRequest, tmp_path: Path
) -> None:
    """Registries delete by content, and what two builds have in common is one of the other's."""
    again = await checkout(tmp_path / "again", {"main.sh": ""})
    other = await build(on_swarm.builder, again, PLAN)

    await on_swarm.builder.remove(request_.artifact)
    await on_swarm.builder.remove(request_.artifact)

    left = await on_swarm.builder.artifacts()
    assert (False, True) == (request_.artifact in left, other.name in left)
    assert await on_swarm.builder.exists(other.name)
    await on_swarm.runtime.start(evolve(request_, artifact=other.name))


async def test_images_are_known_whatever_the_registry_is_called(
    on_swarm: OnSwarm, swarm: Swarm, request_: StartRequest, tmp_path: Path
) -> None:
    """Under its new name it has the same; where that has nothing, nothing is there or removed."""
    known, platform = await on_swarm.builder.artifacts(), on_swarm.marks.platform
    empty = evolve(swarm, registry=evolve(swarm.registry, address=f"{swarm.registry.address}/new"))
    with open_server(swarm.registry.directory, swarm.registry.host) as renamed:
        moved = evolve(swarm, registry=renamed)
        async with (
            opened_swarm(tmp_path / "moved", moved, platform=platform) as there,
            opened_swarm(tmp_path / "empty", empty, platform=platform) as nowhere,
        ):
            assert known == await there.builder.artifacts()
            assert await there.builder.exists(request_.artifact)
            assert not await nowhere.builder.exists(request_.artifact)
            assert {} == await nowhere.builder.artifacts()
            await there.runtime.start(request_)


async def test_builds_of_one_project_at_once_disturb_each_other_in_nothing(
    on_swarm: OnSwarm, tmp_path: Path
) -> None:
    """As of its branch and of a preview: both leave their layers for the next one."""
    sources = [
        await checkout(tmp_path / str(number), {"main.sh": f"echo {number}"}) for number in range(6)
    ]

    async with create_task_group() as builds:
        for source in sources:
            builds.start_soon(build, on_swarm.builder, source, PLAN)


async def test_wrong_password_is_told(on_swarm: OnSwarm, swarm: Swarm) -> None:
    """With the settings to look at."""
    place = evolve(swarm.place, account=RegistryAccount(user=USER, password="wrong"))

    async with open_registry(place, on_swarm.marks.prefix) as registry:
        with pytest.raises(PlatformFaultError, match="Check PUSHPAKA_REGISTRY_USER"):
            await registry.tags()
