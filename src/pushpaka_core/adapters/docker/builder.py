"""Builds images by BuildKit, contained, from the repository's Dockerfile or one made of its plan."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from shutil import disk_usage, rmtree
from tempfile import mkdtemp

from anyio import CancelScope, create_task_group, fail_after, sleep, to_thread
from attrs import field, frozen
from docker.errors import ImageNotFound

from pushpaka_core.adapters.docker.contexts import Context, Contexts
from pushpaka_core.adapters.docker.engine import Engine
from pushpaka_core.adapters.docker.groups import BuildGroups
from pushpaka_core.adapters.docker.labels import KEY, PLATFORM, PROJECT, Marks
from pushpaka_core.adapters.docker.progress import Progress, Said, shown_command
from pushpaka_core.domain.deployments import Lease
from pushpaka_core.errors import BuildError
from pushpaka_core.ports.builder import Artifact, BuildRequest
from pushpaka_core.ports.processes import (
    Command,
    Descriptor,
    Exit,
    Limits,
    OutputChunk,
    Processes,
)

BUILD_LIMITS = Limits(memory_bytes=2 * 2**30, cpus=2.0, processes=512)
MOST_DISK = 10 * 2**30
"""Bytes that a build may add to the engine's disk."""

_FAILED = re.compile(r'process "(?P<process>.*)" did not complete successfully: exit code: (?P<code>\d+)')
_MOST_OF_A_COMMAND = 200
_PIECE = 16 * 1024
_KILLED = 137

Report = Callable[[str], Awaitable[None]]
OnOutput = Callable[[OutputChunk], Awaitable[None]]


