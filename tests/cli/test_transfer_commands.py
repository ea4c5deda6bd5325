"""`pushpaka export` and `pushpaka import`: an instance moves."""

import json
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from subprocess import DEVNULL

import pytest
from anyio import open_process, run_process, to_thread
from tests.postgres import PostgresServer
from tests.served import PASSWORD, PROGRAM, Finished, Served, open_served

from pushpaka_core.testing.repositories import Repository

pytestmark = pytest.mark.anyio

PROJECT = {"name": "hello", "repo_url": "https://git.example.com/hello.git"}


@pytest.fixture
async def elsewhere() -> AsyncIterator[Served]:
    """Another instance, on which nothing has happened yet."""
    async with open_served(PUSHPAKA_ROUTER="none") as served:
        yield served


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "instance.export"


@pytest.fixture
def diary(file: Path) -> Path:
    """A file that is no export."""
    file.write_text("Dear diary,")
    return file


async def _export_with_a_secret(served: Served, file: Path) -> tuple[str, Finished]:
    """Export *served* while it runs and has a secret; return the project's id as well."""
    await served.start()
    async with served.api(await served.sign_up()) as api:
        project_id = (await api.post("/projects", json=PROJECT)).json()["id"]
        secret = {"project_id": project_id, "key": "TOKEN", "value": "open sesame"}
        assert (await api.post("/env", json=secret)).is_success
    exported = await served.run("export", str(file))
    await served.stop()
    return project_id, exported


@pytest.mark.needs("postgres")
async def test_an_instance_moves_from_its_file_to_a_server(
    unrouted: Served, elsewhere: Served, file: Path, postgres: PostgresServer
) -> None:
    """It is exported while it serves, and goes on from another database with the same keys."""
    project_id, exported = await _export_with_a_secret(unrouted, file)
    elsewhere.data_directory.mkdir()
    shutil.copy(unrouted.data_directory / "keys.json", elsewhere.data_directory)

    with postgres.database(migrated=False) as url:
        elsewhere.env["PUSHPAKA_DATABASE_URL"] = url
        imported = await elsewhere.run("import", str(file))
        await elsewhere.start()
        async with elsewhere.api(await _token(elsewhere)) as api:
            projects = (await api.get("/projects")).json()
        await elsewhere.stop()

    assert (0, 0) == (exported.code, imported.code), exported.errors + imported.errors
    assert "Exported 1 user, 1 project and 0 deployments.\n" in exported.errors
    assert "PUSHPAKA_ENCRYPTION_KEYS" in exported.errors
    assert "Imported 1 user, 1 project and 0 deployments.\n" == imported.output
    assert [project_id] == [project["id"] for project in projects["data"]]
    assert 0o600 == _mode(file)


async def test_what_ran_runs_on_where_it_was_built(unrouted: Served, file: Path) -> None:
    """In the same data directory another database finds the processes that the first began."""
    unrouted.env["PUSHPAKA_DRAIN_TIMEOUT"] = "60"
    repository = await to_thread.run_sync(Repository.make, unrouted.repositories / "page")
    await to_thread.run_sync(repository.commit, "Begin", {"index.html": "Hello."})
    await unrouted.start()
    async with unrouted.api(await unrouted.sign_up()) as api:
        body = {"name": "Page", "repo_url": str(repository.path)}
        project = (await api.post("/projects", json=body)).json()
        deployment = await unrouted.deploy(api, project["id"])
    await unrouted.stop()
    before = await to_thread.run_sync(_processes, unrouted)

    await unrouted.run("export", str(file))
    unrouted.env["PUSHPAKA_DATABASE_URL"] = f"sqlite:///{unrouted.directory / 'another.sqlite'}"
    await unrouted.run("import", str(file))
    await unrouted.start()
    async with unrouted.api(await _token(unrouted)) as api:
        again = await unrouted.deploy(api, project["id"])
        earlier = (await api.get(f"/deployments/{deployment['id']}")).json()

    assert ("running", None) == (again["status"], earlier["error"])
    assert before < await to_thread.run_sync(_processes, unrouted)


async def test_what_is_needed_is_said_and_nothing_is_made(
    unrouted: Served, elsewhere: Served, file: Path
) -> None:
    """Without the keys, and while a serve runs, an import ends with exit code 2 and a sentence."""
    _, exported = await _export_with_a_secret(unrouted, file)
    (key,) = json.loads((unrouted.data_directory / "keys.json").read_text())["encryption_keys"]

    keyless = await elsewhere.run("import", str(file))
    await elsewhere.start()
    running = await elsewhere.run("import", str(file))
    await elsewhere.stop()

    assert key in exported.errors
    assert (2, 2) == (keyless.code, running.code)
    assert f"encrypted with keys that are not here: {key}. Set " in keyless.errors
    assert "serves from" in running.errors


async def test_an_export_goes_through_pipes(unrouted: Served, elsewhere: Served) -> None:
    """- is the standard output and the standard input; nothing else is printed there."""
    await unrouted.run("users", "create", "ann@example.com", "--password-stdin", stdin=PASSWORD)

    piped = await _piped(unrouted, elsewhere)
    listed = await elsewhere.run("users", "list")

    assert (0, "Imported 1 user, 0 projects and 0 deployments.\n") == piped
    assert "ann@example.com" in listed.output


async def test_bad_input_is_told(unrouted: Served, diary: Path) -> None:
    """What can be neither exported nor imported ends with exit code 2, and leaves no file."""
    missing = diary.with_name("missing")

    ended = [
        await unrouted.run("export", str(missing)),
        await unrouted.run("export", str(missing), PUSHPAKA_DATABASE_URL="memory:"),
        await unrouted.run("export", str(missing / "export")),
        await unrouted.run("import", str(diary)),
        await unrouted.run("import", str(missing)),
    ]

    assert [2] * 5 == [finished.code for finished in ended]
    for finished, sentence in zip(
        ended,
        [
            "There is nothing to export",
            "kept in memory",
            "cannot be written: No such file or directory",
            "not a file that `pushpaka export` has written",
            "No such file or directory",
        ],
        strict=True,
    ):
        assert sentence in finished.errors
        assert "Traceback" not in finished.errors
    assert [diary] == list(diary.parent.iterdir())


def _processes(served: Served) -> set[str]:
    """Return the names of all that was launched and not ended."""
    return {path.name for path in (served.data_directory / "processes").iterdir()}


def _mode(file: Path) -> int:
    return file.stat().st_mode & 0o777


async def _token(served: Served) -> str:
    credentials = {"email": "ann@example.com", "password": PASSWORD}
    async with served.api() as api:
        return str((await api.post("/auth/login", json=credentials)).json()["token"])


async def _piped(source: Served, target: Served) -> tuple[int, str]:
    """Let the one write into what the other reads; return how that one ended."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as output, os.fdopen(writing, "wb") as into:
        exporting = await open_process(
            [*PROGRAM, "export", "-"], env=source.environment(), stdout=into, stderr=DEVNULL
        )
        into.close()
        async with exporting:
            ended = await run_process(
                [*PROGRAM, "import", "-"],
                env=target.environment(), stdin=output, check=False, stderr=None,
            )  # fmt: skip
    return ended.returncode, ended.stdout.decode()
