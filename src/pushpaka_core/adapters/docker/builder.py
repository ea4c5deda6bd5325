"""Builds images with BuildKit, from the repository's Dockerfile or one generated from the plan."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from shutil import rmtree
from typing import Any, Protocol, cast

from anyio import CancelScope, fail_after, to_thread
from attrs import field, frozen
from docker.errors import APIError, ImageNotFound

from pushpaka_core.adapters.docker.build import BuildLimits, ImageBuild
from pushpaka_core.adapters.docker.contexts import BuildContext, BuildContexts
from pushpaka_core.adapters.docker.engine import NO_GIT_INFO, Engine
from pushpaka_core.adapters.docker.firewall import Firewall
from pushpaka_core.adapters.docker.groups import BuildGroups
from pushpaka_core.adapters.docker.image_puller import ImagePuller
from pushpaka_core.adapters.docker.labels import KEY, PLATFORM, PROJECT, Labels
from pushpaka_core.domain.deployments.deployments import Lease
from pushpaka_core.domain.pipeline.build_plans import Packaging
from pushpaka_core.errors import BuildError, BuildTimeoutError, PlatformFaultError
from pushpaka_core.ports.builder import Artifact, BuildRequest
from pushpaka_core.ports.processes import OutputChunk, ProcessManager
from pushpaka_core.ports.progress import Reporter

_MAX_CACHED_STAGES = 10
"""The maximum number of stages whose layers are cached. Each needs its own build and push."""

_CONFLICT = 409

OnOutput = Callable[[OutputChunk], Awaitable[None]]


def cache_namespace_arguments(namespace: str) -> tuple[str, str]:
    """Return the build arguments that prefix the id of every cache mount with *namespace*."""
    return ("--build-arg", f"BUILDKIT_CACHE_MOUNT_NS={namespace}")


def is_cache_mount_of(namespace: str, description: str) -> bool:
    """Return True if BuildKit's *description* of a record names a cache mount in *namespace*."""
    _, _, mount = description.rpartition(' with id "')
    return mount.removeprefix("/").startswith((f'{namespace}"', f"{namespace}/"))


class LayerCache(Protocol):
    """A cache of image layers from earlier builds, shared by all machines."""

    async def cache_arguments(self, project_number: int, home: Path, /) -> Sequence[str]:
        """
        Return the buildx arguments that import a project's cached layers.

        Registry credentials are written to *home*, which is the home directory of buildx.
        """
        ...

    async def store_stage(self, project_number: int, stage: str, image: str, /) -> None:
        """Cache the layers of *stage*, which were built as *image*."""
        ...

    async def remove_other_stages(self, project_number: int, stages: Collection[str], /) -> None:
        """Remove the cached layers of all stages except *stages*."""
        ...


@frozen
class _PreparedBuild:
    context: BuildContext
    directory: Path


