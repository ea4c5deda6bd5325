"""The adapters for a Swarm and its registry, on two machines."""

from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from threading import Timer
from uuid import uuid4

import pytest
from anyio import create_task_group, to_thread
from attrs import evolve, frozen
from tests.acceptance.tools.traces import commands as all_commands
from tests.engine.base_images import DEBIAN
from tests.engine.registry import PASSWORD, USER, RegistryServer, open_registry, password_auth
from tests.swarm.machines import Node, Swarm
from tests.swarm.opened import SwarmAdapters, open_swarm_adapters
from tests.swarm.token_server import TokenServer, open_token_server, token_auth_config

from pushpaka_core.adapters.swarm.registry import open_registry as open_repository
from pushpaka_core.adapters.swarm.runtime import StartTimeouts
from pushpaka_core.domain.pipeline.build_plans import BuildPlan, RepositoryDockerfile
from pushpaka_core.domain.projects.images import RegistryCredentials
from pushpaka_core.errors import PlatformFaultError, RuntimeUnavailableError, StartError
from pushpaka_core.ports.runtime import StartRequest
from pushpaka_core.testing.applications import BuildRecorder, build, checkout, plan, step
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.deployments import a_deployment, an_instance
from pushpaka_core.testing.objects.projects import a_project

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.needs("swarm"),
    pytest.mark.needs("docker"),
    pytest.mark.timeout(300),
]

_PLAN = plan(build=(step("cat main.sh > made"),), processes={"web": step("exec sleep 60")})
_OWN = plan(dockerfile=RepositoryDockerfile())
_DOCKERFILE = f"""\
FROM {DEBIAN} AS tools
RUN echo tools > /tools
FROM tools AS build
RUN --mount=type=cache,target=/kept cat /tools > /slow
COPY main.sh /
RUN cat /slow /main.sh > /made
FROM {DEBIAN} AS unused
RUN exit 3
FROM {DEBIAN}
RUN echo last > /last
COPY --from=build /made /
"""


@frozen(kw_only=True)
class PrivateRegistrySwarm:
    """A Swarm with a registry that requires tokens."""

    swarm: Swarm
    tokens: TokenServer

    @property
    def registry(self) -> RegistryServer:
        return self.swarm.registry


@pytest.fixture(scope="module")
def private_registry_swarm(
    swarm: Swarm, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PrivateRegistrySwarm]:
    directory, host = tmp_path_factory.mktemp("guarded"), swarm.registry.host
    with open_token_server(directory, host, f"{USER}:{PASSWORD}") as tokens:
        auth = token_auth_config(tokens, directory)
        with open_registry(directory, host, auth=auth) as registry:
            yield PrivateRegistrySwarm(swarm=evolve(swarm, registry=registry), tokens=tokens)


@pytest.fixture
async def swarm_adapters(
    private_registry_swarm: PrivateRegistrySwarm, tmp_path: Path
) -> AsyncIterator[SwarmAdapters]:
    async with open_swarm_adapters(tmp_path / "swarm", private_registry_swarm.swarm) as opened:
        yield opened


async def _build_release(
    swarm_adapters: SwarmAdapters, directory: Path, build_recorder: BuildRecorder | None = None
) -> StartRequest:
    """Build a release, and return a request to start an instance of it."""
    project, source = a_project(a_user()), await checkout(directory, {"main.sh": ""})
    artifact = await build(swarm_adapters.builder, source, _PLAN, recorder=build_recorder)
    return StartRequest(
        instance=an_instance(a_deployment(project)),
        project=project,
        plan=_PLAN,
        artifact=artifact.name,
    )


async def test_unplaceable_instance_fails_with_the_reason(
    swarm_adapters: SwarmAdapters, tmp_path: Path
) -> None:
    """The error quotes the Swarm's message, and the failed start leaves no resources."""
    runtime, request = (
        swarm_adapters.runtime,
        await _build_release(swarm_adapters, tmp_path / "source"),
    )
    profile = evolve(swarm_adapters.profile, constraints=["node.labels.x==y"])
    picky = evolve(runtime, profile=profile, timeouts=StartTimeouts(placement=1))

    with pytest.raises(StartError, match=r"No node .* no suitable node .*constraints"):
        await picky.start(request)

    assert await runtime.inspect(request.instance.name) is None


async def test_shared_image_content_is_kept_until_its_last_name_is_removed(
    swarm_adapters: SwarmAdapters, tmp_path: Path
) -> None:
    """Equal builds share content. Removing one image must not break the other one."""
    request = await _build_release(swarm_adapters, tmp_path / "one")
    other = await _build_release(swarm_adapters, tmp_path / "other")

    async with create_task_group() as removals:
        for _ in range(3):  # As the sweep and the deletion of the project may do it at once.
            removals.start_soon(swarm_adapters.builder.remove, request.artifact)
    await swarm_adapters.builder.remove(request.artifact)

    assert [other.artifact] == list(await swarm_adapters.builder.artifacts())
    assert await swarm_adapters.builder.exists(other.artifact)
    await swarm_adapters.runtime.start(other)
    assert not await swarm_adapters.builder.exists(request.artifact)
    with pytest.raises(StartError, match="could not start the instance: No such image"):
        await swarm_adapters.runtime.start(request)


