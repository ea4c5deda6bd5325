"""A server for each module, and somebody who is signed in there."""

from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from keyring.backends.fail import Keyring as NoKeyring
from sniffio import current_async_library_cvar
from tests.cli.client.desks import Desk, Place, open_place


@pytest.fixture(autouse=True, scope="session")
def _no_keyring() -> None:
    """Whoever runs the tests has a keyring of their own, which is left alone."""
    keyring.set_keyring(NoKeyring())  # type: ignore[no-untyped-call]  # it has no types


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """A server that the tests of a module share."""
    with open_place() as place:
        yield place


@pytest.fixture
def alone() -> Iterator[None]:
    """Forget the event loop that fixtures of other tests have left open in this process."""
    token = current_async_library_cvar.set(None)
    yield
    current_async_library_cvar.reset(token)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A machine on which nobody has signed in yet."""
    return Desk.at(tmp_path)


@pytest.fixture(scope="module")
def _account(place: Place, _no_keyring: None, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    desk = Desk.at(tmp_path_factory.mktemp("ann"))
    desk.sign_up(place, "ann@example.com")
    return desk


@pytest.fixture
def ann(_account: Desk, tmp_path: Path) -> Desk:
    """A machine where Ann is signed in, in a folder of the test's own."""
    return Desk(home=_account.home, folder=tmp_path)


@pytest.fixture
def project(ann: Desk) -> str:
    """A project of Ann's, that the folder is linked to."""
    name = ann.folder.name.replace("_", "-").lower()[:60]
    repo = f"git@github.com:ann/{name}.git"
    made = ann.json("projects", "create", name, "--repo", repo)
    ann.run("init", "--project", made["id"])
    return str(made["id"])
