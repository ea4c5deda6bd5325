"""Runs one `docker buildx build` within its memory, CPU, disk and time limits."""

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
from pushpaka_core.adapters.docker.own_dockerfiles import source_denied_error
from pushpaka_core.adapters.docker.progress import BuildProgress, ProgressLine, displayed_command
from pushpaka_core.adapters.docker.pull_errors import (
    NO_ANSWER,
    dockerfile_image_error,
    image_pull_error,
)
from pushpaka_core.errors import BuildError, PlatformFaultError, RuntimeUnavailableError
from pushpaka_core.ports.processes import (
    Command,
    Exit,
    OutputChunk,
    OutputStream,
    ProcessManager,
    ResourceLimits,
)
from pushpaka_core.ports.progress import Reporter

_STEP_FAILED = re.compile(
    r'process "(?P<process>.*)" did not complete successfully: exit code: (?P<code>\d+)'
)
_ENGINE_LOST = re.compile(
    r"^ERROR: failed to [a-z ]+: (rpc error: code = )?Unavailable\b"
    r"|^ERROR: ([a-z ]+(\(\w+\))?: )*(Cannot connect to the Docker daemon|error during connect)"
    r'|^ERROR: failed to solve: ([^"]+: )?no active sessions?\b'
)
"""
Matches buildx errors that mean that the engine stopped, or that it lost the client's session. The
latter happens to concurrent builds with equal steps. Errors in the Dockerfile do not match.
"""
_BUILDX_MISSING = re.compile(r"^docker: \S+ is not a docker command|^unknown flag: --progress")
_LIMITS = ResourceLimits(memory_bytes=2 * 2**30, cpus=2.0, cpu_weight=20, processes=512)
_MAX_COMMAND_CHARS = 200
_CHUNK_BYTES = 16 * 1024
_SIGKILL_EXIT_CODE = 137
"""Exit code of a shell whose command was killed with SIGKILL (128 + 9)."""


@frozen(kw_only=True)
class BuildLimits:
    """The resource limits and the registry timeout of a build."""

    limits: ResourceLimits = _LIMITS
    disk_bytes: int = 10 * 2**30
    """How many bytes the build may add to the engine's disk."""
    registry_timeout: float = 60
    """Seconds that a registry may take to answer a request for an image."""


