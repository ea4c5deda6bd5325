"""Tests the export and import of a whole database."""

import gzip
import os
import shutil
from collections.abc import Callable, Collection, Mapping, Sequence
from errno import ENOSPC
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from anyio import run, to_thread
from tests.adapters.sql.operators import become_next_version, change

from pushpaka_core.adapters.sql import schema
from pushpaka_core.adapters.sql.connections.engine import WAIT_TIMEOUT, database_at
from pushpaka_core.adapters.sql.migration import instance_id_at, read_schema_versions
from pushpaka_core.adapters.sql.storage import open_storage
from pushpaka_core.adapters.sql.transfer.export_files import ExportHeader, ExportWriter
from pushpaka_core.adapters.sql.transfer.export_rows import TABLES, export_query
from pushpaka_core.adapters.sql.transfer.transfer import export_database, import_database
from pushpaka_core.domain.integrations.notifications import CHANNELS
from pushpaka_core.domain.integrations.webhooks import WebhookDelivery
from pushpaka_core.domain.platform.nodes import Node
from pushpaka_core.domain.secrets import Encrypted
from pushpaka_core.errors import SettingsError
from pushpaka_core.testing.objects.accounts import (
    a_member,
    a_revoked_token,
    a_user,
    an_api_token,
    an_audit_entry,
)
from pushpaka_core.testing.objects.deployments import (
    a_log_entry,
    a_release,
    a_running_deployment,
    a_target,
    a_timeline_event,
    an_instance,
)
from pushpaka_core.testing.objects.integrations import (
    a_channel,
    a_webhook,
    a_worker,
)
from pushpaka_core.testing.objects.projects import (
    a_project,
    an_environment,
)
from pushpaka_core.testing.objects.values import NOON
from pushpaka_core.testing.objects.volumes import a_snapshot, a_volume
from pushpaka_core.testing.stored_objects import parts_of, store

pytestmark = pytest.mark.anyio

KEYS = {"k1", "k2"}
NEWEST = run(read_schema_versions).newest
LINES = 450
"""A number of rows that is larger than one batch of an export or import."""


