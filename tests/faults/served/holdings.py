"""What an instance holds on this host, compared with what its database says that it should."""

from collections.abc import Iterable
from pathlib import Path

import psutil
from anyio import move_on_after, sleep, to_thread
from attrs import frozen
from tests.served import Served

from pushpaka_core.adapters.process.process_table import MARK, env_var_of
from pushpaka_core.adapters.process.processes import HostProcesses
from pushpaka_core.adapters.process.shims import SHIM_MARK
from pushpaka_core.adapters.sql.storage import open_storage
from pushpaka_core.domain.deployment_steps import IN_WORK, SERVING, DeploymentStatus
from pushpaka_core.domain.deployments import Deployment
from pushpaka_core.domain.instances import Instance

_ROUTER = frozenset({"traefik", "unavailable"})
_PATIENCE = 60


@frozen(kw_only=True)
class Known:
    """What the database says."""

    instances: tuple[Instance, ...]
    artifacts: frozenset[str]
    waiting: tuple[Deployment, ...]
    in_work: tuple[Deployment, ...]
    serving: tuple[Deployment, ...]
    beats: int
    """How often the hearts of those in work have beaten."""


async def known_of(served: Served) -> Known:
    """Read the database of an instance."""
    own = f"sqlite:///{served.data_directory / 'pushpaka.sqlite'}"
    url = served.env.get("PUSHPAKA_DATABASE_URL", own)
    async with open_storage(url, migrate=False) as storage, storage.snapshot() as uow:
        releases = await uow.releases.all()
        return Known(
            instances=tuple(await uow.instances.all()),
            artifacts=frozenset(release.artifact for release in releases),
            waiting=tuple(await uow.deployments.all({DeploymentStatus.QUEUED})),
            in_work=tuple(await uow.deployments.all(IN_WORK)),
            serving=tuple(await uow.deployments.all(SERVING)),
            beats=sum(sight.heartbeat for sight in await uow.deployments.leases()),
        )


async def amiss(served: Served) -> dict[str, set[str]]:
    """Return, by kind, what is there and not known, or known and not there."""
    known = await known_of(served)
    launched = await HostProcesses(served.data_directory / "processes").launched()
    living = {process.name for process in launched if process.is_alive}
    wanted = {*_ROUTER, *(instance.name for instance in known.instances)}
    found = {
        "programs": living ^ wanted,
        "records": {process.name for process in launched} - wanted,
        "ports": await to_thread.run_sync(_ports_amiss, served, known),
        "strays": await to_thread.run_sync(_strays, served, wanted),
        "artifacts": await to_thread.run_sync(_names, served, "releases") ^ known.artifacts,
        "workspaces": await to_thread.run_sync(_names, served, "workspaces"),
        "homes": await to_thread.run_sync(_names, served, "instances") - _homes(wanted) - wanted,
        "in work": {f"{deployment.id} {deployment.phase}" for deployment in known.in_work},
        "doubles": _doubles(known.serving),
    }
    return {kind: names for kind, names in found.items() if names}


async def until_tidy(served: Served) -> None:
    """Return once all is there that should be, and nothing else; fail with what is amiss."""
    with move_on_after(_PATIENCE):
        while await amiss(served):
            await sleep(0.2)
    assert {} == await amiss(served)


def everything_of(served: Served) -> list[psutil.Process]:
    """Return all processes that an instance has left running, the shims included."""
    own = _id_of(served)
    shims = [pid for pid in psutil.pids() if env_var_of(pid, SHIM_MARK) == own]
    return [psutil.Process(pid) for pid in (*shims, *marked(served))]


def mark_of(served: Served, name: str) -> dict[str, str]:
    """Return the env var that a program of an instance has."""
    return {MARK: f"{_id_of(served)}:{name}"}


def marked(served: Served) -> dict[int, str]:
    """Return all processes that came of an instance, with the names of what they belong to."""
    prefix = f"{_id_of(served)}:"
    marks = {pid: env_var_of(pid, MARK) for pid in psutil.pids()}
    return {pid: m.removeprefix(prefix) for pid, m in marks.items() if m.startswith(prefix)}


def _id_of(served: Served) -> str:
    status = (served.data_directory / "processes").stat()
    return f"{status.st_dev:x}-{status.st_ino:x}"


def _homes(names: Iterable[str]) -> set[str]:
    return {name.rpartition(".")[2] for name in names}


def _strays(served: Served, wanted: Iterable[str]) -> set[str]:
    return {f"{name} ({pid})" for pid, name in marked(served).items() if name not in wanted}


def _ports_amiss(served: Served, known: Known) -> set[str]:
    ours = {pid for pid, name in marked(served).items() if name not in _ROUTER}
    listening = {
        connection.laddr.port
        for connection in psutil.net_connections("tcp")
        if connection.laddr and connection.pid in ours and connection.status == psutil.CONN_LISTEN
    }
    wanted = {instance.port for instance in known.instances if instance.port is not None}
    return {str(port) for port in listening ^ wanted}


def _names(served: Served, directory: str) -> set[str]:
    return {path.name for path in Path(served.data_directory, directory).glob("*")}


def _doubles(serving: Iterable[Deployment]) -> set[str]:
    """Return the targets for which more than one deployment serves, or one that is leaving."""
    targets = [f"{d.project_id} {d.target}" for d in serving]
    return {target for target in targets if targets.count(target) > 1}
