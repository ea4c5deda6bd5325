"""One build: buildx as it goes, within what it may take of the host."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from shutil import disk_usage
from typing import Self

from anyio import create_task_group, sleep, to_thread
from attrs import evolve, field, frozen

from pushpaka_core.adapters.docker.groups import BuildGroups
from pushpaka_core.adapters.docker.labels import KEY
from pushpaka_core.adapters.docker.own_dockerfiles import denied_source
from pushpaka_core.adapters.docker.progress import Progress, Said, shown_command
from pushpaka_core.adapters.docker.registries import SILENT, dockerfile_failure, image_failure
from pushpaka_core.errors import BuildError, PlatformFaultError, RuntimeUnavailableError
from pushpaka_core.ports.processes import (
    Command,
    Descriptor,
    Exit,
    Limits,
    OutputChunk,
    Processes,
)

_FAILED = re.compile(
    r'process "(?P<process>.*)" did not complete successfully: exit code: (?P<code>\d+)'
)
_LOST = re.compile(
    r"^ERROR: failed to [a-z ]+: (rpc error: code = )?Unavailable\b"
    r"|^ERROR: ([a-z ]+(\(\w+\))?: )*(Cannot connect to the Docker daemon|error during connect)"
)
"""What the client says of an engine that went away; what a Dockerfile says stands elsewhere."""
_NO_BUILDX = re.compile(r"^docker: \S+ is not a docker command|^unknown flag: --progress")
_LIMITS = Limits(memory_bytes=2 * 2**30, cpus=2.0, processes=512)
_MOST_OF_A_COMMAND = 200
_PIECE = 16 * 1024
_SIGKILLED = 137
"""How a shell tells that what it ran was killed."""


@frozen(kw_only=True)
class Bounds:
    """What a build may take."""

    limits: Limits = _LIMITS
    disk_bytes: int = 10 * 2**30
    """How much more of the engine's disk may be in use than when it began."""
    silence_seconds: float = 60
    """How long a registry may say nothing when it is asked for an image."""


@frozen(kw_only=True)
class ImageBuild:
    """Runs `docker buildx build` and tells what it says."""

    group: str
    """The name of the control group for its commands."""
    argv: tuple[str, ...]
    """All arguments but those of the group, of the name and of the layers to begin with."""
    image: str
    """What becomes the name of the image."""
    layers: Sequence[str] = ()
    """The arguments that say where there are some."""
    directory: Path
    env: Mapping[str, str] = field(repr=False)
    bounds: Bounds
    disk: Path
    """A directory of the disk that it fills."""
    processes: Processes
    groups: BuildGroups
    report: Callable[[str], Awaitable[None]]
    on_output: Callable[[OutputChunk], Awaitable[None]]
    _progress: Progress = field(factory=Progress, init=False)

    @property
    def stages(self) -> Mapping[str, bool]:
        """Return of which stages the image is made, and whether something was done for each."""
        return self._progress.stages

    def of_stage(self, stage: str, image: str) -> Self:
        """
        Return the build that makes an *image* of a stage alone; nothing is told of it.

        It is no release: it must not be taken for one that was built of the same files. It begins
        with the engine's own layers alone, as it would not tell of all that it has from elsewhere.
        """
        return evolve(
            self,
            argv=(*self.argv, "--target", stage, "--label", f"{KEY}={stage}"),
            image=image,
            layers=(),
            report=_say_nothing,
            on_output=_say_nothing,
        )

    async def run(self) -> None:
        """
        Build the image.

        Raises:
            BuildError: If a command fails or takes too much.
            RuntimeUnavailableError: If the engine went away meanwhile.
        """
        async with self.groups.around(self.group, self.bounds.limits) as parent:
            argv = (*self.argv, *self.layers, "--tag", self.image, "--cgroup-parent", parent)
            command = Command(argv=argv, directory=self.directory, env=self.env)
            ending = await self._within_bounds(command)
            for said in self._progress.finish():
                await self._tell(said)
            if not ending.succeeded:
                is_memory = await self.groups.was_out_of_memory(self.group)
                raise BuildError(self._what_failed(is_memory=is_memory))

    async def _within_bounds(self, command: Command) -> Exit:
        """Run the command, and end it once it has filled the disk or waits for a registry."""
        endings: list[Exit] = []

        async def build() -> None:
            endings.append(await self.processes.run(command, on_output=self._read))
            tasks.cancel_scope.cancel()

        async with create_task_group() as tasks:
            tasks.start_soon(build)
            excess = await self._excess()
            tasks.cancel_scope.cancel()
        if endings:
            return endings[0]
        raise excess

    async def _excess(self) -> BuildError:
        """Return what is too much, as soon as something is."""
        begun = await self._used()
        while await self._used() - begun <= self.bounds.disk_bytes:
            if image := self._progress.unanswered(seconds=self.bounds.silence_seconds):
                return dockerfile_failure(image, SILENT)
            await sleep(1)
        return BuildError(
            f"The build reached its disk limit of {self.bounds.disk_bytes >> 20} MiB and was ended."
            " Let it write less."
        )

    async def _used(self) -> int:
        return (await to_thread.run_sync(disk_usage, self.disk)).used

    async def _read(self, chunk: OutputChunk) -> None:
        for said in self._progress.feed(chunk.data):
            await self._tell(said)

    async def _tell(self, said: Said) -> None:
        if said.text:
            await self.report(said.text)
        for start in range(0, len(said.data), _PIECE):
            await self.on_output(_chunk(said, start))

    def _what_failed(self, *, is_memory: bool) -> str:
        """Say which command failed and how, or what the engine says."""
        said = (*self._progress.errors, *self._progress.plain)
        if any(_LOST.search(line) for line in said):
            raise RuntimeUnavailableError("The Docker Engine went away during the build.")
        for failure_of in (denied_source, image_failure):
            if failure := next(filter(None, map(failure_of, said)), None):
                raise failure
        if any(_NO_BUILDX.search(line) for line in said):
            raise PlatformFaultError(
                "Images are built by buildx, which is missing. Install the package docker-buildx"
                " (docker-buildx-plugin where Docker's own packages are used)."
            )
        match = next(filter(None, map(_FAILED.search, said)), None)
        if match is None:
            why = said[-1].removeprefix("ERROR: ") if said else "the engine does not say why"
            return f"The image could not be built: {why.rstrip('.')}."
        command = shown_command(match["process"])[:_MOST_OF_A_COMMAND]
        code = int(match["code"])
        limit = self.bounds.limits.memory_bytes if is_memory and code == _SIGKILLED else None
        return (
            f"`{command}` {Exit(code=code, memory_limit=limit).words}."
            " Read what it says in the log, mend the repository or the command, and deploy again."
        )


async def _say_nothing(_: object) -> None:
    """Take what is not to be told."""


def _chunk(said: Said, start: int) -> OutputChunk:
    return OutputChunk(
        descriptor=Descriptor.STDERR if said.is_error else Descriptor.STDOUT,
        data=said.data[start : start + _PIECE],
        written_at=datetime.now(UTC),
    )