async def test_images_are_found_after_the_registry_was_renamed(
    swarm: Swarm, tmp_path: Path
) -> None:
    """The same registry has the images at its new address. An empty repository has none."""
    async with open_swarm_adapters(tmp_path / "swarm", swarm) as swarm_adapters:
        request = await _build_release(swarm_adapters, tmp_path / "source")
        known, platform = (
            await swarm_adapters.builder.artifacts(),
            swarm_adapters.labels.instance_id,
        )
        address, directory = f"{swarm.registry.address}/new", swarm.registry.directory
        empty = evolve(swarm, registry=evolve(swarm.registry, address=address))
        auth = password_auth(directory)
        with open_registry(directory, swarm.registry.host, auth=auth) as renamed:
            moved = evolve(swarm, registry=renamed)
            async with (
                open_swarm_adapters(tmp_path / "moved", moved, platform=platform) as there,
                open_swarm_adapters(tmp_path / "empty", empty, platform=platform) as nowhere,
            ):
                assert known == await there.builder.artifacts()
                assert await there.builder.exists(request.artifact)
                assert not await nowhere.builder.exists(request.artifact)
                assert {} == await nowhere.builder.artifacts()
                await there.runtime.start(request)


async def test_concurrent_builds_of_a_project_succeed(
    swarm_adapters: SwarmAdapters, tmp_path: Path
) -> None:
    """Production and previews of a project can build at the same time."""
    sources = [
        await checkout(tmp_path / str(number), {"main.sh": f"echo {number}"}) for number in range(4)
    ]

    async with create_task_group() as builds:
        for source in sources:
            builds.start_soon(build, swarm_adapters.builder, source, _PLAN)


async def test_layers_are_reused_by_another_machine(
    swarm: Swarm,
    private_registry_swarm: PrivateRegistrySwarm,
    swarm_adapters: SwarmAdapters,
    tmp_path: Path,
) -> None:
    """The registry keeps the layers of all stages, until they are no longer used."""
    await to_thread.run_sync(partial(swarm.load, DEBIAN, node=swarm.worker))
    platform, url = swarm_adapters.labels.instance_id, swarm.worker.url
    async with open_swarm_adapters(
        tmp_path / "there", private_registry_swarm.swarm, platform=platform, url=url
    ) as there:
        first = await _cached_commands(swarm_adapters, tmp_path, _OWN, "echo v1")
        await _cached_commands(swarm_adapters, tmp_path, _OWN, "echo v2")
        second = await _cached_commands(there, tmp_path, _OWN, "echo v3")
        kept = _layer_tags(private_registry_swarm, swarm_adapters)
        generated = await _cached_commands(swarm_adapters, tmp_path, _PLAN, "echo v1")
        regenerated = await _cached_commands(there, tmp_path, _PLAN, "echo v1")
        replaced = _layer_tags(private_registry_swarm, swarm_adapters)
        await swarm_adapters.builder.remove_cache(3)

    assert [] == first == generated
    assert [
        "[build 1/3] RUN cat /tools > /slow",
        "[stage-3 2/3] RUN echo last > /last",
        "[tools 2/2] RUN echo tools > /tools",
    ] == second
    assert ["layers-3", "layers-3-build", "layers-3-tools"] == kept
    assert ["[build 3/3] RUN cat main.sh > made"] == regenerated
    assert ["layers-3", "layers-3-build"] == replaced
    assert [] == _layer_tags(private_registry_swarm, swarm_adapters)


async def _cached_commands(
    swarm_adapters: SwarmAdapters, directory: Path, build_plan: BuildPlan, main_script: str
) -> list[str]:
    """Build project 3, and return the commands whose results came from the cache."""
    recorder, files = BuildRecorder(), {"Dockerfile": _DOCKERFILE, "main.sh": main_script}
    source = await checkout(directory / uuid4().hex, files)
    await build(swarm_adapters.builder, source, build_plan, recorder=recorder, project_number=3)
    return sorted(
        command
        for command, _, ending in (sentence.partition(" (") for sentence in recorder.messages)
        if " RUN " in command and ending == "cached)"
    )


def _layer_tags(
    private_registry_swarm: PrivateRegistrySwarm, swarm_adapters: SwarmAdapters
) -> list[str]:
    tags = private_registry_swarm.registry.tags(f"apps/{swarm_adapters.labels.prefix}")
    return [tag for tag in tags if tag.startswith("layers-")]


