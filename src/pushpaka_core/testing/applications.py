"""Small applications, for the tests of whoever builds or runs some."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4
from zipfile import ZipFile

from anyio import to_thread
from attrs import field, frozen

from pushpaka_core.domain.build_plans import BuildPlan, Origin, Step
from pushpaka_core.domain.deployments import DeploymentId, Lease
from pushpaka_core.domain.projects import ProjectId
from pushpaka_core.ports.builder import Artifact, Builder, BuildRequest
from pushpaka_core.ports.processes import OutputChunk

NUMBER = 234
PROJECT = ProjectId(UUID(int=1))
WHEEL = "tiny-1.0-py3-none-any.whl"


@frozen
class Told:
    """What a build said and printed."""

    sentences: list[str] = field(factory=list)
    output: bytearray = field(factory=bytearray)

    async def report(self, sentence: str) -> None:
        """Keep a sentence."""
        self.sentences.append(sentence)

    async def on_output(self, chunk: OutputChunk) -> None:
        """Keep what was printed."""
        self.output.extend(chunk.data)


def new_lease() -> Lease:
    """Return a lease that nobody else has."""
    return Lease(deployment_id=DeploymentId(uuid4()), fence=1)


def step(command: str) -> Step:
    """Return a step as a project's settings give it."""
    return Step(command=command, origin=Origin.PROJECT)


def plan(**fields: Any) -> BuildPlan:
    """Return a plan of these fields, for a shell unless they say otherwise."""
    return BuildPlan(**{"framework": "shell", "language": "shell", **fields})


async def checkout(directory: Path, files: Mapping[str, str]) -> Path:
    """Make *directory*, with *files* in it by their paths."""
    await to_thread.run_sync(_write, directory, files)
    return directory


async def add_wheel(directory: Path) -> None:
    """Put a package into *directory* that can be installed without a network."""
    await to_thread.run_sync(_write_wheel, directory)


async def build(
    builder: Builder,
    directory: Path,
    wanted: BuildPlan,
    *,
    lease: Lease | None = None,
    env: Mapping[str, str] | None = None,
    told: Told | None = None,
    timeout: timedelta = timedelta(seconds=60),
    number: int = NUMBER,
) -> Artifact:
    """Build what lies in *directory*, for the project of that number."""
    request = BuildRequest(
        lease=lease or new_lease(),
        project_id=PROJECT,
        project_number=number,
        plan=wanted,
        directory=directory,
        env=env or {},
    )
    listener = told or Told()
    return await builder.build(
        request, timeout=timeout, report=listener.report, on_output=listener.on_output
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
