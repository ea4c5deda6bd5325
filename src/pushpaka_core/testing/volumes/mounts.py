"""
Contract tests for the volumes of the `Runtime` port.

Derive a test class from `VolumeMountContract` in a module with these fixtures:

- `runtime`: a runtime without instances;
- `files`: the adapter of the `VolumeFiles` port for that runtime, without volumes;
- `start_request`: a start request for an instance that appends the value of TEXT and a line break
  to the file FILE, prints the file and exits. Its release contains the directory `seeded` with the
  file `seed`, whose content is "seed" and a line break, and the file `file`;
- `next_request`: the same for another release of the same project.
"""

from datetime import timedelta

import pytest
from attrs import evolve

from pushpaka_core.domain.ids import InstanceId
from pushpaka_core.domain.volumes.volumes import Volume
from pushpaka_core.errors import StartError
from pushpaka_core.ports.runtime import Runtime, StartRequest
from pushpaka_core.ports.volumes import VolumeFiles
from pushpaka_core.testing.applications import BuildRecorder
from pushpaka_core.testing.objects.values import an_id
from pushpaka_core.testing.objects.volumes import a_volume
from pushpaka_core.testing.volumes.archives import unpacked

_TIMEOUT = timedelta(seconds=60)


class VolumeMountContract:
    """Tests that every adapter of the `Runtime` port that runs programs must pass."""

    @pytest.fixture
    async def volume(self, files: VolumeFiles, start_request: StartRequest) -> Volume:
        """Return an empty volume at `data`."""
        return await _create(files, start_request, "data")

    async def test_the_next_release_sees_the_files(
        self,
        runtime: Runtime,
        files: VolumeFiles,
        start_request: StartRequest,
        next_request: StartRequest,
        volume: Volume,
    ) -> None:
        """Instances and one-off commands of all releases share a volume, also after a rollback."""
        first = await _start(runtime, start_request, volume, text="one")
        command = await _run(runtime, start_request, volume, text="two")
        second = await _start(runtime, next_request, volume, text="three")
        rollback = await _start(runtime, start_request, volume, text="four")

        assert ["one\n", "one\ntwo\n", "one\ntwo\nthree\n"] == [first, command, second]
        assert "one\ntwo\nthree\nfour\n" == rollback
        content = (await unpacked(files.read(volume, path="log")))["log"][1]
        assert rollback == content.decode()

    async def test_volumes_outlive_their_instances(
        self,
        runtime: Runtime,
        files: VolumeFiles,
        start_request: StartRequest,
        volume: Volume,
    ) -> None:
        """Neither removed instances nor the cleanup of resources delete files."""
        await _start(runtime, start_request, volume, text="one")
        for instance in await runtime.instances():
            await runtime.remove(instance.name)

        await runtime.remove_unused_resources()
        await runtime.remove_unused_resources()

        assert b"one\n" == (await unpacked(files.read(volume)))["log"][1]
        assert [] == list(await runtime.instances())

    async def test_each_volume_has_its_own_path(
        self,
        runtime: Runtime,
        files: VolumeFiles,
        start_request: StartRequest,
        next_request: StartRequest,
        volume: Volume,
    ) -> None:
        """An instance can mount several volumes, and the path of a volume can change."""
        other = await _create(files, start_request, "deep/inner")

        await _run(runtime, start_request, volume, other, text="one")
        await _run(runtime, start_request, volume, other, text="two", file="deep/inner/log")
        moved = evolve(other, mount_path="elsewhere")
        output = await _run(runtime, next_request, moved, text="three", file="elsewhere/log")

        assert "two\nthree\n" == output
        assert b"one\n" == (await unpacked(files.read(volume)))["log"][1]

    async def test_files_of_the_release_are_copied_once(
        self,
        runtime: Runtime,
        files: VolumeFiles,
        start_request: StartRequest,
        next_request: StartRequest,
    ) -> None:
        """
        An empty volume gets the files that the release has at its path. Later, the volume hides the
        files of the release.
        """
        volume = await _create(files, start_request, "seeded")

        output = await _run(runtime, start_request, volume, text="one", file="seeded/seed")
        again = await _run(runtime, next_request, volume, text="two", file="seeded/seed")

        assert ("seed\none\n", "seed\none\ntwo\n") == (output, again)

    async def test_a_volume_is_deleted_as_soon_as_its_instance_is_removed(
        self, runtime: Runtime, files: VolumeFiles, start_request: StartRequest, volume: Volume
    ) -> None:
        """No leftover of the instance keeps the volume in use."""
        await _start(runtime, start_request, volume, text="one")
        for instance in await runtime.instances():
            await runtime.stop(instance.name, grace_period=timedelta(0))
            await runtime.remove(instance.name)

        await files.delete(volume)

        assert not await files.exists(volume)

    async def test_a_missing_volume_prevents_the_start(
        self, runtime: Runtime, start_request: StartRequest
    ) -> None:
        """An app never starts with an empty volume in place of a missing one."""
        missing = a_volume(start_request.project)

        with pytest.raises(StartError, match=f"volume {missing.name}"):
            await runtime.start(_with(start_request, missing))

        assert [] == [one for one in await runtime.instances() if one.is_alive]


async def _create(files: VolumeFiles, request: StartRequest, path: str) -> Volume:
    volume = a_volume(request.project, mount_path=path)
    return evolve(volume, node=await files.create(volume))


async def _start(runtime: Runtime, request: StartRequest, *volumes: Volume, text: str) -> str:
    """Start a new instance, and return its output after it has ended."""
    request = _with(request, *volumes, text=text)
    await runtime.start(request)
    output = [chunk.data async for chunk in runtime.output(request.instance.name)]
    return b"".join(output).decode()


async def _run(
    runtime: Runtime, request: StartRequest, *volumes: Volume, text: str, file: str = "data/log"
) -> str:
    """Run a one-off command, and return its output."""
    recorder = BuildRecorder()
    request = _with(request, *volumes, text=text, file=file)
    await runtime.run_once(request, timeout=_TIMEOUT, on_output=recorder.on_output)
    return recorder.output.decode()


def _with(
    request: StartRequest, *volumes: Volume, text: str = "", file: str = "data/log"
) -> StartRequest:
    return evolve(
        request,
        instance=evolve(request.instance, id=InstanceId(an_id())),
        settings=evolve(request.settings, volumes=tuple(one.mount for one in volumes)),
        env={"TEXT": text, "FILE": file},
    )
