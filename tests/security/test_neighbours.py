"""What a project can reach of the platform and of other projects on the same host."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from anyio import to_thread
from httpx import AsyncClient
from tests.served import Served, open_served

from pushpaka_core.adapters.process.records import Records
from pushpaka_core.testing.repositories import Repository

pytestmark = pytest.mark.anyio

_SPY = r"""
while read -r path; do
    if [ -d "$path" ]; then ls "$path/" ; else head -c 1 "$path"; fi >/dev/null 2>&1 &&
        echo "opened $path"
    ( : >> "$path/canary" ) 2>/dev/null && echo "wrote into $path"
done < paths
while read -r pid; do kill -0 "$pid" 2>/dev/null && echo "signalled $pid"; done < pids
env
"""


async def test_a_project_reaches_nothing_of_its_neighbours() -> None:
    """
    Where it has a user of its own, all files and programs but its own are closed to it.

    To an ordinary user's platform it is the same user, which is why that is no sandbox.
    """
    async with open_served(CANARY_OF_THE_HOST="x", PUSHPAKA_ROUTER="none") as served:
        await served.start()
        async with served.api(await served.sign_up()) as api:
            await _deployed(served, api, "victim", {"index.html": "x"})
            paths, pids = await to_thread.run_sync(_what_there_is, served)
            files = {
                "index.html": "x",
                "spy.sh": _SPY,
                "paths": _lines(paths),
                "pids": _lines(pids),
            }

            spy = await _deployed(served, api, "spy", files, build_command="sh spy.sh")

            logs = (await api.get(f"/logs/{spy['id']}")).json()
    lines = [line["message"] for line in logs["data"]]
    opened, signalled, wrote, told = (
        {line.removeprefix(start) for line in lines if line.startswith(start)}
        for start in ("opened ", "signalled ", "wrote into ", "PUSHPAKA_")
    )
    is_apart = os.geteuid() == 0
    assert (set() if is_apart else set(map(str, paths))) == opened
    assert (set() if is_apart else set(map(str, pids))) == signalled
    assert not (is_apart and wrote)
    assert ["PROCESS"] == [line.partition("=")[0] for line in told]
    assert not [line for line in lines if line.startswith("CANARY_")]


async def _deployed(
    served: Served, api: AsyncClient, name: str, files: Mapping[str, str], **fields: str
) -> dict[str, Any]:
    repository = await to_thread.run_sync(Repository.make, served.repositories / name)
    await to_thread.run_sync(repository.commit, "one", files)
    wanted = {"name": name, "repo_url": str(repository.path), **fields}
    project = (await api.post("/projects", json=wanted)).json()
    deployment = await served.deploy(api, project["id"])
    assert "running" == deployment["status"], deployment
    return deployment


def _lines(things: Iterable[object]) -> str:
    return "".join(f"{thing}\n" for thing in things)


def _what_there_is(served: Served) -> tuple[list[Path], list[int]]:
    """Return what belongs to the platform or to another project, and the processes of these."""
    data = served.data_directory
    processes, records = data / "processes", Records(data / "processes")
    record = next(filter(None, (records.record(path.name) for path in processes.iterdir())))
    pids = [served.pid, record["shim"]["pid"], record["program"]["pid"]]
    release = next((data / "releases").iterdir())
    paths = [
        *(data, data / "pushpaka.sqlite", data / "pushpaka.sqlite-wal", data / "keys.json"),
        *(data / "serve.lock", data / "workspaces", processes),
        processes / record["name"] / "record.json",
        *(data / "releases", release, release / "app", release / "app" / "index.html"),
        *(data / "instances", data / "instances" / record["name"].rpartition(".")[2] / "home"),
        *(Path(f"/proc/{pid}/{name}") for pid in pids for name in ("environ", "fd", "cwd")),
    ]
    return paths, pids
