"""Isolation of a project from the platform and from other projects on the same host."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from anyio import to_thread
from httpx import AsyncClient
from tests.served_instance import ServedInstance, open_served

from pushpaka_core.adapters.process.supervisor.records import ProcessRecords
from pushpaka_core.testing.repositories import Repository

pytestmark = [pytest.mark.anyio, pytest.mark.suite("integration")]

_SPY = r"""
while read -r path; do
    if [ -d "$path" ]; then ls "$path/" ; else head -c 1 "$path"; fi >/dev/null 2>&1 &&
        echo "opened $path"
    ( : >> "$path/canary" ) 2>/dev/null && echo "wrote into $path"
done < paths
while read -r pid; do kill -0 "$pid" 2>/dev/null && echo "signaled $pid"; done < pids
env
"""


async def test_a_project_cannot_reach_other_projects() -> None:
    """Projects are isolated only if the platform runs as root. Otherwise, they share one user."""
    async with open_served(CANARY_OF_THE_HOST="x", PUSHPAKA_ROUTER="none") as served:
        await served.start()
        async with served.api(await served.sign_up()) as api:
            await _deploy_files(served, api, "victim", {"index.html": "x"})
            paths, pids = await to_thread.run_sync(_foreign_files_and_processes, served)
            files = {
                "index.html": "x",
                "spy.sh": _SPY,
                "paths": _lines(paths),
                "pids": _lines(pids),
            }

            spy = await _deploy_files(served, api, "spy", files, build_command="sh spy.sh")

            logs = (await api.get(f"/logs/{spy['id']}")).json()
    lines = [line["message"] for line in logs["data"]]
    opened, signaled, wrote, variables = (
        {line.removeprefix(start) for line in lines if line.startswith(start)}
        for start in ("opened ", "signaled ", "wrote into ", "PUSHPAKA_")
    )
    is_apart = os.geteuid() == 0
    assert (set() if is_apart else set(map(str, paths))) == opened
    assert (set() if is_apart else set(map(str, pids))) == signaled
    assert not (is_apart and wrote)
    assert ["PROCESS"] == [line.partition("=")[0] for line in variables]
    assert not [line for line in lines if line.startswith("CANARY_")]


async def _deploy_files(
    served_instance: ServedInstance,
    api: AsyncClient,
    name: str,
    files: Mapping[str, str],
    **fields: str,
) -> dict[str, Any]:
    repository = await to_thread.run_sync(Repository.create, served_instance.repositories / name)
    await to_thread.run_sync(repository.commit, "one", files)
    wanted = {"name": name, "repo_url": str(repository.path), **fields}
    project = (await api.post("/projects", json=wanted)).json()
    deployment = await served_instance.deploy(api, project["id"])
    assert "running" == deployment["status"], deployment
    return deployment


def _lines(items: Iterable[object]) -> str:
    return "".join(f"{thing}\n" for thing in items)


def _foreign_files_and_processes(served_instance: ServedInstance) -> tuple[list[Path], list[int]]:
    """Return files and process ids of the platform and of another project."""
    data = served_instance.data_directory
    processes, records = data / "processes", ProcessRecords(data / "processes")
    record = next(filter(None, (records.record(path.name) for path in processes.iterdir())))
    pids = [served_instance.pid, record["shim"]["pid"], record["program"]["pid"]]
    release = next((data / "releases").iterdir())
    paths = [
        *(
            data,
            data / "pushpaka.sqlite",
            data / "pushpaka.sqlite-wal",
            data / "keys.json",
        ),
        *(data / "serve.lock", data / "workspaces", processes),
        processes / record["name"] / "record.json",
        *(data / "releases", release, release / "app", release / "app" / "index.html"),
        *(
            data / "instances",
            data / "instances" / record["name"].rpartition(".")[2] / "home",
        ),
        *(Path(f"/proc/{pid}/{name}") for pid in pids for name in ("environ", "fd", "cwd")),
    ]
    return paths, pids