@frozen(kw_only=True)
class ImageBuild:
    """One run of `docker buildx build`, whose progress is reported line by line."""

    group: str
    """Name of the control group in which the build's commands run."""
    argv: tuple[str, ...]
    """
    The buildx command with its arguments, except the control group, the image name and
    `cache_arguments`.
    """
    image_name: str
    """Name given to the built image."""
    cache_arguments: Sequence[str] = ()
    """`--cache-from` arguments for layers of earlier builds."""
    directory: Path
    env: Mapping[str, str] = field(repr=False)
    limits: BuildLimits
    disk_directory: Path
    """A directory on the disk to which the engine writes images."""
    process_manager: ProcessManager
    groups: BuildGroups
    report: Reporter
    on_output: Callable[[OutputChunk], Awaitable[None]]
    _progress: BuildProgress = field(factory=BuildProgress, init=False)

    @property
    def stages(self) -> Mapping[str, bool]:
        """
        Return the named build stages of the image. A value is True if any step of the stage was run
        instead of taken from the cache.
        """
        return self._progress.stages

    def for_stage(self, stage: str, image: str) -> Self:
        """
        Return a build of a single *stage* as *image*, without progress output.

        The image gets its own key label, so that it is never reused as a release. The build only
        uses the engine's own layers: the inline cache of an image whose layers come from a registry
        can lack steps.
        """
        return evolve(
            self,
            argv=(*self.argv, "--target", stage, "--label", f"{KEY}={stage}"),
            image_name=image,
            cache_arguments=(),
            report=_discard,
            on_output=_discard,
        )

    async def run(self) -> None:
        """
        Build the image.

        Raises:
            BuildError: If a command fails, or the build exceeds a limit.
            RuntimeUnavailableError: If the engine goes away during the build.
        """
        async with self.groups.open_group(self.group, self.limits.limits) as parent:
            argv = (
                *self.argv,
                *self.cache_arguments,
                "--tag",
                self.image_name,
                "--cgroup-parent",
                parent,
            )
            command = Command(argv=argv, directory=self.directory, env=self.env)
            ending = await self._run_within_limits(command)
            for line in self._progress.finish():
                await self._emit(line)
            if not ending.succeeded:
                is_memory = await self.groups.ran_out_of_memory(self.group)
                raise BuildError(self._failure_message(ran_out_of_memory=is_memory))

    async def _run_within_limits(self, command: Command) -> Exit:
        """
        Run the command and return its exit status. Kill it and raise BuildError if it exceeds its
        disk limit or a registry does not respond.
        """
        endings: list[Exit] = []

        async def build() -> None:
            endings.append(await self.process_manager.run(command, on_output=self._on_chunk))
            tasks.cancel_scope.cancel()

        async with create_task_group() as tasks:
            tasks.start_soon(build)
            excess = await self._wait_for_exceeded_limit()
            tasks.cancel_scope.cancel()
        if endings:
            return endings[0]
        raise excess

    async def _wait_for_exceeded_limit(self) -> BuildError:
        """
        Wait until the build exceeds its disk limit or a registry does not respond. Return the
        error.
        """
        initial_bytes = await self._used_disk_bytes()
        while await self._used_disk_bytes() - initial_bytes <= self.limits.disk_bytes:
            if image := self._progress.unanswered_image(seconds=self.limits.registry_timeout):
                return dockerfile_image_error(image, NO_ANSWER)
            await sleep(1)
        return BuildError(
            f"The build exceeded its disk limit of {self.limits.disk_bytes >> 20} MiB and was"
            " stopped. Write fewer or smaller files."
        )

    async def _used_disk_bytes(self) -> int:
        return (await to_thread.run_sync(disk_usage, self.disk_directory)).used

    async def _on_chunk(self, chunk: OutputChunk) -> None:
        for line in self._progress.feed(chunk.data):
            await self._emit(line)

    async def _emit(self, line: ProgressLine) -> None:
        if line.text:
            await self.report(line.text)
        for start in range(0, len(line.data), _CHUNK_BYTES):
            await self.on_output(_chunk(line, start))

    def _failure_message(self, *, ran_out_of_memory: bool) -> str:
        """Return the message for the failed build, or raise a more specific error."""
        errors = (*self._progress.errors, *self._progress.plain_output)
        if any(_ENGINE_LOST.search(line) for line in errors):
            raise RuntimeUnavailableError(
                "The connection to the Docker Engine was lost during the build. Check that the "
                "engine is running."
            )
        for failure_of in (source_denied_error, image_pull_error):
            if failure := next(filter(None, map(failure_of, errors)), None):
                raise failure
        if any(_BUILDX_MISSING.search(line) for line in errors):
            raise PlatformFaultError(
                "Images are built with buildx, which is not installed. Install the package"
                " docker-buildx, or docker-buildx-plugin from Docker's own repository."
            )
        match = next(filter(None, map(_STEP_FAILED.search, errors)), None)
        if match is None:
            why = errors[-1].removeprefix("ERROR: ") if errors else "the engine reported no reason"
            return (
                f"The image could not be built: {why.rstrip('.')}. Check the build log, fix the "
                "Dockerfile or the repository, and deploy again."
            )
        command = displayed_command(match["process"])[:_MAX_COMMAND_CHARS]
        code = int(match["code"])
        limit = (
            self.limits.limits.memory_bytes
            if ran_out_of_memory and code == _SIGKILL_EXIT_CODE
            else None
        )
        return (
            f"The build command `{command}` {Exit(code=code, memory_limit=limit).description}."
            " Check the build log, fix the command or the repository, and deploy again."
        )


async def _discard(_: object) -> None:
    """Discard the output."""


def _chunk(line: ProgressLine, start: int) -> OutputChunk:
    return OutputChunk(
        stream=OutputStream.STDERR if line.is_error else OutputStream.STDOUT,
        data=line.data[start : start + _CHUNK_BYTES],
        written_at=datetime.now(UTC),
    )
