"""Tests `pushpaka keys`, which replaces the keys of an instance, even while it serves."""

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
from attrs import evolve
from tests.cli.operator.operators import Operator, run_async
from tests.served_instance import PROGRAM, ServedInstance, open_served
from tests.servers.postgres import POSTGRES, PostgresServer

from pushpaka_core.adapters.security.cipher import AesGcmCipher
from pushpaka_core.adapters.security.key_file import make_cipher
from pushpaka_core.adapters.security.keys import KEY_FILE, PlatformKeys
from pushpaka_core.adapters.sql.connections.engine import WAIT_TIMEOUT, database_at
from pushpaka_core.adapters.sql.schema import env_vars
from pushpaka_core.adapters.sql.storage import SqlStorage, open_storage
from pushpaka_core.bootstrap.data_directory import prepare_data_directory
from pushpaka_core.converters import to_row
from pushpaka_core.domain.accounts.access import PLATFORM
from pushpaka_core.domain.ids import DeploymentId, ProjectId
from pushpaka_core.domain.projects.env_vars import EnvVar
from pushpaka_core.services.concurrency import background_task
from pushpaka_core.settings.settings import RuntimeChoice
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.projects import a_project, an_env_var, an_environment
from pushpaka_core.testing.objects.values import a_secret
from pushpaka_core.testing.stored_objects import store, store_deployment

ROWS = 6_000
_OTHER_KEY = "other=" + "YWJj" * 10 + "YWI="


@pytest.fixture(params=["sqlite", POSTGRES])
async def served_instance(request: pytest.FixtureRequest) -> AsyncIterator[ServedInstance]:
    """Yield a running instance, once for each kind of database."""
    async with open_served(PUSHPAKA_ROUTER="none", PUSHPAKA_TEST_TIMING="fast") as served:
        if request.param == "sqlite":
            yield await served.start()
            return
        server: PostgresServer = request.getfixturevalue("postgres")
        with server.database() as url:
            served.env["PUSHPAKA_DATABASE_URL"] = url
            yield await served.start()


@pytest.mark.anyio
@pytest.mark.suite("integration")
@pytest.mark.timeout(600)
async def test_a_killed_rotation_can_be_completed(
    served_instance: ServedInstance,
) -> None:
    """Every secret stays readable, and the instance can store new secrets meanwhile."""
    async with (
        served_instance.api(await served_instance.sign_up()) as api,
        _open_storage(served_instance) as storage,
    ):
        project, crowded = await _project(api, "small"), await _project(api, "crowded")
        first = _keys(served_instance)
        await _fill(served_instance, crowded, first)
        await _set_env_var(api, project, "MEANWHILE")

        command = [*PROGRAM, "keys", "rotate"]
        process = await anyio.open_process(
            command, env=served_instance.environment(), stdout=DEVNULL, stderr=DEVNULL
        )
        async with background_task(partial(_set_repeatedly, api, project, "MEANWHILE")):
            while ROWS * 0.9 < (await _key_usage(storage))[first.current_key]:
                assert process.returncode is None
                await anyio.sleep(0.05)
            process.send_signal(SIGKILL)
            await process.wait()
        half_way = await _key_usage(storage)
        read_half_way = await _read(storage, crowded, _keys(served_instance))
        await _set_env_var(api, project, "BETWEEN")
        completed = await served_instance.run("keys", "rotate")
        await _set_env_var(api, project, "AFTERWARDS")

        rotated = _keys(served_instance)
        pruned = await served_instance.run("keys", "prune")
        await _set_env_var(api, project, "AT_LAST")

        assert 0 < half_way[first.current_key] < ROWS
        assert {f"value {number}" for number in range(ROWS)} == read_half_way
        assert 0 == completed.code, completed.errors
        assert "An earlier rotation" in completed.output
        assert {rotated.current_key: ROWS + 4} == await _key_usage(storage)
        assert read_half_way == await _read(storage, crowded, _keys(served_instance))
        assert f"Removed {first.current_key}, which no secret needs.\n" == pruned.output
        assert [rotated.current_key] == list(_keys(served_instance).encryption_keys)
    assert "Traceback" not in served_instance.log


def test_keys_are_rotated_while_the_instance_serves(operator: Operator) -> None:
    """The keys are listed with the number of their uses, and old keys are removed."""
    before_all = operator.run_refused("keys", "list")
    operator.add_secret()
    old = _keys(operator)

    with operator.serve():
        rotated = operator.run("keys", "rotate")
    listed = operator.run("keys", "list")
    uses = json.loads(operator.run("keys", "list", "--json").output)["data"]
    exported = operator.run("export", str(operator.directory / "export"))
    new = _keys(operator)
    pruned = operator.run("keys", "prune")

    assert "Set PUSHPAKA_DATA_DIRECTORY and " in before_all
    assert f"Created {new.current_key}, which is now the current key.\n" in rotated.output
    assert f"Encrypted 1 secret with {new.current_key}.\n" in rotated.output
    rows = [line.split() for line in listed.output.splitlines()]
    assert [[new.current_key, "current"], [old.current_key, "old"]] == [row[:2] for row in rows]
    assert [["1", "secret"], ["0", "secrets"]] == [row[-2:] for row in rows]
    assert [(new.current_key, True, 1), (old.current_key, False, 0)] == [
        (use["id"], use["is_current"], use["secrets"]) for use in uses
    ]
    assert f"the keys of its secrets: {new.current_key}." in exported.errors
    assert f"Removed {old.current_key}, which no secret needs.\n" == pruned.output
    assert [new.current_key] == list(_keys(operator).encryption_keys)


