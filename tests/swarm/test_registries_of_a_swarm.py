"""Registries as operators have them: with tokens, in a place of their own, and not always there."""

from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from threading import Timer

import pytest
from anyio import create_task_group, to_thread
from attrs import evolve, frozen
from tests.acceptance.traces import commands as all_commands
from tests.engine.base_images import DEBIAN
from tests.swarm.machines import Node, Swarm
from tests.swarm.opened import OnSwarm, opened_swarm
from tests.swarm.registry import PASSWORD, USER, RegistryServer, open_registry
from tests.swarm.token_server import TokenServer, asking_for_tokens, open_token_server

from pushpaka_core.adapters.docker.swarm.registry import RegistryAccount
from pushpaka_core.adapters.docker.swarm.registry import open_registry as open_repository
from pushpaka_core.domain.build_plans import OwnDockerfile
from pushpaka_core.errors import PlatformFaultError, RuntimeUnavailableError, StartError
from pushpaka_core.ports.runtime import StartRequest
from pushpaka_core.testing.applications import Told, build, checkout, plan, step
from pushpaka_core.testing.objects import a_deployment, a_project, a_user, an_instance

pytestmark = [pytest.mark.anyio, pytest.mark.needs("swarm"), pytest.mark.needs("docker")]

ACCOUNT = RegistryAccount(user=USER, password=PASSWORD)
PLAN = plan(dockerfile=OwnDockerfile(), processes={"web": step("exec sleep 60")})


@frozen(kw_only=True)
class Guarded:
    """A Swarm with a registry that asks for tokens."""

    swarm: Swarm
    tokens: TokenServer


@pytest.fixture(scope="module")
def guarded(swarm: Swarm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    directory, host = tmp_path_factory.mktemp("guarded"), swarm.registry.host
    with open_token_server(directory, host, f"{USER}:{PASSWORD}") as tokens:
        auth = asking_for_tokens(tokens, directory)
        with open_registry(directory, host, auth=auth) as registry:
            yield Guarded(swarm=evolve(swarm, registry=registry), tokens=tokens)


async def deploy(on_swarm: OnSwarm, directory: Path, told: Told | None = None) -> StartRequest:
    """Build, and return what starts it."""
    project = a_project(a_user())
    files = {"Dockerfile": f"FROM {DEBIAN}\nRUN echo {directory} > /made\n"}
    source = await checkout(directory, files)
    artifact = await build(on_swarm.builder, source, PLAN, told=told)
    return StartRequest(
        instance=an_instance(a_deployment(project)),
        project=project,
        plan=PLAN,
        artifact=artifact.name,
    )


@pytest.fixture
async def on_swarm(guarded: Guarded, tmp_path: Path) -> AsyncIterator[OnSwarm]:
    async with opened_swarm(tmp_path / "adapters", guarded.swarm) as opened:
        yield opened


async def test_tokens_are_got_for_what_is_done(
    guarded: Guarded, on_swarm: OnSwarm, tmp_path: Path
) -> None:
    """To push, to fetch on another machine, to copy and to delete; for that repository alone."""
    request = await deploy(on_swarm, tmp_path / "source")
    await on_swarm.runtime.start(request)
    await on_swarm.builder.remove(request.artifact)

    assert {} == await on_swarm.builder.artifacts()
    asked = [scope.split(":") for scope in guarded.tokens.granted]
    assert {f"apps/{on_swarm.marks.prefix}"} == {name for _, name, _ in asked}
    assert {"pull", "push", "delete"} == {each for *_, done in asked for each in done.split(",")}


async def test_wrong_password_is_told_where_tokens_are_asked_for(
    guarded: Guarded, on_swarm: OnSwarm
) -> None:
    """As it is where the registry asks for the password itself."""
    place = evolve(guarded.swarm.place, account=RegistryAccount(user=USER, password="wrong"))

    async with open_repository(place, on_swarm.marks.prefix) as registry:
        with pytest.raises(PlatformFaultError, match="Check PUSHPAKA_REGISTRY_USER"):
            await registry.tags()


async def test_password_is_nowhere_to_be_seen(
    guarded: Guarded, on_swarm: OnSwarm, tmp_path: Path
) -> None:
    """In no command line of a build or start, and in nothing that is told of what they make."""
    commands, told = set[str](), Told()
    async with create_task_group() as watching:
        watching.start_soon(_watch, commands)
        request = await deploy(on_swarm, tmp_path / "source", told)
        await on_swarm.runtime.start(request)
        watching.cancel_scope.cancel()
    made = await to_thread.run_sync(_inspected, guarded.swarm)

    seen = "\n".join([*commands, *told.sentences, told.output.decode(), made])
    assert "buildx build" in seen
    assert '"Image": "' in seen
    assert [] == [secret for secret in (PASSWORD, ACCOUNT.pair) if secret in seen]


async def test_push_waits_for_a_registry_that_goes_away_and_comes_back(
    guarded: Guarded, on_swarm: OnSwarm, tmp_path: Path
) -> None:
    """Where it is away to begin with, the reason is told, and the platform tries again."""
    registry, tokens = guarded.swarm.registry, guarded.tokens

    tokens.once("push,pull", partial(_lose_for_a_second, registry))
    request = await deploy(on_swarm, tmp_path / "back")
    registry.kill()
    with pytest.raises(RuntimeUnavailableError, match="The registry does not answer"):
        await deploy(on_swarm, tmp_path / "lost")
    await to_thread.run_sync(registry.start)

    assert [request.artifact] == list(await on_swarm.builder.artifacts())


async def test_lost_registry_is_the_reason_why_nothing_is_started(
    guarded: Guarded, on_swarm: OnSwarm, tmp_path: Path
) -> None:
    """It says on which machine to look; once the registry is back the same can be started."""
    registry, request = guarded.swarm.registry, await deploy(on_swarm, tmp_path / "source")

    guarded.tokens.once("pull", registry.kill)
    with pytest.raises(StartError, match=r"No such image: .* See whether the registry answers on"):
        await on_swarm.runtime.start(request)
    with pytest.raises(RuntimeUnavailableError, match="The registry does not answer"):
        await on_swarm.builder.exists(request.artifact)
    await to_thread.run_sync(registry.start)
    await on_swarm.runtime.start(request)

    observed = await on_swarm.runtime.inspect(request.instance.name)
    assert observed is not None
    assert observed.is_alive


async def _watch(commands: set[str]) -> None:
    while True:
        commands.update(await to_thread.run_sync(all_commands))


def _inspected(swarm: Swarm) -> str:
    """Return all that engines tell of containers, images and services."""
    manager, worker = swarm.manager, swarm.worker
    services = manager.docker("service", "ls", "--quiet").split()
    return manager.docker("inspect", *services, *_held(manager)) + "".join(
        worker.docker("inspect", each) for each in _held(worker)
    )


def _held(node: Node) -> list[str]:
    listed = (node.docker("ps", "--all", "--quiet"), node.docker("images", "--quiet"))
    return "".join(listed).split()


def _lose_for_a_second(registry: RegistryServer) -> None:
    registry.kill()
    Timer(1, registry.start).start()
