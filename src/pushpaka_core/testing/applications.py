"""Small applications and build requests, for tests of builders and runtimes."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4
from zipfile import ZipFile

from anyio import to_thread
from attrs import field, frozen

from pushpaka_core.domain.deployments.deployments import Lease
from pushpaka_core.domain.ids import DeploymentId, ProjectId
from pushpaka_core.domain.pipeline.build_plans import BuildPlan, BuildStep, Origin
from pushpaka_core.ports.builder import Artifact, Builder, BuildRequest
from pushpaka_core.ports.processes import OutputChunk

PROJECT_NUMBER = 234
PROJECT = ProjectId(UUID(int=1))
WHEEL = "tiny-1.0-py3-none-any.whl"


@frozen
class BuildRecorder:
    """The progress messages and the output of a build."""

    messages: list[str] = field(factory=list)
    output: bytearray = field(factory=bytearray)

    async def report(self, sentence: str) -> None:
        """Record a progress message."""
        self.messages.append(sentence)

    async def on_output(self, chunk: OutputChunk) -> None:
        """Record a chunk of output."""
        self.output.extend(chunk.data)


def new_lease() -> Lease:
    """Return a lease on a new deployment."""
    return Lease(deployment_id=DeploymentId(uuid4()), fence=1)


def step(command: str) -> BuildStep:
    """Return a build step from a project's settings."""
    return BuildStep(command=command, origin=Origin.PROJECT)


def plan(**fields: Any) -> BuildPlan:
    """Return a build plan with the given *fields*; the default is a shell program."""
    return BuildPlan(**{"framework": "shell", "language": "shell", **fields})


async def checkout(directory: Path, files: Mapping[str, str]) -> Path:
    """Create *directory* with *files* (contents by relative path), and return it."""
    await to_thread.run_sync(_write, directory, files)
    return directory


async def add_wheel(directory: Path) -> None:
    """Write a small Python package to *directory* that installs without a network."""
    await to_thread.run_sync(_write_wheel, directory)


async def build(
    builder: Builder,
    directory: Path,
    plan: BuildPlan,
    *,
    lease: Lease | None = None,
    env: Mapping[str, str] | None = None,
    recorder: BuildRecorder | None = None,
    timeout: timedelta = timedelta(minutes=10),
    project_number: int = PROJECT_NUMBER,
) -> Artifact:
    """
    Build the application in *directory*, and return its artifact.

    Args:
        builder: The builder under test.
        directory: The source, for example from `checkout`.
        plan: The build plan.
        lease: The lease of the build. A new one by default.
        env: Environment variables of the build.
        recorder: Records progress messages and output.
        timeout: Time limit of the build.
        project_number: Number of the project.

    Raises:
        BuildError: If the build fails or exceeds *timeout*.
    """
    request = BuildRequest(
        lease=lease or new_lease(),
        project_id=PROJECT,
        project_number=project_number,
        plan=plan,
        directory=directory,
        env=env or {},
    )
    listener = recorder or BuildRecorder()
    return await builder.build(
        request, timeout=timeout, on_progress=listener.report, on_output=listener.on_output
    )


def _write(directory: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def _write_wheel(directory: Path) -> None:
    info = "tiny-1.0.dist-info"
    with ZipFile(directory / WHEEL, "w") as wheel:
        wheel.writestr("tiny.py", "NAME = 'tiny package'\n")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        wheel.writestr(
            f"{info}/WHEEL",
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        wheel.writestr(f"{info}/RECORD", f"tiny.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n")
