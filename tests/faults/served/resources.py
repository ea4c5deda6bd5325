"""Compares the resources of an instance on this host with the rows of its database."""

from collections.abc import Iterable
from pathlib import Path

import psutil
from anyio import move_on_after, sleep, to_thread
from attrs import frozen
from tests.acceptance.tools.people import Json
from tests.served_instance import ServedInstance

from pushpaka_core.adapters.process.supervisor.process_table import MARK, env_var_of
from pushpaka_core.adapters.process.supervisor.processes import HostProcesses
from pushpaka_core.adapters.process.supervisor.shims import SHIM_MARK
from pushpaka_core.adapters.sql.storage import open_storage
from pushpaka_core.domain.deployments.deployments import Deployment
from pushpaka_core.domain.deployments.state_machine import IN_PROGRESS, SERVING, DeploymentStatus
from pushpaka_core.domain.instances.instances import Instance

_ROUTER = frozenset({"traefik", "unavailable", "gate"})
_PATIENCE = 300


@frozen(kw_only=True)
class DatabaseState:
    """The instances, releases and deployments in the database, which own resources."""

    instances: tuple[Instance, ...]
    artifacts: frozenset[str]
    waiting: tuple[Deployment, ...]
    in_progress: tuple[Deployment, ...]
    serving: tuple[Deployment, ...]
    beats: int
    """The total number of heartbeats of all deployments in progress."""

    def active_deployments(self, project: Json) -> list[Deployment]:
        """Return the active deployments of *project*."""
        return [each for each in self.serving if str(each.project_id) == project["id"]]


async def database_state(served_instance: ServedInstance) -> DatabaseState:
    """Read the database of an instance."""
    own = f"sqlite:///{served_instance.data_directory / 'pushpaka.sqlite'}"
    url = served_instance.env.get("PUSHPAKA_DATABASE_URL", own)
    async with open_storage(url, migrate=False) as storage, storage.snapshot() as uow:
        releases = await uow.releases.all()
        return DatabaseState(
            instances=tuple(await uow.instances.all()),
            artifacts=frozenset(release.artifact for release in releases),
            waiting=tuple(await uow.deployments.all({DeploymentStatus.QUEUED})),
            in_progress=tuple(await uow.deployments.all(IN_PROGRESS)),
            serving=tuple(await uow.deployments.all(SERVING)),
            beats=sum(observation.heartbeat for observation in await uow.deployments.leases()),
        )


async def mismatches(served_instance: ServedInstance) -> dict[str, set[str]]:
    """
    Return the names of resources without a row, and of rows without their resource, by kind.

    The processes of the host are only checked once everything else matches, because reading the
    environment of each process takes long.
    """
    rows = await database_state(served_instance)
    return await _own_mismatches(served_instance, rows) or await to_thread.run_sync(
        _host_mismatches, served_instance, rows
    )


async def _own_mismatches(
    served_instance: ServedInstance, rows: DatabaseState
) -> dict[str, set[str]]:
    """Return mismatches within the rows, and between the rows and the data directory."""
    launched = await HostProcesses(served_instance.data_directory / "processes").list_launched()
    living = {process.name for process in launched if process.is_alive}
    wanted = _expected_processes(rows)
    found = {
        "programs": living ^ wanted,
        "records": {process.name for process in launched} - wanted,
        "artifacts": await to_thread.run_sync(_names, served_instance, "releases") ^ rows.artifacts,
        "workspaces": await to_thread.run_sync(_names, served_instance, "workspaces"),
        "homes": await to_thread.run_sync(_names, served_instance, "instances")
        - _home_names(wanted)
        - wanted,
        "in work": {f"{deployment.id} {deployment.phase}" for deployment in rows.in_progress},
        "doubles": _targets_served_twice(rows.serving),
    }
    return {kind: names for kind, names in found.items() if names}


def _host_mismatches(served_instance: ServedInstance, rows: DatabaseState) -> dict[str, set[str]]:
    """Return mismatches between the rows and the processes and ports of this host."""
    marked, wanted = marked_processes(served_instance), _expected_processes(rows)
    found = {
        "ports": _mismatched_ports(marked, rows),
        "strays": {f"{name} ({pid})" for pid, name in marked.items() if name not in wanted},
    }
    return {kind: names for kind, names in found.items() if names}


def _expected_processes(rows: DatabaseState) -> set[str]:
    return {*_ROUTER, *(instance.name for instance in rows.instances)}


async def wait_until_cleaned_up(served_instance: ServedInstance) -> None:
    """Wait until all resources and rows match, or fail with the mismatches."""
    left = await mismatches(served_instance)
    with move_on_after(_PATIENCE):
        while left:
            await sleep(0.5)
            left = await mismatches(served_instance)
    assert {} == left


def all_processes(served_instance: ServedInstance) -> list[psutil.Process]:
    """Return all running processes of an instance, including shims."""
    own = _id_of(served_instance)
    shims = [pid for pid in psutil.pids() if env_var_of(pid, SHIM_MARK) == own]
    return [psutil.Process(pid) for pid in (*shims, *marked_processes(served_instance))]


def mark_env(served_instance: ServedInstance, name: str) -> dict[str, str]:
    """Return the environment variable that marks a process as the program *name* of an instance."""
    return {MARK: f"{_id_of(served_instance)}:{name}"}


def marked_processes(served_instance: ServedInstance) -> dict[int, str]:
    """Return the program names of an instance's marked processes, by process id."""
    prefix = f"{_id_of(served_instance)}:"
    marks = {pid: env_var_of(pid, MARK) for pid in psutil.pids()}
    return {pid: m.removeprefix(prefix) for pid, m in marks.items() if m.startswith(prefix)}


def _id_of(served_instance: ServedInstance) -> str:
    status = served_instance.data_directory.stat()
    return f"{status.st_dev:x}-{status.st_ino:x}"


def _home_names(names: Iterable[str]) -> set[str]:
    return {name.rpartition(".")[2] for name in names}


def _mismatched_ports(programs: dict[int, str], rows: DatabaseState) -> set[str]:
    ours = {pid for pid, name in programs.items() if name not in _ROUTER}
    listening = {
        connection.laddr.port
        for connection in psutil.net_connections("tcp")
        if connection.laddr and connection.pid in ours and connection.status == psutil.CONN_LISTEN
    }
    wanted = {instance.port for instance in rows.instances if instance.port is not None}
    return {str(port) for port in listening ^ wanted}


def _names(served_instance: ServedInstance, directory: str) -> set[str]:
    return {path.name for path in Path(served_instance.data_directory, directory).glob("*")}


def _targets_served_twice(deployments: Iterable[Deployment]) -> set[str]:
    """Return the targets with more than one running deployment, including draining deployments."""
    targets = [f"{d.project_id} {d.target}" for d in deployments]
    return {target for target in targets if targets.count(target) > 1}
