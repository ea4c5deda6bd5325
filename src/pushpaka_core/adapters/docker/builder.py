"""Builds images by BuildKit, from the repository's own Dockerfile or one made of its plan."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from shutil import rmtree
from typing import Any, Protocol, cast

from anyio import CancelScope, fail_after, to_thread
from attrs import field, frozen
from docker.errors import ImageNotFound

from pushpaka_core.adapters.docker.build import Bounds, ImageBuild
from pushpaka_core.adapters.docker.caches import is_of, kept_apart
from pushpaka_core.adapters.docker.command_line import UNTRACED
from pushpaka_core.adapters.docker.contexts import Context, Contexts
from pushpaka_core.adapters.docker.engine import Engine
from pushpaka_core.adapters.docker.firewall import Firewall
from pushpaka_core.adapters.docker.groups import BuildGroups
from pushpaka_core.adapters.docker.labels import KEY, PLATFORM, PROJECT, Marks
from pushpaka_core.adapters.docker.pulls import Pulls
from pushpaka_core.domain.build_plans import Packaging
from pushpaka_core.domain.deployments import Lease
from pushpaka_core.errors import BuildError, BuildTimeoutError, PlatformFaultError
from pushpaka_core.ports.builder import Artifact, BuildRequest
from pushpaka_core.ports.processes import (
    OutputChunk,
    Processes,
)

_MOST_STAGES = 10
"""Of which layers are kept: each costs as much as it is long."""

Report = Callable[[str], Awaitable[None]]
OnOutput = Callable[[OutputChunk], Awaitable[None]]


class LayerCache(Protocol):
    """Layers of earlier builds that are kept beside images, for whichever machine builds next."""

    async def arguments(self, project_number: int, home: Path, /) -> Sequence[str]:
        """
        Return what buildx is told, to begin with what is kept of a project.

        What it needs to know beside that is written to its *home*.
        """
        ...

    async def keep_stage(self, project_number: int, stage: str, image: str, /) -> None:
        """Keep the layers of a *stage*, which are those of an *image* of the engine."""
        ...

    async def keep_only(self, project_number: int, stages: Collection[str], /) -> None:
        """Forget what is kept of other stages."""
        ...


@frozen
class _Prepared:
    context: Context
    directory: Path


@frozen(kw_only=True)
class DockerBuilder:
    """Makes an image for each release; its tag says which lease has built it."""

    _engine: Engine
    _marks: Marks
    _processes: Processes
    _contexts: Contexts
    _buildx: Sequence[str]
    """What runs buildx."""
    _env: Mapping[str, str] = field(factory=dict, repr=False)
    """What the command line sees of the host's environment: which engine, which proxies."""
    _bounds: Bounds = field(factory=Bounds)
    _firewall: Firewall
    _groups: BuildGroups = field(factory=BuildGroups)
    _cache: LayerCache | None = None
    """Where builds of other machines leave layers; None where only this one builds."""

    @property
    def packaging(self) -> Packaging:
        """Make images."""
        return Packaging.IMAGE

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
                async with self._prepared(request) as prepared:
                    if await self._taken_over(request, prepared.context, name):
                        await report("Nothing has changed since an image was built: it is taken.")
                    else:
                        for image in prepared.context.images:
                            await self._pulls.ensure(image, report)
                        await self._firewall.close()
                        build = await self._build(request, prepared, report, on_output)
                        await build.run()
                        await self._keep_stages(request, build)
        except BuildError:
            await self._engine.check()
            raise
        except TimeoutError:
            await self._engine.check()
            raise BuildTimeoutError(timeout / timedelta(minutes=1)) from None
        digest = await self._engine.call(self._digest, name)
        return Artifact(name=name, digest=digest, image=name)

    async def exists(self, artifact: str, /) -> bool:
        """Tell whether the image is there."""
        return await self._engine.call(self._exists, artifact)

    async def remove(self, artifact: str, /) -> None:
        """Take the image's name away, and with its last name the image."""
        await self._engine.call(self._remove, artifact)

    async def forget(self, project_number: int, /) -> None:
        """Remove what a project's builds have kept for the next one, and what killed ones left."""
        await self._groups.clear(self._marks.build_group(project_number))
        await self._engine.call(self._forget, self._marks.cache(project_number))

    async def artifacts(self) -> Mapping[str, Lease]:
        """Return the names of all images that bear our mark."""
        return await self._engine.call(self._artifacts)

    @property
    def _pulls(self) -> Pulls:
        return Pulls(engine=self._engine, silence_seconds=self._bounds.silence_seconds)

    @asynccontextmanager
    async def _prepared(self, request: BuildRequest) -> AsyncIterator[_Prepared]:
        # What lies beside the files goes with them, whatever becomes of this process.
        directory = request.directory.with_name(f"{request.directory.name}.build")
        await to_thread.run_sync(partial(directory.mkdir, mode=0o700))
        try:
            own = self._marks.prefix
            prepare = partial(self._contexts.prepare, request, directory, own=own)
            yield _Prepared(await to_thread.run_sync(prepare), directory)
        finally:
            with CancelScope(shield=True):
                await to_thread.run_sync(partial(rmtree, directory, ignore_errors=True))

    async def _taken_over(self, request: BuildRequest, context: Context, name: str) -> bool:
        return await self._engine.call(self._take_over, request, context.key, name)

    def _take_over(self, request: BuildRequest, key: str, name: str) -> bool:
        wanted = [f"{PLATFORM}={self._marks.platform}", f"{KEY}={key}"]
        wanted += [f"{PROJECT}={request.project_number}"]
        api = self._engine.client.api
        repository, tag = name.rsplit(":", 1)
        for image in api.images(filters={"label": wanted}):
            with suppress(ImageNotFound):  # It was removed meanwhile.
                return api.tag(image["Id"], repository, tag)
        return False

    async def _build(
        self, request: BuildRequest, prepared: _Prepared, report: Report, on_output: OnOutput
    ) -> ImageBuild:
        context = prepared.context
        labels = {**self._marks.of_project(request.project_number), KEY: context.key}
        disk = await self._engine.call(self._disk)
        layers: Sequence[str] = ()
        if self._cache is not None:
            layers = await self._cache.arguments(request.project_number, prepared.directory)
        return ImageBuild(
            group=self._marks.build_group(request.project_number),
            argv=(
                *(*self._buildx, "build", "--progress=rawjson", "--provenance=false"),
                *kept_apart(self._marks.cache(request.project_number)),
                *(word for each in labels.items() for word in ("--label", "=".join(each))),
                *(("--cache-to", "type=inline") if self._cache else ()),
                *context.arguments,
            ),
            image=self._marks.image(request.project_number, request.lease),
            layers=layers,
            directory=prepared.directory,
            env={**self._env, **UNTRACED, **context.env, "HOME": str(prepared.directory)},
            bounds=self._bounds,
            disk=disk,
            processes=self._processes,
            groups=self._groups,
            report=report,
            on_output=on_output,
        )

    async def _keep_stages(self, request: BuildRequest, build: ImageBuild) -> None:
        """Leave to other machines what only stages have that others copy from."""
        if self._cache is None:
            return
        done = [stage for stage, is_done in build.stages.items() if is_done]
        for stage in done[:_MOST_STAGES]:
            with suppress(BuildError):  # The image is there, and the next build has more to do.
                await self._keep_stage(request, build, stage, cache=self._cache)
        await self._cache.keep_only(request.project_number, build.stages)

    async def _keep_stage(
        self, request: BuildRequest, build: ImageBuild, stage: str, *, cache: LayerCache
    ) -> None:
        image = self._marks.stage_image(request.project_number, request.lease, stage)
        try:
            await build.of_stage(stage, image).run()
            await cache.keep_stage(request.project_number, stage, image)
        finally:
            with CancelScope(shield=True):
                await self.remove(image)

    def _digest(self, artifact: str) -> str:
        return str(self._engine.client.images.get(artifact).id)

    def _disk(self) -> Path:
        disk = Path(self._engine.client.info()["DockerRootDir"])
        if not disk.is_dir():
            raise PlatformFaultError(
                f"Builds cannot be bounded: the engine keeps them in {disk}, which is not seen from"
                " here. Mount it into the worker's container, under the same name."
            )
        return disk

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

    def _forget(self, caches: str) -> None:
        api = self._engine.client.api
        for record in api.df().get("BuildCache") or ():
            if is_of(caches, record["Description"]):
                api.prune_builds(filters=cast("Any", {"id": record["ID"]}), all=True)

    def _artifacts(self) -> Mapping[str, Lease]:
        images = self._engine.client.api.images(filters=dict(self._marks.filter))
        names = [name for image in images for name in image["RepoTags"] or ()]
        leases = {name: self._marks.lease_of(name) for name in names}
        return {name: lease for name, lease in leases.items() if lease is not None}