@pytest.fixture(scope="module")
async def source(migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the URL of an SQLite database with rows in every table."""
    file = tmp_path_factory.mktemp("source") / "source.db"
    await to_thread.run_sync(shutil.copy, migrated_file, file)
    await _fill(f"sqlite:///{file}")
    return f"sqlite:///{file}"


@pytest.fixture(scope="module")
async def export(source: str) -> bytes:
    return await _export(source)


@pytest.fixture
def target(tmp_path: Path) -> str:
    """Return the URL of an SQLite database that does not exist yet."""
    return f"sqlite:///{tmp_path / 'target.db'}"


async def _fill(url: str) -> None:
    user, member = a_user(name="Jürgen 🦆", disabled_at=NOON), a_user()
    token = Encrypted(key_id="k2", ciphertext=bytes(range(256)))
    project = a_project(user, git_token=token, cpu_limit=0.1, auto_deploy=False)
    deployment = a_running_deployment(project)
    async with open_storage(url, migrate=False) as storage, storage.transaction() as uow:
        await uow.users.add(user)
        await uow.users.add(member)
        await uow.api_tokens.add(an_api_token(user, last_used_at=NOON))
        await uow.revoked_tokens.put(a_revoked_token(user))
        await uow.projects.add(project)
        await uow.members.put(a_member(project, member))
        await uow.deployments.add(deployment)
        await uow.releases.add(a_release(deployment))
        await uow.targets.put(a_target(deployment))
        await uow.instances.add(an_instance(deployment))
        await uow.env_vars.put_environment(an_environment(deployment))
        await uow.entities(CHANNELS).add(a_channel(project, secret=token))
        webhook = a_webhook(project)
        await uow.webhooks.add(webhook)
        await uow.webhooks.record_delivery(
            WebhookDelivery(webhook_id=webhook.id, digest="d1", received_at=NOON)
        )
        for _ in range(3):
            await uow.audit_entries.add(an_audit_entry(user.id))
            await uow.timeline_events.add(a_timeline_event(deployment))
        await uow.logs.append(deployment.id, [a_log_entry() for _ in range(LINES)])
        await uow.nodes.add(Node(runtime="process", name="alpha"))
        await uow.workers.put(a_worker())
        await uow.node_leases.acquire("alpha", "first")
        await uow.next_route_generation(lower_bound=6)
    async with open_storage(url, migrate=False) as storage:
        volume = a_volume(project)
        await store(storage, *parts_of(project), volume, a_snapshot(volume))


async def test_every_row_is_imported_into_a_new_database(
    source: str, export: bytes, target: str
) -> None:
    """The new database gets all tables and the instance id, but no data about a machine."""
    contents = await _import(target, export)

    assert await _rows(source) == await _rows(target)
    assert (LINES, ["k1", "k2"]) == (contents.rows["log_lines"], contents.key_ids)
    assert contents.instance_id == await instance_id_at(source) == await instance_id_at(target)
    for table in (schema.nodes, schema.workers, schema.node_leases):
        assert [] == await to_thread.run_sync(_fetch_all, target, sa.select(table))


@pytest.mark.needs("postgres")
async def test_every_row_is_transferred_to_postgres_and_back(
    source: str, export: bytes, target: str, postgres_url: str
) -> None:
    await _import(postgres_url, export)

    await _import(target, await _export(postgres_url))

    assert await _rows(source) == await _rows(postgres_url) == await _rows(target)


async def test_an_imported_database_can_be_used(export: bytes, any_url: str) -> None:
    """New rows come after the imported rows, and counters continue."""
    await _import(any_url, export)

    async with open_storage(any_url, migrate=False) as storage:
        async with storage.transaction() as uow:
            user, _ = await uow.users.all()
            newest = an_audit_entry(user.id)
            await uow.audit_entries.add(newest)
            generation = await uow.next_route_generation()
        async with storage.snapshot() as uow:
            page = await uow.audit_entries.page(user.id, limit=10, offset=0)

    assert (4, newest) == (page.total, page.items[0])
    assert 8 == generation


async def test_an_export_is_a_snapshot(source: str, target: str, tmp_path: Path) -> None:
    """The export does not contain rows that are written while it runs."""
    copy = tmp_path / "copy.db"
    await to_thread.run_sync(shutil.copy, _file_of(source), copy)
    file = _InterruptedStream(
        lambda: change(f"sqlite:///{copy}", "UPDATE users SET name = 'Later'")
    )

    await export_database(f"sqlite:///{copy}", file)

    assert file.has_happened
    await _import(target, file.getvalue())
    names = await to_thread.run_sync(_fetch_all, target, sa.select(schema.users.c.name))
    assert ("Jürgen 🦆",) in names
    assert ("Later",) not in names


async def test_import_requires_the_keys_of_the_export(export: bytes, target: str) -> None:
    """If a key of the export is missing, the import is refused before it creates a database."""
    with pytest.raises(SettingsError, match=r"not available: k2\. Set .*keys\.json"):
        await _import(target, export, known_keys={"k1", "k3"})

    assert not _file_of(target).exists()


async def test_import_requires_an_empty_database(export: bytes, any_url: str) -> None:
    async with open_storage(any_url, migrate=False) as storage, storage.transaction() as uow:
        await uow.users.add(a_user())
    before = await _rows(any_url)

    with pytest.raises(SettingsError, match="not empty: the table users has rows"):
        await _import(any_url, export)

    assert before == await _rows(any_url)


async def test_import_accepts_a_database_after_a_first_start(
    source: str, export: bytes, migrated_url: str
) -> None:
    """A node and its lease do not make a database count as used."""
    async with open_storage(migrated_url, migrate=False) as storage, storage.transaction() as uow:
        await uow.nodes.add(Node(runtime="process", name="beta"))
        await uow.node_leases.acquire("beta", "first")

    await _import(migrated_url, export)

    assert await _rows(source) == await _rows(migrated_url)


def _truncate(export: bytes) -> bytes:
    return export[: len(export) // 2]


def _remove_last_line(export: bytes) -> bytes:
    return _edit(export, lambda lines: lines[:-1])


def _remove_row(export: bytes) -> bytes:
    return _edit(export, lambda lines: [*lines[:-2], lines[-1]])


def _append_export(export: bytes) -> bytes:
    return export + export


def _modify_message(export: bytes) -> bytes:
    return _edit(export, lambda lines: [line.replace(b"Hello.", b"Howdy!") for line in lines])


def _export_of_row(table: str, **fields: object) -> bytes:
    rows = dict.fromkeys(_NAMES, 0) | {table: 1}
    export_header = ExportHeader(instance_id=uuid4(), revision=NEWEST, key_ids=[], rows=rows)
    return _export_of(export_header, table, fields)


def _export_with_wrong_type(_: bytes) -> bytes:
    return _export_of_row("counters", name="generation", value="many")


def _export_with_huge_number(_: bytes) -> bytes:
    return _export_of_row("counters", name="generation", value=2**80)


def _export_with_unknown_column(_: bytes) -> bytes:
    return _export_of_row("counters", name="generation", value=1, more=2)


def _export_with_orphaned_row(_: bytes) -> bytes:
    nobody = "00000000-0000-0000-0000-000000000001"
    fields = {"level": "info", "stream": "system", "phase": "run", "message": "Hello."}
    return _export_of_row(
        "log_lines", deployment_id=nobody, seq=1, created_at="2026-03-01T12:00:00+00:00", **fields
    )


@pytest.mark.parametrize(
    "break_export",
    [
        _truncate,
        _remove_row,
        _append_export,
        _modify_message,
        _export_with_wrong_type,
        _export_with_huge_number,
        _export_with_unknown_column,
    ],
)
async def test_a_broken_export_leaves_nothing(
    export: bytes, migrated_url: str, break_export: Callable[[bytes], bytes]
) -> None:
    """The import is rolled back, wherever the export is damaged."""
    await _require_rejected(migrated_url, break_export(export))


@pytest.mark.parametrize("break_export", [_remove_last_line, _export_with_orphaned_row])
async def test_a_broken_export_leaves_nothing_in_either_database(
    export: bytes, any_url: str, break_export: Callable[[bytes], bytes]
) -> None:
    """The digest at the end and the foreign keys are checked last."""
    await _require_rejected(any_url, break_export(export))


async def _require_rejected(url: str, export: bytes) -> None:
    before = await _rows(url)

    with pytest.raises(SettingsError, match="truncated or damaged"):
        await _import(url, export)

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
async def test_other_files_are_rejected(target: str, file: bytes) -> None:
    """A file that is not an export creates no database."""
    with pytest.raises(SettingsError, match="not an export of an instance"):
        await _import(target, file)

    assert not _file_of(target).exists()


@pytest.mark.parametrize(("revision", "known_revision"), [("9999", "newer"), (NEWEST, "older")])
async def test_an_export_of_another_schema_is_refused(
    target: str, revision: str, known_revision: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message says which version of the platform has to be updated."""
    become_next_version(monkeypatch, tmp_path)
    rows = dict.fromkeys(_NAMES, 0)
    export_header = ExportHeader(instance_id=uuid4(), revision=revision, key_ids=[], rows=rows)

    with pytest.raises(SettingsError, match=f"by an? {known_revision} version of Pushpaka"):
        await _import(target, _export_of(export_header, "users"))


async def test_an_export_of_another_instance_than_the_data_directory_is_refused(
    source: str, export: bytes, migrated_url: str
) -> None:
    """The data directory has to belong to the imported instance."""
    replaced = await instance_id_at(migrated_url)

    with pytest.raises(SettingsError, match="to a different instance than the export"):
        await _import(migrated_url, export, known_id=uuid4())
    await _import(migrated_url, export, known_id=replaced)

    assert await _rows(source) == await _rows(migrated_url)


async def test_a_database_without_the_current_schema_is_not_exported(target: str) -> None:
    """An export from a mistyped URL creates neither a file nor a database."""
    with pytest.raises(SettingsError, match="pushpaka migrate"):
        await _export(target)

    assert not _file_of(target).exists()


async def test_full_disk_is_reported(source: str) -> None:
    with pytest.raises(SettingsError, match="cannot be written: No space left on device"):
        await export_database(source, _FullStream())


_NAMES = [table.name for table in TABLES]


class _FullStream(BytesIO):
    def write(self, _: Any, /) -> int:
        raise OSError(ENOSPC, os.strerror(ENOSPC))


class _InterruptedStream(BytesIO):
    """A stream that runs a function at its first write."""

    def __init__(self, callback: Callable[[], None]) -> None:
        super().__init__()
        self._event = callback
        self.has_happened = False

    def write(self, chunk: Any, /) -> int:
        if not self.has_happened:
            self.has_happened = True
            self._event()
        return super().write(chunk)


async def _export(url: str) -> bytes:
    file = BytesIO()
    await export_database(url, file)
    return file.getvalue()


async def _import(
    url: str,
    export: bytes,
    *,
    known_keys: Collection[str] = KEYS,
    known_id: UUID | None = None,
) -> ExportHeader:
    return await import_database(
        url, BytesIO(export), available_keys=known_keys, data_directory_instance=known_id
    )


def _edit(export: bytes, edit_lines: Callable[[list[bytes]], list[bytes]]) -> bytes:
    lines = gzip.decompress(export).splitlines(keepends=True)
    return gzip.compress(b"".join(edit_lines(lines)))


def _export_of(export_header: ExportHeader, table: str, *rows: Mapping[str, Any]) -> bytes:
    file = BytesIO()
    writer = ExportWriter(file)
    writer.write_header(export_header)
    writer.write_rows(table, rows)
    writer.write_digest()
    return file.getvalue()


async def _rows(url: str) -> Mapping[str, Sequence[str]]:
    """Return the `repr` of all rows that an export contains, sorted, by table name."""
    return await to_thread.run_sync(_all_rows, url)


def _all_rows(url: str) -> Mapping[str, Sequence[str]]:
    def read(connection: sa.Connection) -> Mapping[str, Sequence[str]]:
        return {t.name: sorted(map(repr, connection.execute(export_query(t)))) for t in TABLES}

    return database_at(url).run_with_schema_lock(read, wait_timeout=WAIT_TIMEOUT)


def _fetch_all(url: str, query: sa.Select[Any]) -> Sequence[tuple[Any, ...]]:
    def read(connection: sa.Connection) -> Sequence[tuple[Any, ...]]:
        return [tuple(row) for row in connection.execute(query)]

    return database_at(url).run_with_schema_lock(read, wait_timeout=WAIT_TIMEOUT)


def _file_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))
