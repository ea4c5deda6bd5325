"""Containers that give access to volumes, most of which are never started."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from io import BytesIO
from posixpath import join
from secrets import token_hex
from tarfile import DIRTYPE, TarInfo
from tarfile import open as open_tar
from typing import Any

import httpx
from anyio import CancelScope, to_thread
from attrs import frozen
from docker.errors import ImageNotFound, NotFound
from docker.types import Mount

from pushpaka_core.adapters.docker.engine import Engine, translated_errors
from pushpaka_core.adapters.docker.labels import NAME, PLATFORM, Labels
from pushpaka_core.adapters.docker.run_lock import RunLock
from pushpaka_core.domain.ids import VolumeId
from pushpaka_core.domain.volumes.mounts import VolumeMount, missing_files_error
from pushpaka_core.errors import NotFoundError, PlatformFaultError, StartError
from pushpaka_core.host.archive_streams import ForwardStream, pieces_from_thread
from pushpaka_core.host.volume_archives import read_members
from pushpaka_core.images.dockerfiles import USER
from pushpaka_core.images.recipe import image_path
from pushpaka_core.ports.runtime import StartRequest
from pushpaka_core.ports.system import Clock

MOUNT_NAME = "volume"
"""The directory at which a helper container with the empty image mounts a volume."""
_HELPER = "pushpaka.helper"
"""The label with the scope of the lock on a container, see `RunLock.scope`."""
_DAY = timedelta(days=1)
_CHANGE_OWNER = f'chown -hR {USER} "$@"'


@frozen(kw_only=True)
class VolumeContainers:
    """Creates containers with volumes, each locked by its creator until it is removed."""

    _engine: Engine
    _labels: Labels
    _run_lock: RunLock
    _now: Clock = lambda: datetime.now(UTC)

    async def prepare(self, request: StartRequest) -> Sequence[Mount]:
        """
        Return the mounts of an instance, after giving new volumes their first files and owner.

        When the engine mounts an empty volume, it copies the image's files at the mount path into
        the volume, with their owners. In an image that the platform builds without a Dockerfile of
        the repository, these files belong to root, and the app could not write to its volume. In
        this case, the app's user becomes the owner of all files.

        Raises:
            StartError: If a volume does not exist, or the image was removed.
        """
        volumes, plan = request.settings.volumes, request.plan
        if not volumes:
            return ()
        image = self._labels.image_of(request.artifact)
        directory = image_path(plan.directory)
        if plan.has_own_image:
            directory = await self._engine.call(self._working_directory, image)
        await self._engine.call(self._require_volumes, volumes)
        mounts = [
            Mount(join(directory, one.path), self._labels.volume(one.volume_id)) for one in volumes
        ]
        if not plan.has_own_image:
            await self._give_to_app(image, mounts)
        return mounts

    @asynccontextmanager
    async def open(self, volume_id: VolumeId) -> AsyncIterator[str]:
        """
        Yield the id of a container that has a volume at `MOUNT_NAME`, and is never started.

        Raises:
            NotFoundError: If the volume does not exist.
        """
        name = self._labels.volume(volume_id)
        if not await self._engine.call(self._exists, name):
            raise NotFoundError("volume")
        await self._engine.call(self._ensure_image)
        mount = Mount(f"/{MOUNT_NAME}", name)
        async with self._container(self._labels.volume_image, [mount]) as container:
            yield container

    @asynccontextmanager
    async def read(self, container: str, path: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """
        Open a tar archive of *path* in a container.

        Raises:
            NotFoundError: If there is no such path.
        """
        url = f"/containers/{container}/archive"
        with translated_errors():
            async with self._engine.streams.stream("GET", url, params={"path": path}) as response:
                if response.status_code == httpx.codes.NOT_FOUND:
                    raise NotFoundError("file")
                response.raise_for_status()
                yield response.aiter_bytes()

    async def remove_abandoned(self) -> None:
        """Remove the containers that were left behind when their creators were killed."""
        await self._engine.call(self._remove_abandoned)

    async def _give_to_app(self, image: str, mounts: Sequence[Mount]) -> None:
        uid = int(USER.partition(":")[0])
        async with self._container(image, mounts) as container:
            others = [one for one in mounts if await self._owner(container, one["Target"]) != uid]
        if not others:
            return
        async with self._container(
            image,
            others,
            entrypoint=["/bin/sh", "-c", _CHANGE_OWNER, "sh"],
            command=[one["Target"] for one in others],
            user="0:0",
            cap_add=["CHOWN", "DAC_OVERRIDE"],
        ) as container:
            await self._engine.call(self._run, container)

    async def _owner(self, container: str, path: str) -> int:
        async with self.read(container, path) as archive:
            return await to_thread.run_sync(_first_owner, archive)

    @asynccontextmanager
    async def _container(
        self, image: str, mounts: Sequence[Mount], **arguments: Any
    ) -> AsyncIterator[str]:
        name = f"volume-{token_hex(8)}"
        arguments = {
            "image": image,
            "command": ["-"],  # The engine requires one, even if the container is not started.
            "name": self._labels.container(name),
            "labels": self._helper_labels(name),
            "mounts": list(mounts),
            "network_mode": "none",
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges:true"],
            **arguments,
        }
        async with self._run_lock.hold(name):
            try:
                # The engine may create the container after the call was canceled.
                with CancelScope(shield=True):
                    container = await self._engine.call(self._create, arguments)
                yield container
            finally:
                with CancelScope(shield=True):
                    await self._engine.call(self._remove, arguments["name"])

    def _helper_labels(self, name: str) -> Mapping[str, str]:
        return {PLATFORM: self._labels.instance_id, NAME: name, _HELPER: self._run_lock.scope}

    def _create(self, arguments: Mapping[str, Any]) -> str:
        try:
            return str(self._engine.client.containers.create(**arguments).id)
        except ImageNotFound:
            raise _missing_image_error() from None

    def _run(self, id: str) -> None:
        container = self._engine.client.containers.get(id)
        container.start()
        code = container.wait()["StatusCode"]
        if code:
            output = container.logs(tail=1).decode(errors="replace").strip()
            raise PlatformFaultError(
                f"The owner of a volume could not be changed (exit code {code}): {output}"
            )

    def _remove(self, name: str) -> None:
        with suppress(NotFound):
            self._engine.client.containers.get(name).remove(force=True, v=True)

    def _remove_abandoned(self) -> None:
        filters = {"label": [self._labels.filter["label"], _HELPER]}
        for container in self._engine.client.api.containers(all=True, filters=filters):
            if not self._is_in_use(container):
                self._remove(container["Id"])
                self._run_lock.remove(container["Labels"][NAME])

    def _is_in_use(self, container: Mapping[str, Any]) -> bool:
        """
        Return True if the creator of a container still runs.

        Locks on other hosts cannot be checked, and are assumed to be held for a day. If the
        platform itself runs in a container, an earlier container counts as another host.
        """
        if container["Labels"][_HELPER] == self._run_lock.scope:
            return self._run_lock.is_held(container["Labels"][NAME])
        return self._now() - datetime.fromtimestamp(container["Created"], UTC) < _DAY

    def _exists(self, name: str) -> bool:
        try:
            self._engine.client.api.inspect_volume(name)
        except NotFound:
            return False
        return True

    def _require_volumes(self, mounts: Sequence[VolumeMount]) -> None:
        for mount in mounts:
            if not self._exists(self._labels.volume(mount.volume_id)):
                raise missing_files_error(mount)

    def _working_directory(self, image: str) -> str:
        try:
            attrs = self._engine.client.images.get(image).attrs
        except ImageNotFound:
            raise _missing_image_error() from None
        return str(attrs["Config"].get("WorkingDir") or "/")

    def _ensure_image(self) -> None:
        """Create the empty helper image from an archive, so that no registry is needed."""
        with suppress(ImageNotFound):
            self._engine.client.images.get(self._labels.volume_image)
            return
        repository, _, tag = self._labels.volume_image.rpartition(":")
        self._engine.client.api.import_image_from_data(
            _archive_of_mount_point(),
            repository=repository,
            tag=tag,
            changes=[f"LABEL {PLATFORM}={self._labels.instance_id}"],
        )


def _missing_image_error() -> StartError:
    return StartError("The build output has been removed. Deploy the commit again.")


def _first_owner(archive: AsyncIterator[bytes]) -> int:
    members = read_members(ForwardStream(pieces_from_thread(archive)), skip_devices=True)
    return next(members).info.uid


def _archive_of_mount_point() -> bytes:
    file, directory = BytesIO(), TarInfo(MOUNT_NAME)
    directory.type = DIRTYPE
    with open_tar(fileobj=file, mode="w") as tar:
        tar.addfile(directory)
    return file.getvalue()
