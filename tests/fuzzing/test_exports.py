"""A file that is no export, or one that was changed: refused, and nothing of it is imported."""

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
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from tests.fuzzing.effort import Refusal, bounded, outcome
from tests.fuzzing.mutations import nearly, nearly_bytes, nearly_json

from pushpaka_core.adapters.sql.migration import migrate
from pushpaka_core.adapters.sql.storage import open_storage
from pushpaka_core.adapters.sql.transfer import export_database, import_database
from pushpaka_core.domain.secrets import Encrypted
from pushpaka_core.errors import SettingsError
from pushpaka_core.testing.objects import (
    a_project,
    a_release,
    a_running_deployment,
    a_target,
    a_user,
    an_env_var,
)

KEY = "k1"


@frozen
class Exported:
    """What was exported, and an empty database for whoever wants to import it."""

    data: bytes
    empty: Path
    nothing: bytes
    """What the empty database says of itself."""
    portal: BlockingPortal

    @property
    def documents(self) -> list[Any]:
        """Return the lines, without the digest that they end by."""
        return [json.loads(line) for line in gzip.decompress(self.data).splitlines()[:-1]]

    def imported(self, data: bytes) -> bytes | Refusal:
        """Return what a new database says of itself once *data* was imported into it."""
        url = f"sqlite:///{shutil.copy(self.empty, self.empty.with_name('target.db'))}"
        call = self.portal.call
        result = outcome(partial(call, _import, url, data), SettingsError, within=2)
        if isinstance(result, Refusal):
            assert result.reason
            assert self.nothing == call(_export, url)
            return result
        return call(_export, url)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exported]:
    directory = tmp_path_factory.mktemp("exports")
    full, empty = directory / "full.db", directory / "empty.db"
    with start_blocking_portal() as portal:
        portal.call(_fill, f"sqlite:///{full}")
        portal.call(migrate, f"sqlite:///{empty}")
        data, nothing = (portal.call(_export, f"sqlite:///{file}") for file in (full, empty))
        yield Exported(data, empty, nothing, portal)


def written(lines: list[str]) -> bytes:
    """Return an export of these lines, with the digest of them, as who knows the form writes it."""
    text = "".join(f"{line}\n" for line in lines).encode(errors="surrogatepass")
    end = json.dumps({"sha256": sha256(text).hexdigest()}).encode()
    return gzip.compress(text + end + b"\n", compresslevel=1)


@st.composite
def forged(draw: DrawFn, documents: list[Any]) -> bytes:
    """Return an export of which some lines are changed, lost, repeated, or no JSON any more."""
    lines = [json.dumps(document, separators=(",", ":")) for document in documents]
    for _ in range(draw(st.integers(1, 3))):
        number = draw(st.integers(0, len(lines) - 1))
        match draw(st.sampled_from(("document", "document", "text", "lose", "repeat"))):
            case "document":
                lines[number] = json.dumps(draw(nearly_json([documents[number % len(documents)]])))
            case "text":
                lines[number] = draw(nearly([lines[number]]))
            case "lose" if len(lines) > 1:
                del lines[number]
            case _:
                lines.insert(number, lines[number])
    return written(lines)


@bounded
@given(data=st.data())
def test_a_damaged_export_is_refused(data: st.DataObject, exported: Exported) -> None:
    """Whatever bytes were lost or changed on the way, nothing of it is imported."""
    damaged = data.draw(nearly_bytes([exported.data]))

    assert (exported.imported(damaged) == exported.data) is (damaged == exported.data)


@bounded
@given(data=st.data())
def test_a_forged_export_is_refused_or_imported_as_it_says(
    data: st.DataObject, exported: Exported
) -> None:
    """What can be imported is exported again as it is kept; nothing is imported in part."""
    imported = exported.imported(data.draw(forged(exported.documents)))

    if not isinstance(imported, Refusal):
        assert imported == exported.imported(imported)


@pytest.mark.parametrize("number", ["Infinity", "1e999", "9" * 5000, "[" * 3000])
def test_what_json_can_say_and_nobody_can_count_is_refused(number: str, exported: Exported) -> None:
    """Numbers beyond all bounds, and nesting without end, are no fault of ours."""
    first, *others = [json.dumps(document) for document in exported.documents]
    counted = first.replace('"users": 1', f'"users": {number}')

    assert first != counted
    assert isinstance(exported.imported(written([counted, *others])), Refusal)


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
    await import_database(url, BytesIO(data), known_keys={KEY, "k2"})