def test_keys_in_the_settings_must_be_changed_by_the_operator(operator: Operator) -> None:
    """The first key encrypts. The commands change no keys, and print the operator's next step."""
    operator.add_secret()
    file = (operator.data_directory / KEY_FILE).read_text()
    (old,) = json.loads(file)["encryption_keys"].items()
    operator.env["PUSHPAKA_ENCRYPTION_KEYS"] = f"{_OTHER_KEY},{'='.join(old)}"

    refused = operator.run_refused("keys", "prune")
    rotated = operator.run("keys", "rotate")
    pruned = operator.run("keys", "prune")

    assert f"still encrypted with older keys: {old[0]} (1)" in refused
    assert "No key was created. PUSHPAKA_ENCRYPTION_KEYS is set" in rotated.output
    assert "Encrypted 1 secret with other.\n" in rotated.output
    expected = f"No secret needs these keys: {old[0]}. Remove them from PUSHPAKA_ENCRYPTION_KEYS.\n"
    assert expected == pruned.output
    assert file == (operator.data_directory / KEY_FILE).read_text()


def test_an_environment_whose_key_is_missing_is_reported(operator: Operator) -> None:
    """A deployment's environment cannot be set again, so the error suggests a new deployment."""

    async def store_environment_without_key() -> DeploymentId:
        await to_thread.run_sync(prepare_data_directory, operator.settings(), RuntimeChoice.PROCESS)
        async with open_storage(operator.sqlite_url, migrate=True) as storage:
            deployment = await store_deployment(storage)
            secret = evolve(a_secret(), key_id="gone")
            await store(storage, an_environment(deployment, secret=secret))
        return deployment.id

    deployment_id = run_async(store_environment_without_key)

    rotated = operator.run("keys", "rotate")

    assert 1 == rotated.code
    assert f"No key can decrypt the environment of {deployment_id}." in rotated.errors
    assert "If the deployment is active, deploy its project again" in rotated.errors


@asynccontextmanager
async def _open_storage(served_instance: ServedInstance) -> AsyncIterator[SqlStorage]:
    async with open_storage(_url(served_instance), migrate=False) as storage:
        yield storage


async def _project(api: httpx.AsyncClient, name: str) -> str:
    body = {"name": name, "repo_url": "https://git.example.com/app.git"}
    answer = await api.post("/projects", json=body)
    assert 201 == answer.status_code, answer.text
    return str(answer.json()["id"])


async def _set_env_var(api: httpx.AsyncClient, project_id: str, key: str) -> None:
    """Set an environment variable."""
    body = {"project_id": project_id, "key": key, "value": "some value"}
    answer = await api.post("/env", json=body)
    assert answer.is_success, answer.text


async def _set_repeatedly(api: httpx.AsyncClient, project_id: str, key: str) -> None:
    while True:
        await _set_env_var(api, project_id, key)
        await anyio.sleep(0.05)


async def _fill(served_instance: ServedInstance, project_id: str, keys: PlatformKeys) -> None:
    """Add more environment variables to a project than its owner is allowed to."""
    project, cipher = a_project(a_user(), id=ProjectId(UUID(project_id))), make_cipher(keys)
    rows = [
        _with_value(an_env_var(project, key=f"K{n}"), f"value {n}", cipher) for n in range(ROWS)
    ]

    def insert(connection: sa.Connection) -> None:
        connection.execute(sa.insert(env_vars), [to_row(row) for row in rows])

    database = database_at(_url(served_instance))
    await to_thread.run_sync(
        partial(database.run_with_schema_lock, insert, wait_timeout=WAIT_TIMEOUT)
    )


def _with_value(env_var: EnvVar, value: str, cipher: AesGcmCipher) -> EnvVar:
    return evolve(env_var, secret=cipher.encrypt(value, context=env_var.secret_context))


async def _key_usage(storage: SqlStorage) -> Mapping[str, int]:
    async with storage.snapshot() as uow:
        return await uow.secrets.count_by_key()


async def _read(storage: SqlStorage, project_id: str, keys: PlatformKeys) -> set[str]:
    cipher = make_cipher(keys)
    async with storage.snapshot() as uow:
        found = await uow.env_vars.visible_to(PLATFORM).of_project(ProjectId(UUID(project_id)))
    return {cipher.decrypt(each.secret, context=each.secret_context) for each in found}


def _keys(instance: ServedInstance | Operator) -> PlatformKeys:
    return PlatformKeys.parse((instance.data_directory / KEY_FILE).read_text())


def _url(served_instance: ServedInstance) -> str:
    file = f"sqlite:///{served_instance.data_directory / 'pushpaka.sqlite'}"
    return served_instance.env.get("PUSHPAKA_DATABASE_URL", file)
