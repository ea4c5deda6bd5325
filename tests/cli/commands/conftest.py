"""Fixtures: an instance in memory for each module, and an account on it."""

from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from keyring.backends.fail import Keyring as NoKeyring
from sniffio import current_async_library_cvar
from tests.cli.commands.machines import Machine, Server, open_server


@pytest.fixture(autouse=True, scope="session")
def _no_keyring() -> None:
    """Do not use the keyring of the developer who runs the tests."""
    keyring.set_keyring(NoKeyring())  # type: ignore[no-untyped-call]  # it has no types


@pytest.fixture(autouse=True, scope="module")
def _no_event_loop() -> Iterator[None]:
    """Hide the event loop of async fixtures of other tests, because commands start their own."""
    token = current_async_library_cvar.set(None)
    yield
    current_async_library_cvar.reset(token)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Yield a server that the tests of a module share."""
    with open_server() as server:
        yield server


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Return a machine without a signed-in user."""
    return Machine.at(tmp_path)


@pytest.fixture(scope="module")
def _account(
    server: Server, _no_keyring: None, tmp_path_factory: pytest.TempPathFactory
) -> Machine:
    machine = Machine.at(tmp_path_factory.mktemp("ann"))
    machine.sign_up(server, "ann@example.com")
    return machine


@pytest.fixture
def ann(_account: Machine, tmp_path: Path) -> Machine:
    """Return a machine where Ann is signed in, in a folder that only this test uses."""
    return Machine(home=_account.home, folder=tmp_path)


@pytest.fixture
def project(ann: Machine) -> str:
    """Return the id of a project that belongs to Ann and is linked to the folder."""
    name = ann.folder.name.replace("_", "-").lower()[:60]
    repo = f"git@github.com:ann/{name}.git"
    made = ann.json("projects", "create", name, "--repo", repo)
    ann.run("init", "--project", made["id"])
    return str(made["id"])


@pytest.fixture
def at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make commands behave as on a terminal."""
    monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda _: True, raising=False)
