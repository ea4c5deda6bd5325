"""Export and import of a whole database."""

import gzip
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from errno import ENOSPC
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from anyio import to_thread
from tests.adapters.sql.operators import change
from tests.postgres import POSTGRES

from pushpaka_core.adapters.sql import schema
from pushpaka_core.adapters.sql.engine import PATIENCE, database_at
from pushpaka_core.adapters.sql.export_files import Contents, ExportWriter
from pushpaka_core.adapters.sql.export_rows import TABLES, exported
from pushpaka_core.adapters.sql.migration import instance_id_at, migrate
from pushpaka_core.adapters.sql.storage import open_storage
from pushpaka_core.adapters.sql.transfer import export_database, import_database
from pushpaka_core.domain.nodes import Node
from pushpaka_core.domain.secrets import Encrypted
from pushpaka_core.domain.webhooks import WebhookDelivery
from pushpaka_core.errors import SettingsError
from pushpaka_core.testing.objects import (
    NOON,
    a_channel,
    a_custom_domain,
    a_deploy_key,
    a_member,
    a_message,
    a_project,
    a_release,
    a_running_deployment,
    a_target,
    a_timeline_event,
    a_user,
    a_webhook,
    a_worker,
    an_api_token,
    an_audit_entry,
    an_ended_token,
    an_entry,
    an_env_var,
    an_environment,
    an_instance,
    an_invitation,
)

pytestmark = pytest.mark.anyio

KEYS = {"k1", "k2"}
NEWEST = "0014"
LINES = 450
"""More than are read and written at once."""


@pytest.fixture
async def source(tmp_path: Path) -> str:
    """An SQLite database with rows in every table."""
    url = f"sqlite:///{tmp_path / 'source.db'}"
    await _fill(url)
    return url


@pytest.fixture
def target(tmp_path: Path) -> str:
    """A place for an SQLite database, where there is none yet."""
    return f"sqlite:///{tmp_path / 'target.db'}"


async def _fill(url: str) -> None:
    user, member = a_user(name="Jürgen 🦆", disabled_at=NOON), a_user()
    token = Encrypted(key_id="k2", ciphertext=bytes(range(256)))
    project = a_project(user, git_token=token, cpu_limit=0.1, auto_deploy=False)
    deployment = a_running_deployment(project)
    async with open_storage(url, migrate=True) as storage, storage.transaction() as uow:
        await uow.users.add(user)
        await uow.users.add(member)
        await uow.api_tokens.add(an_api_token(user, last_used_at=NOON))
        await uow.ended_tokens.put(an_ended_token(user))
        await uow.projects.add(project)
        await uow.members.put(a_member(project, member))
        await uow.invitations.add(an_invitation(project, "carl@example.com"))
        await uow.deployments.add(deployment)
        await uow.releases.add(a_release(deployment))
        await uow.targets.put(a_target(deployment))
        await uow.instances.add(an_instance(deployment))
        await uow.env_vars.put(an_env_var(project))
        await uow.env_vars.freeze(an_environment(deployment))
        await uow.channels.add(a_channel(project, secret=token))
        await uow.deploy_keys.put(a_deploy_key(project))
        await uow.custom_domains.add(a_custom_domain(project))
        await uow.outbox.add(a_message(project))
        webhook = a_webhook(project)
        await uow.webhooks.put(webhook)
        await uow.webhooks.note(
            WebhookDelivery(webhook_id=webhook.id, digest="d1", received_at=NOON)
        )
        for _ in range(3):
            await uow.audit.add(an_audit_entry(user.id))
            await uow.timeline.add(a_timeline_event(deployment))
        await uow.logs.append(deployment.id, [an_entry() for _ in range(LINES)])
        await uow.nodes.add(Node(runtime="process", name="alpha"))
        await uow.workers.put(a_worker())
        await uow.node_leases.take("alpha", "first")
        await uow.next_generation(above=6)


async def test_every_row_comes_into_a_new_database(source: str, target: str) -> None:
    """What was exported is imported as it was, into a database that gets its tables first."""
    export = await _exported(source)

    contents = await _import(target, export)

    assert await _rows(source) == await _rows(target)
    assert LINES == contents.rows["log_lines"]
    assert ["k1", "k2"] == contents.key_ids


@pytest.mark.needs("postgres")
async def test_every_row_comes_to_postgres_and_back(
    source: str, target: str, postgres_url: str
) -> None:
    """From SQLite to PostgreSQL and from there to SQLite nothing is lost or changed."""
    await _import(postgres_url, await _exported(source))

    await _import(target, await _exported(postgres_url))

    assert await _rows(source) == await _rows(postgres_url)
    assert await _rows(source) == await _rows(target)


@pytest.mark.parametrize("kind", ["sqlite", POSTGRES])
async def test_an_imported_database_goes_on(
    source: str, kind: str, request: pytest.FixtureRequest
) -> None:
    """What is added afterwards comes after what was there, and gets numbers of its own."""
    url = request.getfixturevalue("url" if kind == "sqlite" else "postgres_url")
    await _import(url, await _exported(source))

    async with open_storage(url, migrate=False) as storage:
        async with storage.transaction() as uow:
            user, _ = await uow.users.all()
            newest = an_audit_entry(user.id)
            await uow.audit.add(newest)
            generation = await uow.next_generation()
        async with storage.snapshot() as uow:
            page = await uow.audit.page(user.id, limit=10, offset=0)

    assert (4, newest) == (page.total, page.items[0])
    assert 8 == generation


