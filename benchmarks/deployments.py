"""Deployments of the next version of an application, with Pushpaka and by hand."""

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from secrets import token_hex
from signal import SIGKILL
from time import perf_counter

from anyio import fail_after, open_process, run_process, sleep
from attrs import define, field
from tests.acceptance.tools.apps import edit
from tests.acceptance.tools.people import OWN_ADDRESSES, PATIENCE, Json, Person
from tests.served_instance import free_port, open_served

from pushpaka_core.testing.repositories import Repository

_SCRIPTS = Path(__file__).parent / "by_hand"
_PAUSE = 0.02
"""Seconds between two requests, as in the scripts."""
UNLIMITED = {
    "PUSHPAKA_MAX_DEPLOYMENTS": "100000",
    "PUSHPAKA_MAX_HOURLY_DEPLOYMENTS": "100000",
    "PUSHPAKA_MAX_REQUESTS": "1000000",
}

_CONTAINED = (
    *("--init", "--cap-drop=ALL", "--security-opt=no-new-privileges:true"),
    *("--memory=2g", "--memory-swap=2g", "--cpus=2", "--pids-limit=256"),
    *("--tmpfs=/tmp:size=256m,mode=1777", "--log-opt=max-size=10m", "--log-opt=max-file=3"),
)


@asynccontextmanager
async def open_person(runtime: str) -> AsyncIterator[Person]:
    """Serve an instance with the given runtime, and yield a user without rate limits."""
    settings = {**OWN_ADDRESSES, **UNLIMITED, "PUSHPAKA_RUNTIME": runtime}
    async with open_served(**settings) as served, Person.sign_up(await served.start()) as ann:
        yield ann


@define
class VersionedSource:
    """A repository with a file that contains the version number, for example `v1`."""

    repository: Repository
    file: str
    number: int = field(default=1, init=False)

    @property
    def version(self) -> str:
        """The version as it appears in responses."""
        return f"v{self.number}."

    def change(self) -> None:
        """Commit the next version, which changes only this file."""
        before = self.version
        self.number += 1
        edit(self.repository, self.file, before, self.version)


async def deploy(person: Person, project: Json, source: VersionedSource) -> float:
    """
    Return the seconds from the request to the first response of the version through the
    router.
    """
    begun = perf_counter()
    await _served(person, project, await person.begin(project), source.version)
    return perf_counter() - begun


async def roll_back(person: Person, project: Json, to: Json, version: str) -> float:
    """Return the seconds from the request to the first response of the old version."""
    begun = perf_counter()
    queued = await person.ask("POST", f"/deployments/{to['id']}/rollback")
    await _served(person, project, queued, version)
    return perf_counter() - begun


async def _served(person: Person, project: Json, deployment: Json, version: str) -> None:
    """
    Wait until the deployment runs, then send requests until the version responds.

    The scripts do not send requests before the container is started either. Requests to the
    previous version, and the log lines that it writes for them, would take time from the
    measurement.
    """
    ended = await person.outcome(deployment)
    if ended["status"] != "running":
        raise RuntimeError(f"The deployment is {ended['status']}: {ended['error']}.")
    with fail_after(PATIENCE):
        while True:
            answer = await person.visit(project["url"])
            if answer.is_success and version in answer.text:
                return
            await sleep(_PAUSE)


async def by_hand(script: str, *arguments: str) -> float:
    """Return the seconds that a script takes."""
    begun = perf_counter()
    # A pipe would not reach its end, because the program that the script starts inherits it.
    async with await open_process(
        [str(_SCRIPTS / script), *arguments], stdout=None, stderr=None
    ) as done:
        if await done.wait():
            raise RuntimeError(f"{script} failed.")
    return perf_counter() - begun


async def process_by_hand(script: str, source: VersionedSource, directory: Path) -> float:
    """Deploy a program by hand, and stop it."""
    seconds = await by_hand(
        *(script, str(source.repository.path), str(directory), str(free_port()), source.version)
    )
    os.killpg(int((directory / "pid").read_text()), SIGKILL)
    return seconds


@asynccontextmanager
async def images_by_hand() -> AsyncIterator[str]:
    """Yield a name for images that are built by hand, and remove these images at the end."""
    name = f"pushpaka-bench-{token_hex(6)}"
    try:
        yield name
    finally:
        listed = await run_process(["docker", "images", "--quiet", name])
        if images := set(listed.stdout.decode().split()):
            await run_process(["docker", "rmi", "--force", *images])


async def container_by_hand(source: VersionedSource, name: str, directory: Path) -> float:
    """Deploy a container by hand and remove it. Its image is kept."""
    return await _container(
        "docker.sh", str(source.repository.path), str(directory), name=name, source=source
    )


async def run_by_hand(source: VersionedSource, name: str, *options: str) -> float:
    """Run an image that was built by hand, and remove the container."""
    return await _container("docker_run.sh", name=name, source=source, options=options)


@asynccontextmanager
async def network_by_hand(name: str) -> AsyncIterator[Sequence[str]]:
    """
    Create a network, and yield the options that Pushpaka uses for containers, with this
    network.
    """
    await run_process(["docker", "network", "create", name])
    try:
        yield [*_CONTAINED, f"--network={name}"]
    finally:
        await run_process(["docker", "network", "rm", name])


async def _container(
    script: str, *arguments: str, name: str, source: VersionedSource, options: Sequence[str] = ()
) -> float:
    port, tag = str(free_port()), source.version.rstrip(".")
    seconds = await by_hand(script, *arguments, name, port, tag, *options)
    await run_process(["docker", "rm", "--force", f"{name}-{port}"])
    return seconds
