"""Random operations on a served instance, after each of which the files of all volumes are read."""

from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random
from signal import SIGKILL, SIGTERM

import pytest
from anyio import fail_after, sleep, to_thread
from attrs import define, field
from tests.acceptance.tools.apps import program, repository_of
from tests.acceptance.tools.people import PATIENCE, Json, Person
from tests.faults.conftest import DEPTH, SEED
from tests.faults.served.writers import source_of
from tests.faults.volumes.checksums import archive_checksum, checksum, directory_checksum
from tests.served_instance import ServedInstance

from pushpaka_core.testing.repositories import Repository

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]

OPERATIONS = 25 * max(DEPTH, 1)
NAMES = ("shop", "blog")


@define(kw_only=True)
class ServedOperations:
    """Applies random operations, and remembers the entries in each volume and snapshot."""

    instance: ServedInstance
    owner: Person
    repository: Repository
    random: Random
    projects: dict[str, Json] = field(factory=dict)
    deployments: dict[str, list[Json]] = field(factory=dict)
    volumes: dict[str, str] = field(factory=dict)
    """The id of each project's volume."""
    entries: dict[str, list[str]] = field(factory=dict)
    """The entries in each volume that has files, by id."""
    snapshots: dict[str, list[str]] = field(factory=dict)
    """The entries in each snapshot, by id."""
    history: list[str] = field(factory=list)

    async def open(self) -> None:
        """Create and deploy all projects, each with a volume."""
        for name in NAMES:
            await self._create(name)
            body = {"project_id": self.projects[name]["id"], "name": "data", "mount_path": "data"}
            self.volumes[name] = (await self.owner.ask("POST", "/volumes", body))["id"]
            self.entries[self.volumes[name]] = []
            await self.deploy(name)
            await self.write(name)

    async def step(self) -> None:
        """Apply one random operation."""
        name = self.random.choice(NAMES)
        operations: list[Callable[[str], Awaitable[None]]] = [
            *(self.deploy, self.roll_back, self.restart_app, self.write, self.write, self.detach),
            *(self.upgrade, self.snapshot, self.restore, self.preview, self.replace_project),
            self.purge_with_wrong_name,
        ]
        operation = self.random.choice(operations)
        self.history.append(f"{operation.__name__} {name}")
        await operation(name)

    async def deploy(self, name: str) -> None:
        deployment = await self.owner.deploy(self.projects[name])
        self.deployments[name].append(deployment)

    async def roll_back(self, name: str) -> None:
        await self.owner.roll_back(self.random.choice(self.deployments[name][-3:]))

    async def restart_app(self, name: str) -> None:
        listed = await self.owner.ask("GET", f"/deployments?project_id={self.projects[name]['id']}")
        production = [one for one in listed["data"] if one["target"] == "production"]
        running = [one for one in production if one["status"] == "running"]
        newest = max(running, key=lambda one: one["sequence"])
        await self.owner.ask("POST", f"/deployments/{newest['id']}/restart")

    async def write(self, name: str) -> None:
        """Add an entry. The application responds after it was written."""
        entry = f"{name}-{len(self.history)}"
        with fail_after(PATIENCE):
            while (await self.owner.visit(self.projects[name]["url"], f"/add/{entry}")).is_error:
                await sleep(0.1)
        self.entries[self.volumes[name]].append(entry)

    async def detach(self, name: str) -> None:
        """Detach a volume, compare it, and attach it again."""
        path = f"/volumes/{self.volumes[name]}"
        await self.owner.ask("DELETE", path)
        await self.compare()
        await self.owner.ask("POST", f"{path}/attach")

    async def upgrade(self, name: str) -> None:  # noqa: ARG002 - it concerns all projects
        """Stop or kill serve, and start it with the same data directory."""
        signal = self.random.choice((SIGTERM, SIGKILL))
        await self.instance.stop(signal, timeout_seconds=PATIENCE)
        await self.instance.start()

    async def snapshot(self, name: str) -> None:
        volume = self.volumes[name]
        taken = await self.owner.ask("POST", f"/volumes/{volume}/snapshots")
        with fail_after(PATIENCE):
            while taken["status"] in {"pending", "running"}:
                taken = await self.owner.ask("GET", f"/snapshots/{taken['id']}?wait=20")
        assert "available" == taken["status"], taken["error"]
        self.snapshots[taken["id"]] = [*self.entries[volume]]

    async def restore(self, name: str) -> None:
        """Restore a snapshot into a volume that stays detached, because its path is taken."""
        if not self.snapshots:
            await self.snapshot(name)
        snapshot = self.random.choice([*self.snapshots])
        into = {"into": f"copy-{len(self.history)}"}
        volume = await self.owner.ask("POST", f"/snapshots/{snapshot}/restore", into)
        with fail_after(PATIENCE):
            while volume["restoring_since"] is not None:
                await sleep(0.1)
                volume = await self.owner.ask("GET", f"/volumes/{volume['id']}")
        assert volume["restore_error"] is None
        self.entries[volume["id"]] = [*self.snapshots[snapshot]]

    async def preview(self, name: str) -> None:
        """Deploy a preview, which runs without the volume and writes other files."""
        project = self.projects[name]
        preview = await self.owner.deploy(project, target="preview:main", branch="main")
        with fail_after(PATIENCE):
            while (await self.owner.visit(preview["url"], "/add/other")).is_error:
                await sleep(0.1)

    async def replace_project(self, name: str) -> None:
        """Delete a project, and attach its volume to a new one."""
        await self.owner.ask("DELETE", f"/projects/{self.projects[name]['id']}")
        await self.compare()
        await self._create(name)
        path = f"/volumes/{self.volumes[name]}/attach"
        body = {"project_id": self.projects[name]["id"]}
        with fail_after(PATIENCE):  # The instances of the deleted project have to end first.
            while '"detached_at":null' not in await self.owner.text(path, body):
                await sleep(0.1)
        await self.deploy(name)

    async def purge_with_wrong_name(self, name: str) -> None:
        path = f"/volumes/{self.volumes[name]}/purge"
        assert "to delete its files" in await self.owner.text(path, {"name": "another"})

    async def compare(self) -> None:
        """Compare the checksums of all volumes and snapshots with the remembered entries."""
        data = self.instance.data_directory
        listed = await self.owner.ask("GET", "/volumes")
        assert self.entries.keys() == {volume["id"] for volume in listed["data"]}
        for id_, entries in self.entries.items():
            found = await to_thread.run_sync(directory_checksum, data / "volumes" / id_)
            assert _checksum(entries) == found
        stored = await to_thread.run_sync(_archive_checksums, data / "snapshots")
        assert Counter(map(_checksum, self.snapshots.values())) <= stored

    async def _create(self, name: str) -> None:
        project = await self.owner.project(self.repository.path, name)
        self.projects[name], self.deployments[name] = project, []


async def test_random_operations_lose_and_mix_no_files(
    instance: ServedInstance, ann: Person, repositories: Path
) -> None:
    await to_thread.run_sync(repositories.chmod, 0o777)
    repository = repository_of(repositories / "app", program(source_of(repositories)))
    seed = 7 if DEPTH == 0 else SEED
    operations = ServedOperations(
        instance=instance,
        owner=ann,
        repository=repository,
        random=Random(seed),  # noqa: S311 - nothing secret
    )
    try:
        await operations.open()
        for _ in range(OPERATIONS):
            await operations.compare()
            await operations.step()
        await operations.compare()
    except BaseException as error:
        error.add_note(f"PUSHPAKA_TEST_SEED={seed}")
        error.add_note("\n".join(operations.history))
        raise


def _checksum(entries: list[str]) -> str:
    text = "".join(f"{entry}\n" for entry in entries)
    return checksum({"lock": b"", "entries": text.encode()})


def _archive_checksums(directory: Path) -> Counter[str]:
    return Counter(archive_checksum(path) for path in directory.glob("*.tar.gz"))
