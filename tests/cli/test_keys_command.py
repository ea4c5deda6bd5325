"""`pushpaka keys`: the keys of a living instance are exchanged."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from signal import SIGKILL
from subprocess import DEVNULL
from uuid import UUID

import anyio
import httpx
import pytest
import sqlalchemy as sa
from anyio import to_thread
from anyio.lowlevel import checkpoint
from attrs import evolve
from tests.postgres import POSTGRES, PostgresServer
from tests.served import PROGRAM, Served, open_served

from pushpaka_core.adapters.security.cipher import AesGcmCipher
from pushpaka_core.adapters.security.key_file import cipher_of
from pushpaka_core.adapters.security.keys import KEY_FILE, Keys
from pushpaka_core.adapters.sql.engine import PATIENCE, database_at
from pushpaka_core.adapters.sql.schema import env_vars
from pushpaka_core.adapters.sql.storage import SqlStorage, open_storage
from pushpaka_core.converters import to_row
from pushpaka_core.domain.access import PLATFORM
from pushpaka_core.domain.env_vars import EnvVar
from pushpaka_core.domain.projects import ProjectId
from pushpaka_core.services.background import alongside
from pushpaka_core.testing.objects import a_project, a_user, an_env_var

pytestmark = pytest.mark.anyio

ROWS = 10_000


@pytest.fixture(params=["sqlite", POSTGRES])
async def served(request: pytest.FixtureRequest) -> AsyncIterator[Served]:
    """An instance that serves, on a database of each kind."""
    async with open_served(PUSHPAKA_ROUTER="none", PUSHPAKA_TEST_TIMING="fast") as served:
        if request.param == "sqlite":
            yield await served.start()
            return
        server: PostgresServer = request.getfixturevalue("postgres")
        with server.database() as url:
            served.env["PUSHPAKA_DATABASE_URL"] = url
            yield await served.start()


@pytest.mark.timeout(240)
async def test_a_rotation_that_was_killed_half_way_is_completed(served: Served) -> None:
    """All the time every secret can be read, and the instance goes on to write others."""
    async with served.api(await served.sign_up()) as api, _opened(served) as storage:
        project, crowded = await _project(api, "small"), await _project(api, "crowded")
        first = _keys(served)
        await _fill(served, crowded, first)
        await _set(api, project, "MEANWHILE")

        command = [*PROGRAM, "keys", "rotate"]
        process = await anyio.open_process(
            command, env=served.environment(), stdout=DEVNULL, stderr=DEVNULL
        )
        async with alongside(partial(_set_over_and_over, api, project, "MEANWHILE")):
            with anyio.fail_after(90):
                while ROWS * 0.9 < (await _used(storage))[first.current_key]:
                    await checkpoint()
            process.send_signal(SIGKILL)
            await process.wait()
        half_way = await _used(storage)
        read_half_way = await _read(storage, crowded, _keys(served))
        await _set(api, project, "BETWEEN")
        completed = await served.run("keys", "rotate")
        await _set(api, project, "AFTERWARDS")

        rotated = _keys(served)
        pruned = await served.run("keys", "prune")
        await _set(api, project, "AT_LAST")

        assert 0 < half_way[first.current_key] < ROWS
        assert {f"value {number}" for number in range(ROWS)} == read_half_way
        assert 0 == completed.code, completed.errors
        assert "No new key was made" in completed.output
        assert {rotated.current_key: ROWS + 4} == await _used(storage)
        assert read_half_way == await _read(storage, crowded, _keys(served))
        assert f"Removed {first.current_key}, which no secret needs.\n" == pruned.output
        assert [rotated.current_key] == list(_keys(served).encryption_keys)
    assert "Traceback" not in served.log


async def test_keys_are_made_listed_and_removed(unrouted: Served) -> None:
    """Each command says what it has done, and what it has not."""
    unrouted.env["PUSHPAKA_TEST_TIMING"] = "fast"
    before_all = await unrouted.run("keys", "list")
    await unrouted.start()
    async with unrouted.api(await unrouted.sign_up()) as api:
        await _set(api, await _project(api, "small"), "TOKEN")
    await unrouted.stop()
    old = _keys(unrouted)

    rotated = await unrouted.run("keys", "rotate")
    listed = await unrouted.run("keys", "list")
    uses = json.loads((await unrouted.run("keys", "list", "--json")).output)["data"]
    exported = await unrouted.run("export", str(unrouted.directory / "export"))

    new = _keys(unrouted)
    assert 2 == before_all.code
    assert "Set PUSHPAKA_DATA_DIRECTORY or " in before_all.errors, before_all.errors
    assert f"{new.current_key} is the current key now.\n" in rotated.output
    assert f"1 secret encrypted anew by {new.current_key}.\n" in rotated.output
    rows = [line.split() for line in listed.output.splitlines()]
    assert [(new.current_key, "current"), (old.current_key, "older")] == [
        (key_id, state) for key_id, state, *_ in rows
    ]
    assert [["1", "secret"], ["0", "secrets"]] == [row[-2:] for row in rows]
    assert [(new.current_key, True, 1), (old.current_key, False, 0)] == [
        (use["id"], use["is_current"], use["secrets"]) for use in uses
    ]
    assert "seconds" in rows[0]
    assert f"keys that are not in it: {new.current_key}." in exported.errors


async def test_keys_of_the_operator_are_theirs_to_change(unrouted: Served) -> None:
    """What they put first encrypts everything; no key is made, and what to do is said."""
    await unrouted.start()
    async with unrouted.api(await unrouted.sign_up()) as api:
        await _set(api, await _project(api, "small"), "TOKEN")
    await unrouted.stop()
    file = (unrouted.data_directory / KEY_FILE).read_text()
    (old,) = json.loads(file)["encryption_keys"].items()
    unrouted.env["PUSHPAKA_ENCRYPTION_KEYS"] = f"{_other_key()},{'='.join(old)}"

    refused = await unrouted.run("keys", "prune")
    rotated = await unrouted.run("keys", "rotate")
    pruned = await unrouted.run("keys", "prune")
    left = (unrouted.data_directory / KEY_FILE).read_text()

    assert 2 == refused.code
    assert f"still encrypted with older keys: {old[0]} (1)" in refused.errors
    assert "No new key was made. PUSHPAKA_ENCRYPTION_KEYS is set" in rotated.output
    assert "1 secret encrypted anew by other.\n" in rotated.output
    expected = f"No secret needs {old[0]}. Take them out of PUSHPAKA_ENCRYPTION_KEYS.\n"
    assert expected == pruned.output
    assert file == left


@asynccontextmanager
async def _opened(served: Served) -> AsyncIterator[SqlStorage]:
    async with open_storage(_url(served), migrate=False) as storage:
        yield storage


async def _project(api: httpx.AsyncClient, name: str) -> str:
    body = {"name": name, "repo_url": "https://git.example.com/app.git"}
    answer = await api.post("/projects", json=body)
    assert 201 == answer.status_code, answer.text
    return str(answer.json()["id"])


async def _set(api: httpx.AsyncClient, project_id: str, key: str) -> None:
    """Set an env var, for which all others of the project are read."""
    body = {"project_id": project_id, "key": key, "value": "some value"}
    answer = await api.post("/env", json=body)
    assert answer.is_success, answer.text


async def _set_over_and_over(api: httpx.AsyncClient, project_id: str, key: str) -> None:
    while True:
        await _set(api, project_id, key)


async def _fill(served: Served, project_id: str, keys: Keys) -> None:
    """Give a project more env vars than its owner could."""
    project, cipher = a_project(a_user(), id=ProjectId(UUID(project_id))), cipher_of(keys)
    rows = [_sealed(an_env_var(project, key=f"K{n}"), f"value {n}", cipher) for n in range(ROWS)]

    def insert(connection: sa.Connection) -> None:
        connection.execute(sa.insert(env_vars), [to_row(row) for row in rows])

    database = database_at(_url(served))
    await to_thread.run_sync(partial(database.work_on_schema, insert, patience=PATIENCE))


def _sealed(env_var: EnvVar, value: str, cipher: AesGcmCipher) -> EnvVar:
    return evolve(env_var, secret=cipher.encrypt(value, context=env_var.secret_context))


async def _used(storage: SqlStorage) -> Mapping[str, int]:
    async with storage.snapshot() as uow:
        return await uow.secrets.count_by_key()


async def _read(storage: SqlStorage, project_id: str, keys: Keys) -> set[str]:
    cipher = cipher_of(keys)
    async with storage.snapshot() as uow:
        found = await uow.env_vars.visible_to(PLATFORM).of_project(ProjectId(UUID(project_id)))
    return {cipher.decrypt(each.secret, context=each.secret_context) for each in found}


def _other_key() -> str:
    return "other=" + "YWJj" * 10 + "YWI="


def _keys(served: Served) -> Keys:
    return Keys.parse((served.data_directory / KEY_FILE).read_text())


def _url(served: Served) -> str:
    file = f"sqlite:///{served.data_directory / 'pushpaka.sqlite'}"
    return served.env.get("PUSHPAKA_DATABASE_URL", file)