@frozen(kw_only=True)
class DockerBuilder:
    """Builds an image for each release and tags it with the lease that it was built under."""

    _engine: Engine
    _labels: Labels
    _process_manager: ProcessManager
    _build_contexts: BuildContexts
    _buildx_command: Sequence[str]
    """The command that runs buildx."""
    _env: Mapping[str, str] = field(factory=dict, repr=False)
    """Environment variables for buildx, for example the engine's URL and proxies."""
    _limits: BuildLimits = field(factory=BuildLimits)
    _firewall: Firewall
    _build_groups: BuildGroups = field(factory=BuildGroups)
    _layer_cache: LayerCache | None = None
    """Layers shared with other machines, or None if only this machine builds."""

    @property
    def packaging(self) -> Packaging:
        """The kind of artifact: an image."""
        return Packaging.IMAGE

    async def build(
        self,
        request: BuildRequest,
        /,
        *,
        timeout: timedelta,
        on_progress: Reporter,
        on_output: OnOutput,
    ) -> Artifact:
        """Build an image, or tag an existing image that was built from the same input."""
        name = self._labels.image(request.project_number, request.lease)
        try:
            with fail_after(timeout.total_seconds()):
                async with self._prepared_build(request) as prepared:
                    if await self._reuse_image(request, prepared.context, name):
                        await on_progress(
                            "Nothing has changed since an earlier build. Reusing its image."
                        )
                    else:
                        for image in prepared.context.images:
                            await self._image_puller.ensure(image, on_progress)
                        await self._firewall.ensure_rules()
                        build = await self._build(request, prepared, on_progress, on_output)
                        await build.run()
                        await self._cache_stages(request, build)
        except BuildError:
            await self._engine.check()
            raise
        except TimeoutError:
            await self._engine.check()
            raise BuildTimeoutError(timeout / timedelta(minutes=1)) from None
        digest = await self._engine.call(self._digest, name)
        return Artifact(name=name, digest=digest, image=name)

    async def exists(self, artifact: str, /) -> bool:
        """Return whether the image exists."""
        return await self._engine.call(self._exists, artifact)

    async def remove(self, artifact: str, /) -> None:
        """Remove the tag, and the image if this was its last tag."""
        await self._engine.call(self._remove, artifact)

    async def remove_cache(self, project_number: int, /) -> None:
        """Remove the project's cache mounts and any control group left by a killed build."""
        await self._build_groups.remove_unused(self._labels.build_group(project_number))
        await self._engine.call(
            self._remove_cache_mounts, self._labels.cache_namespace(project_number)
        )

    async def artifacts(self) -> Mapping[str, Lease]:
        """Return all images of this instance, and the leases they were built or pulled under."""
        return await self._engine.call(self._artifacts)

    @property
    def _image_puller(self) -> ImagePuller:
        return ImagePuller(engine=self._engine, registry_timeout=self._limits.registry_timeout)

    @asynccontextmanager
    async def _prepared_build(self, request: BuildRequest) -> AsyncIterator[_PreparedBuild]:
        # Next to the checkout, so that it is cleaned up with it if this process is killed.
        directory = request.directory.with_name(f"{request.directory.name}.build")
        await to_thread.run_sync(partial(directory.mkdir, mode=0o700))
        try:
            own = self._labels.prefix
            prepare = partial(self._build_contexts.prepare, request, directory, image_prefix=own)
            yield _PreparedBuild(await to_thread.run_sync(prepare), directory)
        finally:
            with CancelScope(shield=True):
                await to_thread.run_sync(partial(rmtree, directory, ignore_errors=True))

    async def _reuse_image(self, request: BuildRequest, context: BuildContext, name: str) -> bool:
        return await self._engine.call(self._tag_existing, request, context.key, name)

    def _tag_existing(self, request: BuildRequest, key: str, name: str) -> bool:
        labels = [f"{PLATFORM}={self._labels.instance_id}", f"{KEY}={key}"]
        labels += [f"{PROJECT}={request.project_number}"]
        api = self._engine.client.api
        repository, tag = name.rsplit(":", 1)
        for image in api.images(filters={"label": labels}):
            with suppress(ImageNotFound):  # It was removed in the meantime.
                return api.tag(image["Id"], repository, tag)
        return False

    async def _build(
        self,
        request: BuildRequest,
        prepared_build: _PreparedBuild,
        report: Reporter,
        on_output: OnOutput,
    ) -> ImageBuild:
        context = prepared_build.context
        labels = {**self._labels.project_labels(request.project_number), KEY: context.key}
        disk = await self._engine.call(self._image_disk)
        layers: Sequence[str] = ()
        if self._layer_cache is not None:
            layers = await self._layer_cache.cache_arguments(
                request.project_number, prepared_build.directory
            )
        return ImageBuild(
            group=self._labels.build_group(request.project_number),
            argv=(
                *(*self._buildx_command, "build", "--progress=rawjson", "--provenance=false"),
                *cache_namespace_arguments(self._labels.cache_namespace(request.project_number)),
                *(word for each in labels.items() for word in ("--label", "=".join(each))),
                *(("--cache-to", "type=inline") if self._layer_cache else ()),
                *context.arguments,
            ),
            image_name=self._labels.image(request.project_number, request.lease),
            cache_arguments=layers,
            directory=prepared_build.directory,
            env={**self._env, **NO_GIT_INFO, **context.env, "HOME": str(prepared_build.directory)},
            limits=self._limits,
            disk_directory=disk,
            process_manager=self._process_manager,
            groups=self._build_groups,
            report=report,
            on_output=on_output,
        )

    async def _cache_stages(self, request: BuildRequest, build: ImageBuild) -> None:
        """
        Store the layers of intermediate stages in the layer cache, if there is one. These layers
        are not part of the final image.
        """
        if self._layer_cache is None:
            return
        done = [stage for stage, is_done in build.stages.items() if is_done]
        for stage in done[:_MAX_CACHED_STAGES]:
            with suppress(BuildError):  # The release is built; only the next build takes longer.
                await self._cache_stage(request, build, stage, cache=self._layer_cache)
        await self._layer_cache.remove_other_stages(request.project_number, build.stages)

    async def _cache_stage(
        self, request: BuildRequest, build: ImageBuild, stage: str, *, cache: LayerCache
    ) -> None:
        image = self._labels.stage_image(request.project_number, request.lease, stage)
        try:
            await build.for_stage(stage, image).run()
            await cache.store_stage(request.project_number, stage, image)
        finally:
            with CancelScope(shield=True):
                await self.remove(image)

    def _digest(self, artifact: str) -> str:
        return str(self._engine.client.images.get(artifact).id)

    def _image_disk(self) -> Path:
        disk = Path(self._engine.client.info()["DockerRootDir"])
        if not disk.is_dir():
            raise PlatformFaultError(
                f"The disk use of builds cannot be limited: the worker cannot access {disk}, where "
                "the engine stores images. Mount it into the worker's container at the same path."
            )
        return disk

    def _exists(self, artifact: str) -> bool:
        try:
            self._engine.client.images.get(artifact)
        except ImageNotFound:
            return False
        return True

    def _remove(self, artifact: str) -> None:
        if self._labels.lease_of(artifact) is None:
            raise ValueError(f"{artifact!r} is not an image of this instance.")
        images = self._engine.client.images
        with suppress(ImageNotFound):
            image = images.get(artifact)
            images.remove(artifact, force=True)
            if image.tags == [artifact]:
                self._remove_by_id(str(image.id))

    def _remove_by_id(self, image_id: str) -> None:
        """
        Remove an image that no container uses. Without its last tag, a pulled image is still stored
        under its digest.
        """
        try:
            self._engine.client.images.remove(image_id)
        except APIError as error:
            if error.status_code != _CONFLICT:  # A container uses it.
                raise

    def _remove_cache_mounts(self, namespace: str) -> None:
        api = self._engine.client.api
        for record in api.df().get("BuildCache") or ():
            if is_cache_mount_of(namespace, record["Description"]):
                api.prune_builds(filters=cast("Any", {"id": record["ID"]}), all=True)

    def _artifacts(self) -> Mapping[str, Lease]:
        # By name, because pulled images do not have the labels of this instance.
        images = self._engine.client.api.images()
        names = [name for image in images for name in image["RepoTags"] or ()]
        leases = {name: self._labels.lease_of(name) for name in names}
        return {name: lease for name, lease in leases.items() if lease is not None}
