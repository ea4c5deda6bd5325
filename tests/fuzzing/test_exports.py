"""Mutated exports are refused, or imported completely."""

import gzip
import json
import shutil
from collections.abc import Iterator
from functools import partial
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from tests.fuzzing.effort import EXAMPLES, Refusal, bounded, outcome
from tests.fuzzing.mutations import mutated, mutated_bytes, mutated_json

from pushpaka_core.adapters.sql.migration import migrate
from pushpaka_core.adapters.sql.storage import open_storage
from pushpaka_core.adapters.sql.transfer.transfer import export_database, import_database
from pushpaka_core.domain.secrets import Encrypted
from pushpaka_core.errors import SettingsError
from pushpaka_core.testing.objects.accounts import a_user
from pushpaka_core.testing.objects.deployments import a_release, a_running_deployment, a_target
from pushpaka_core.testing.objects.projects import a_project, an_env_var

KEY = "k1"
fewer = settings(bounded, max_examples=EXAMPLES or 8)  # Each writes a database.


@frozen
class ExportFixture:
    """A valid export, and an empty database to import other exports into."""

    data: bytes
    empty_database: Path
    empty_export: bytes
    """The export of the empty database."""
    portal: BlockingPortal

    @property
    def documents(self) -> list[Any]:
        """The decoded lines of the export, without the digest at the end."""
        return [json.loads(line) for line in gzip.decompress(self.data).splitlines()[:-1]]

    def import_and_export(self, data: bytes) -> bytes | Refusal:
        """Import *data* into a new database, and return that database's export, or the refusal."""
        target = self.empty_database.with_name("target.db")
        url = f"sqlite:///{shutil.copy(self.empty_database, target)}"
        call = self.portal.call
        result = outcome(partial(call, _import, url, data), SettingsError)
        if isinstance(result, Refusal):
            assert result.reason
            assert self.empty_export == call(_export, url)
            return result
        return call(_export, url)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExportFixture]:
    directory = tmp_path_factory.mktemp("exports")
    full, empty_database = directory / "full.db", directory / "empty.db"
    with start_blocking_portal() as portal:
        portal.call(_fill, f"sqlite:///{full}")
        portal.call(migrate, f"sqlite:///{empty_database}")
        data, empty_export = (
            portal.call(_export, f"sqlite:///{file}") for file in (full, empty_database)
        )
        yield ExportFixture(data, empty_database, empty_export, portal)


def export_of(lines: list[str]) -> bytes:
    """Return an export of *lines*, with a valid digest."""
    text = "".join(f"{line}\n" for line in lines).encode(errors="surrogatepass")
    end = json.dumps({"sha256": sha256(text).hexdigest()}).encode()
    return gzip.compress(text + end + b"\n", compresslevel=1)


@st.composite
def forged_exports(draw: DrawFn, documents: list[Any]) -> bytes:
    """Return an export with some lines changed, removed, repeated or broken."""
    lines = [json.dumps(document, separators=(",", ":")) for document in documents]
    for _ in range(draw(st.integers(1, 3))):
        number = draw(st.integers(0, len(lines) - 1))
        match draw(st.sampled_from(("document", "document", "text", "lose", "repeat"))):
            case "document":
                lines[number] = json.dumps(draw(mutated_json([documents[number % len(documents)]])))
            case "text":
                lines[number] = draw(mutated([lines[number]]))
            case "lose" if len(lines) > 1:
                del lines[number]
            case _:
                lines.insert(number, lines[number])
    return export_of(lines)


@fewer
@given(data=st.data())
def test_a_damaged_export_is_refused(data: st.DataObject, exported: ExportFixture) -> None:
    damaged = data.draw(mutated_bytes([exported.data]))

    assert (exported.import_and_export(damaged) == exported.data) is (damaged == exported.data)


@fewer
@given(data=st.data())
def test_a_forged_export_is_refused_or_imported_completely(
    data: st.DataObject, exported: ExportFixture
) -> None:
    imported = exported.import_and_export(data.draw(forged_exports(exported.documents)))

    if not isinstance(imported, Refusal):
        assert imported == exported.import_and_export(imported)


@pytest.mark.parametrize("number", ["Infinity", "1e999", "9" * 5000, "[" * 3000])
def test_extreme_json_is_refused(number: str, exported: ExportFixture) -> None:
    first, *others = [json.dumps(document) for document in exported.documents]
    counted = first.replace('"users": 1', f'"users": {number}')

    assert first != counted
    assert isinstance(exported.import_and_export(export_of([counted, *others])), Refusal)


async def _fill(url: str) -> None:
    user = a_user(name="Jürgen 🦆")
    secret = Encrypted(key_id=KEY, ciphertext=bytes(range(64)))
    project = a_project(user, git_token=secret, cpu_limit=0.1)
    deployment = a_running_deployment(project)
    async with open_storage(url, migrate=True) as storage, storage.transaction() as uow:
        await uow.users.add(user)
        await uow.projects.add(project)
        await uow.deployments.add(deployment)
        await uow.releases.add(a_release(deployment))
        await uow.targets.put(a_target(deployment))
        await uow.env_vars.put(an_env_var(project))


async def _export(url: str) -> bytes:
    file = BytesIO()
    await export_database(url, file)
    return file.getvalue()


async def _import(url: str, data: bytes) -> None:
    await import_database(url, BytesIO(data), available_keys={KEY, "k2"})