@frozen(kw_only=True)
class DockerBuilder:
    """Makes an image for each release; its tag says which lease has built it."""

    _engine: Engine
    _marks: Marks
    _processes: Processes
    _contexts: Contexts
    _program: Path
    """The docker command line, with its plugin buildx."""
    _directory: Path
    """Where Dockerfiles and secrets lie while they are needed, for nobody else to read."""
    _env: Mapping[str, str] = field(factory=dict, repr=False)
    """What the command line sees of the host's environment: which engine, which proxies."""
    _limits: Limits = BUILD_LIMITS
    _most_disk: int = MOST_DISK
    _groups: BuildGroups = field(factory=BuildGroups)

    async def build(
        self,
        request: BuildRequest,
        /,
        *,
        timeout: timedelta,
        report: Report,
        on_output: OnOutput,
    ) -> Artifact:
        """Build an image, unless the same one is there."""
        name = self._marks.image(request.project_number, request.lease)
        try:
            with fail_after(timeout.total_seconds()):
                async with self._prepared(request) as (context, directory):
                    if not await self._taken_over(request, context, name):
                        await self._build(request, context, directory, name, report, on_output)
                    else:
                        await report("Nothing has changed since an image was built: it is taken.")
        except TimeoutError:
            raise _too_slow(timeout) from None
        image = await self._engine.call(self._engine.client.images.get, name)
        return Artifact(name=name, digest=str(image.id), image=name)

    async def exists(self, artifact: str, /) -> bool:
        """Tell whether the image is there."""
        return await self._engine.call(self._exists, artifact)

    async def remove(self, artifact: str, /) -> None:
        """Take the image's name away, and with its last name the image."""
        await self._engine.call(self._remove, artifact)

    async def forget(self, project_number: int, /) -> None:
        """Remove what installers have kept for the project's next build."""
        await self._engine.call(self._forget, self._marks.cache(project_number))

    async def artifacts(self) -> Mapping[str, Lease]:
        """Return the names of all images that bear our mark."""
        return await self._engine.call(self._artifacts)

    @asynccontextmanager
    async def _prepared(self, request: BuildRequest) -> AsyncIterator[tuple[Context, Path]]:
        directory = Path(await to_thread.run_sync(partial(mkdtemp, dir=self._directory)))
        cache_id = self._marks.cache(request.project_number)
        try:
            prepare = partial(self._contexts.prepare, request, directory, cache_id=cache_id)
            yield await to_thread.run_sync(prepare), directory
        finally:
            with CancelScope(shield=True):
                await to_thread.run_sync(partial(rmtree, directory, ignore_errors=True))

    async def _taken_over(self, request: BuildRequest, context: Context, name: str) -> bool:
        return await self._engine.call(self._take_over, request, context.key, name)

    def _take_over(self, request: BuildRequest, key: str, name: str) -> bool:
        wanted = [f"{PLATFORM}={self._marks.platform}", f"{KEY}={key}"]
        wanted += [f"{PROJECT}={request.project_number}"]
        images = self._engine.client.images.list(filters={"label": wanted})
        return bool(images) and bool(images[0].tag(*name.rsplit(":", 1)))

    async def _build(
        self,
        request: BuildRequest,
        context: Context,
        directory: Path,
        name: str,
        report: Report,
        on_output: OnOutput,
    ) -> None:
        progress = Progress()

        async def tell(said: Said) -> None:
            if said.text:
                await report(said.text)
            for start in range(0, len(said.data), _PIECE):
                await on_output(_chunk(said, start))

        async def read(chunk: OutputChunk) -> None:
            for said in progress.feed(chunk.data):
                await tell(said)

        group = f"pushpaka-build-{request.lease.deployment_id}.{request.lease.fence}"
        async with self._groups.around(group, self._limits) as parent:
            labels = {**self._marks.of_project(request.project_number), KEY: context.key}
            argv = (
                *(str(self._program), "buildx", "build", "--progress=rawjson", "--provenance=false"),
                *("--cgroup-parent", parent, "--tag", name),
                *(word for each in labels.items() for word in ("--label", "=".join(each))),
                *context.arguments,
            )
            env = {**self._env, **context.env, "HOME": str(directory)}
            ending = await self._within_disk(
                Command(argv=argv, directory=directory, env=env), read
            )
            for said in progress.finish():
                await tell(said)
            if not ending.succeeded:
                is_memory = await self._groups.was_out_of_memory(group)
                raise BuildError(_what_failed(progress, self._limits, is_memory=is_memory))

    async def _within_disk(self, command: Command, read: OnOutput) -> Exit:
        """Run *command*, and end it once it has filled too much of the engine's disk."""
        ending: Exit | None = None
        async with create_task_group() as tasks:

            async def run() -> None:
                nonlocal ending
                ending = await self._processes.run(command, on_output=read)
                tasks.cancel_scope.cancel()

            tasks.start_soon(run)
            await self._until_disk_is_used()
            tasks.cancel_scope.cancel()
        if ending is not None:
            return ending
        raise BuildError(
            f"The build reached its disk limit of {self._most_disk >> 20} MiB and was ended."
            " Let it write less."
        )

    async def _until_disk_is_used(self) -> None:
        root = (await self._engine.call(self._engine.client.info))["DockerRootDir"]
        begun = (await to_thread.run_sync(disk_usage, root)).used
        while (await to_thread.run_sync(disk_usage, root)).used - begun <= self._most_disk:
            await sleep(1)

    def _exists(self, artifact: str) -> bool:
        try:
            self._engine.client.images.get(artifact)
        except ImageNotFound:
            return False
        return True

    def _remove(self, artifact: str) -> None:
        if self._marks.lease_of(artifact) is None:
            raise ValueError(f"{artifact!r} is no image of ours.")
        try:
            self._engine.client.images.remove(artifact, force=True)
        except ImageNotFound:
            return

    def _forget(self, cache_id: str) -> None:
        api = self._engine.client.api
        for record in api.df().get("BuildCache") or ():
            if f'"/{cache_id}"' in record["Description"] or cache_id in record["Description"]:
                api.prune_builds(filters={"id": record["ID"]}, all=True)

    def _artifacts(self) -> Mapping[str, Lease]:
        images = self._engine.client.images.list(filters=dict(self._marks.filter))
        names = [name for image in images for name in image.tags]
        leases = {name: self._marks.lease_of(name) for name in names}
        return {name: lease for name, lease in leases.items() if lease is not None}


def _chunk(said: Said, start: int) -> OutputChunk:
    return OutputChunk(
        descriptor=Descriptor.STDERR if said.is_error else Descriptor.STDOUT,
        data=said.data[start : start + _PIECE],
        written_at=datetime.now(UTC),
    )


def _what_failed(progress: Progress, limits: Limits, *, is_memory: bool) -> str:
    """Say which command failed and how, or what the engine says."""
    matches = map(_FAILED.search, (*progress.errors, *progress.plain))
    match = next(filter(None, matches), None)
    if match is None:
        return f"The image could not be built: {_last(progress)}"
    command = shown_command(match["process"])[:_MOST_OF_A_COMMAND]
    limit = limits.memory_bytes if is_memory or int(match["code"]) == _KILLED else None
    ending = Exit(code=int(match["code"]), memory_limit=limit)
    return (
        f"`{command}` {ending.words}."
        " Read what it says in the log, mend the repository or the command, and deploy again."
    )


def _last(progress: Progress) -> str:
    lines = [*progress.plain, *progress.errors]
    return lines[-1].removeprefix("ERROR: ") if lines else "the engine does not say why."


def _too_slow(timeout: timedelta) -> BuildError:
    minutes = timeout.total_seconds() / 60
    return BuildError(
        f"The build took longer than {minutes:g} min and was ended. Make it shorter,"
        " or ask the operator of this instance for more time."
    )
