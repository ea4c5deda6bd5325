"""Tests `pushpaka export` and `pushpaka import`, which move an instance."""

import json
import shutil
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

import pytest
from anyio import to_thread
from tests.cli.operator.operators import Operator, open_operator, sign_up
from tests.served_instance import PASSWORD, ServedInstance
from tests.servers.postgres import PostgresServer

from pushpaka_core.testing.repositories import Repository


@pytest.fixture
def other_operator(tmp_path: Path) -> Iterator[Operator]:
    """Yield the operator of another instance."""
    with open_operator(tmp_path / "elsewhere") as operator:
        yield operator


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "instance.export"


@pytest.mark.needs("postgres")
def test_an_instance_can_be_moved_from_sqlite_to_postgres(
    operator: Operator, other_operator: Operator, file: Path, postgres: PostgresServer
) -> None:
    """The export runs while the instance serves, and the new database works with the same keys."""
    project_id = operator.add_secret()
    with operator.serve():
        exported = operator.run("export", str(file))
    other_operator.data_directory.mkdir(parents=True)
    shutil.copy(operator.data_directory / "keys.json", other_operator.data_directory)

    with postgres.database(migrated=False) as url:
        other_operator.env["PUSHPAKA_DATABASE_URL"] = url
        imported = other_operator.run("import", str(file))
        with other_operator.serve() as api:
            credentials = {"email": "ann@example.com", "password": PASSWORD}
            token = api.post("/auth/login", json=credentials).json()["token"]
            listed = api.get("/projects", headers={"Authorization": f"Bearer {token}"}).json()

    assert (0, 0) == (exported.code, imported.code), exported.errors + imported.errors
    assert "Exported 1 user, 1 project and 0 deployments.\n" in exported.errors
    assert "PUSHPAKA_ENCRYPTION_KEYS" in exported.errors
    assert "Imported 1 user, 1 project and 0 deployments.\n" == imported.output
    assert [str(project_id)] == [project["id"] for project in listed["data"]]
    assert 0o600 == file.stat().st_mode & 0o777


def test_an_import_requires_the_keys_and_a_stopped_instance(
    operator: Operator, other_operator: Operator, file: Path
) -> None:
    """The messages name the missing key and the running instance."""
    operator.add_secret()
    exported = operator.run("export", str(file))
    (key,) = json.loads((operator.data_directory / "keys.json").read_text())["encryption_keys"]

    keyless = other_operator.run_refused("import", str(file))
    with other_operator.serve() as api:
        sign_up(api)
        running = other_operator.run_refused("import", str(file))

    assert key in exported.errors
    assert f"encrypted with keys that are not available: {key}. Set " in keyless
    assert "is already using" in running


def test_an_export_can_be_piped(operator: Operator, other_operator: Operator) -> None:
    """`-` stands for stdin and stdout, which contain nothing else."""
    words = ("users", "create", "ann@example.com", "--password-stdin")
    operator.run(*words, stdin=PASSWORD)

    exported, _, _ = operator.run_binary("export", "-")
    imported = other_operator.run("import", "-", stdin=exported)

    assert "Imported 1 user, 0 projects and 0 deployments.\n" == imported.output
    assert "ann@example.com" in other_operator.run("users", "list").output


@pytest.mark.parametrize(
    ("arguments", "settings", "sentence"),
    [
        (("export", "missing"), {}, "There is nothing to export"),
        (("export", "missing"), {"PUSHPAKA_DATABASE_URL": "memory:"}, "in-memory database"),
        (("export", "missing/export"), {}, "cannot be written: No such file or directory"),
        (("import", "diary"), {}, "not an export of an instance"),
        (("import", "missing"), {}, "No such file or directory"),
    ],
)
def test_bad_input_is_refused(
    operator: Operator,
    tmp_path: Path,
    arguments: tuple[str, ...],
    settings: dict[str, str],
    sentence: str,
) -> None:
    """The error explains the problem, the exit code is 2, and no file is left behind."""
    files = tmp_path / "files"
    files.mkdir()
    (files / "diary").write_text("Dear diary,")

    with chdir(files):
        assert sentence in operator.run_refused(*arguments, **settings)
    assert ["diary"] == [path.name for path in files.iterdir()]


@pytest.mark.anyio
@pytest.mark.suite("integration")
async def test_an_import_finds_the_processes_of_its_data_directory(
    unrouted_instance: ServedInstance, tmp_path: Path
) -> None:
    """The new database continues with the running processes of the same data directory."""
    unrouted_instance.env["PUSHPAKA_DRAIN_TIMEOUT"] = "60"
    repository = await to_thread.run_sync(
        Repository.create, unrouted_instance.repositories / "page"
    )
    await to_thread.run_sync(repository.commit, "Begin", {"index.html": "Hello."})
    await unrouted_instance.start()
    token = await unrouted_instance.sign_up()
    async with unrouted_instance.api(token) as api:
        body = {"name": "Page", "repo_url": str(repository.path)}
        project = (await api.post("/projects", json=body)).json()
        deployment = await unrouted_instance.deploy(api, project["id"])
    await unrouted_instance.stop()
    before = await to_thread.run_sync(_processes, unrouted_instance)

    await unrouted_instance.run("export", str(tmp_path / "export"))
    unrouted_instance.env["PUSHPAKA_DATABASE_URL"] = (
        f"sqlite:///{unrouted_instance.directory / 'another.sqlite'}"
    )
    await unrouted_instance.run("import", str(tmp_path / "export"))
    await unrouted_instance.start()
    async with unrouted_instance.api(token) as api:
        again = await unrouted_instance.deploy(api, project["id"])
        earlier = (await api.get(f"/deployments/{deployment['id']}")).json()

    assert ("running", None) == (again["status"], earlier["error"])
    assert before < await to_thread.run_sync(_processes, unrouted_instance)


def _processes(served_instance: ServedInstance) -> set[str]:
    """Return the names of the programs that the platform has launched."""
    return {path.name for path in (served_instance.data_directory / "processes").iterdir()}