async def test_credentials_are_used_for_repositories_only_and_never_shown(
    private_registry_swarm: PrivateRegistrySwarm, swarm_adapters: SwarmAdapters, tmp_path: Path
) -> None:
    """Tokens are limited to repositories. No command line, log or container has the password."""
    private_registry_swarm.tokens.granted.clear()
    commands, recorder = set[str](), BuildRecorder()

    async def watch() -> None:
        while True:
            commands.update(await to_thread.run_sync(all_commands))

    async with create_task_group() as watching:
        watching.start_soon(watch)
        request = await _build_release(swarm_adapters, tmp_path / "source", recorder)
        await swarm_adapters.runtime.start(request)
        watching.cancel_scope.cancel()
    shown = await to_thread.run_sync(_inspect, private_registry_swarm.swarm)
    await swarm_adapters.builder.remove(request.artifact)

    assert {} == await swarm_adapters.builder.artifacts()
    scopes = [scope.split(":") for scope in private_registry_swarm.tokens.granted]
    # Machines may still pull images of the tests before this one.
    assert all(kind == "repository" and name.startswith("apps/") for kind, name, _ in scopes)
    own = [actions for _, name, actions in scopes if name == f"apps/{swarm_adapters.labels.prefix}"]
    assert {"pull", "push", "delete"} == {action for each in own for action in each.split(",")}
    seen = "\n".join([*commands, *recorder.messages, recorder.output.decode(), shown])
    assert "buildx build" in seen
    assert '"Image": "' in seen
    pair = RegistryCredentials(user=USER, password=PASSWORD).basic_auth
    assert [] == [secret for secret in (PASSWORD, pair) if secret in seen]


def _inspect(swarm: Swarm) -> str:
    """Return Docker's descriptions of the Swarm's containers, images and services as text."""
    manager, worker = swarm.manager, swarm.worker
    services = manager.docker("service", "ls", "--quiet").split()
    return manager.docker("inspect", *services, *_ids(manager)) + "".join(
        worker.docker("inspect", each) for each in _ids(worker)
    )


def _ids(node: Node) -> list[str]:
    listed = (node.docker("ps", "--all", "--quiet"), node.docker("images", "--quiet"))
    return "".join(listed).split()


@pytest.mark.parametrize("uses_token_server", [False, True])
async def test_wrong_registry_password_is_reported(
    swarm: Swarm, private_registry_swarm: PrivateRegistrySwarm, *, uses_token_server: bool
) -> None:
    """The error names the settings to check."""
    place = (private_registry_swarm.swarm if uses_token_server else swarm).registry_location
    place = evolve(place, credentials=RegistryCredentials(user=USER, password="wrong"))

    async with open_repository(place, "pushpaka-0") as registry:
        with pytest.raises(PlatformFaultError, match="Check PUSHPAKA_REGISTRY_USER"):
            await registry.tags()


async def test_push_waits_for_a_registry_that_restarts(
    private_registry_swarm: PrivateRegistrySwarm, swarm_adapters: SwarmAdapters, tmp_path: Path
) -> None:
    """A registry that is back soon only delays a push. Otherwise, the runtime is unavailable."""
    registry = private_registry_swarm.registry

    def restart_slowly() -> None:
        registry.kill()
        Timer(1, registry.start).start()

    private_registry_swarm.tokens.call_before_token("push,pull", restart_slowly)
    request = await _build_release(swarm_adapters, tmp_path / "back")
    registry.kill()
    with pytest.raises(RuntimeUnavailableError, match="The registry is not responding"):
        await _build_release(swarm_adapters, tmp_path / "lost")
    await to_thread.run_sync(registry.start)

    assert [request.artifact] == list(await swarm_adapters.builder.artifacts())


async def test_start_without_the_registry_fails_with_the_reason(
    private_registry_swarm: PrivateRegistrySwarm, swarm_adapters: SwarmAdapters, tmp_path: Path
) -> None:
    """The error says what to check, and the same release starts once the registry is back."""
    registry, request = (
        private_registry_swarm.registry,
        await _build_release(swarm_adapters, tmp_path / "source"),
    )

    private_registry_swarm.tokens.call_before_token("pull", registry.kill)
    with pytest.raises(StartError, match=r"No such image: .* Check that the node"):
        await swarm_adapters.runtime.start(request)
    with pytest.raises(RuntimeUnavailableError, match="The registry is not responding"):
        await swarm_adapters.builder.exists(request.artifact)
    await to_thread.run_sync(registry.start)
    await swarm_adapters.runtime.start(request)

    observed = await swarm_adapters.runtime.inspect(request.instance.name)
    assert observed is not None
    assert observed.is_alive