async def test_what_belongs_to_a_machine_stays_there(source: str, target: str) -> None:
    """The next worker finds no other node, nor a lease that somebody holds."""
    await _import(target, await _exported(source))

    assert [] == await to_thread.run_sync(_all, target, sa.select(schema.nodes))
    assert [] == await to_thread.run_sync(_all, target, sa.select(schema.workers))
    assert [] == await to_thread.run_sync(_all, target, sa.select(schema.node_leases))


async def test_an_export_is_of_one_moment(source: str, target: str) -> None:
    """What others write while it is made is not in it."""
    file = _Interrupted(lambda: change(source, "UPDATE users SET name = 'Later'"))

    await export_database(source, file)

    assert file.has_happened
    await _import(target, file.getvalue())
    names = await to_thread.run_sync(_all, target, sa.select(schema.users.c.name))
    assert ("Jürgen 🦆",) in names
    assert ("Later",) not in names


async def test_secrets_need_their_keys(source: str, target: str) -> None:
    """An export whose keys are not here is refused before anything is made; the keys are named."""
    export = await _exported(source)

    with pytest.raises(SettingsError, match=r"not here: k2\. Set .*keys\.json"):
        await _import(target, export, known_keys={"k1", "k3"})

    assert not _file_of(target).exists()


@pytest.mark.parametrize("kind", ["sqlite", POSTGRES])
async def test_only_an_empty_database_is_filled(
    source: str, kind: str, request: pytest.FixtureRequest
) -> None:
    """Two instances do not become one."""
    url = request.getfixturevalue("url" if kind == "sqlite" else "postgres_url")
    async with open_storage(url, migrate=True) as storage, storage.transaction() as uow:
        await uow.users.add(a_user())
    before = await _rows(url)

    with pytest.raises(SettingsError, match="not empty: it has a user"):
        await _import(url, await _exported(source))

    assert before == await _rows(url)


async def test_a_database_that_served_nobody_yet_is_filled(source: str, target: str) -> None:
    """A first start leaves a node and a lease behind, which are no reason to refuse."""
    async with open_storage(target, migrate=True) as storage, storage.transaction() as uow:
        await uow.nodes.add(Node(runtime="process", name="beta"))
        await uow.node_leases.take("beta", "first")

    await _import(target, await _exported(source))

    assert await _rows(source) == await _rows(target)


def _cut_in_the_middle(export: bytes) -> bytes:
    return export[: len(export) // 2]


def _without_its_last_line(export: bytes) -> bytes:
    return _edited(export, lambda lines: lines[:-1])


def _without_a_row(export: bytes) -> bytes:
    return _edited(export, lambda lines: [*lines[:-2], lines[-1]])


def _with_more_at_the_end(export: bytes) -> bytes:
    return export + export


def _changed(export: bytes) -> bytes:
    return _edited(export, lambda lines: [line.replace(b"Hello.", b"Howdy!") for line in lines])


def _of_another_row(table: str, **fields: object) -> bytes:
    rows = dict.fromkeys(_NAMES, 0) | {table: 1}
    contents = Contents(instance_id=uuid4(), revision=NEWEST, key_ids=[], rows=rows)
    return _export_of(contents, table, fields)


def _with_a_wrong_type(_: bytes) -> bytes:
    return _of_another_row("counters", name="generation", value="many")


def _with_a_number_that_no_database_keeps(_: bytes) -> bytes:
    return _of_another_row("counters", name="generation", value=2**80)


def _with_an_unknown_column(_: bytes) -> bytes:
    return _of_another_row("counters", name="generation", value=1, more=2)


def _with_a_row_without_its_owner(_: bytes) -> bytes:
    nobody = "00000000-0000-0000-0000-000000000001"
    fields = {"level": "info", "stream": "system", "phase": "run", "message": "Hello."}
    return _of_another_row(
        "log_lines", deployment_id=nobody, seq=1, created_at="2026-03-01T12:00:00+00:00", **fields
    )


@pytest.mark.parametrize(
    ("broken", "kind"),
    [
        (_cut_in_the_middle, "sqlite"),
        (_without_its_last_line, "sqlite"),
        pytest.param(_without_its_last_line, "postgres", marks=pytest.mark.needs("postgres")),
        (_without_a_row, "sqlite"),
        (_with_more_at_the_end, "sqlite"),
        (_changed, "sqlite"),
        (_with_a_wrong_type, "sqlite"),
        (_with_a_number_that_no_database_keeps, "sqlite"),
        (_with_an_unknown_column, "sqlite"),
        (_with_a_row_without_its_owner, "sqlite"),
        pytest.param(
            _with_a_row_without_its_owner, "postgres", marks=pytest.mark.needs("postgres")
        ),
    ],
)
async def test_a_broken_export_leaves_nothing(
    source: str, kind: str, broken: Callable[[bytes], bytes], request: pytest.FixtureRequest
) -> None:
    """Wherever it is noticed that an export is cut or damaged, no row of it stays."""
    url = request.getfixturevalue("url" if kind == "sqlite" else "postgres_url")
    await migrate(url)
    before = await _rows(url)

    with pytest.raises(SettingsError, match="cut or damaged"):
        await _import(url, broken(await _exported(source)))

    assert before == await _rows(url)


@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"SQLite format 3\x00",
        gzip.compress(b""),
        gzip.compress(b"Dear diary,\n"),
        gzip.compress(b"[]\n"),
        gzip.compress(b'{"format": "another"}\n'),
        gzip.compress(b'{"format": "pushpaka-export", "rows": []}\n'),
    ],
    ids=["empty", "database", "no line", "prose", "list", "another format", "no version"],
)
async def test_another_file_is_no_export(target: str, file: bytes) -> None:
    """It is told in a sentence, and no database is made."""
    with pytest.raises(SettingsError, match="not a file that `pushpaka export` has written"):
        await _import(target, file)

    assert not _file_of(target).exists()


@pytest.mark.parametrize(("revision", "known"), [("9999", "newer"), ("0001", "older")])
async def test_an_export_of_another_schema_is_refused(
    target: str, revision: str, known: str
) -> None:
    """It says who has to be updated."""
    rows = dict.fromkeys(_NAMES, 0)
    contents = Contents(instance_id=uuid4(), revision=revision, key_ids=[], rows=rows)

    with pytest.raises(SettingsError, match=f"of an? {known} Pushpaka"):
        await _import(target, _export_of(contents, "users"))


async def test_the_imported_database_is_of_the_exported_instance(source: str, target: str) -> None:
    """So its data directory goes on with it; that of another instance does not."""
    contents = await _import(target, await _exported(source))

    assert contents.instance_id == await instance_id_at(source) == await instance_id_at(target)


async def test_an_export_is_refused_beside_what_another_instance_runs(
    source: str, target: str
) -> None:
    """By its data directory, unless that is of the very database that is filled."""
    export = await _exported(source)
    await migrate(target)
    replaced = await instance_id_at(target)

    with pytest.raises(SettingsError, match="of another instance than the export"):
        await _import(target, export, known_as=uuid4())
    await _import(target, export, known_as=replaced)

    assert await _rows(source) == await _rows(target)


async def test_a_database_without_the_present_schema_is_not_exported(target: str) -> None:
    """A mistyped address makes neither an empty export nor an empty database."""
    with pytest.raises(SettingsError, match="pushpaka migrate"):
        await _exported(target)

    assert not _file_of(target).exists()


async def test_a_full_disk_is_told(source: str) -> None:
    """An export that cannot be written ends with a sentence."""
    with pytest.raises(SettingsError, match="cannot be written: No space left on device"):
        await export_database(source, _Full())


_NAMES = [table.name for table in TABLES]


class _Full(BytesIO):
    def write(self, _: Any, /) -> int:
        raise OSError(ENOSPC, os.strerror(ENOSPC))


class _Interrupted(BytesIO):
    """Has something happen when it is first written to."""

    def __init__(self, event: Callable[[], None]) -> None:
        super().__init__()
        self._event = event
        self.has_happened = False

    def write(self, written: Any, /) -> int:
        if not self.has_happened:
            self.has_happened = True
            self._event()
        return super().write(written)


async def _exported(url: str) -> bytes:
    file = BytesIO()
    await export_database(url, file)
    return file.getvalue()


async def _import(
    url: str,
    export: bytes,
    *,
    known_keys: Collection[str] = KEYS,
    known_as: UUID | None = None,
) -> Contents:
    return await import_database(url, BytesIO(export), known_keys=known_keys, known_as=known_as)


def _edited(export: bytes, edit: Callable[[list[bytes]], list[bytes]]) -> bytes:
    lines = gzip.decompress(export).splitlines(keepends=True)
    return gzip.compress(b"".join(edit(lines)))


def _export_of(contents: Contents, table: str, *rows: Mapping[str, Any]) -> bytes:
    file = BytesIO()
    writer = ExportWriter(file)
    writer.begin(contents)
    writer.add(table, rows)
    writer.finish()
    return file.getvalue()


async def _rows(url: str) -> Mapping[str, Sequence[str]]:
    """Return all that is exported, as the database gives it."""
    return await to_thread.run_sync(_all_rows, url)


def _all_rows(url: str) -> Mapping[str, Sequence[str]]:
    def read(connection: sa.Connection) -> Mapping[str, Sequence[str]]:
        return {t.name: sorted(map(repr, connection.execute(exported(t)))) for t in TABLES}

    return database_at(url).work_on_schema(read, patience=PATIENCE)


def _all(url: str, query: sa.Select[Any]) -> Sequence[tuple[Any, ...]]:
    def read(connection: sa.Connection) -> Sequence[tuple[Any, ...]]:
        return [tuple(row) for row in connection.execute(query)]

    return database_at(url).work_on_schema(read, patience=PATIENCE)


def _file_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))
