"""The examples do what they say."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from textwrap import indent

import pytest
from anyio import fail_after, run_process, to_thread

from pushpaka_core import Settings
from pushpaka_core.domain.redaction import SHORTEST_SECRET
from pushpaka_core.maintenance import remove_data, take_down
from pushpaka_core.testing.repositories import Repository

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.fixture
async def data_directory() -> AsyncIterator[Path]:
    """Give a directory that other users may pass, as projects' programs have to."""
    directory = await to_thread.run_sync(_passable_directory)
    yield directory / "data"
    settings = Settings(data_directory=directory / "data")
    await take_down(settings)
    await remove_data(settings)
    await to_thread.run_sync(rmtree, directory)


def _passable_directory() -> Path:
    directory = Path(mkdtemp(prefix="pushpaka-"))
    directory.chmod(0o755)
    return directory


@pytest.mark.anyio
@pytest.mark.needs("traefik")
async def test_ten_lines_deploy_a_repository(data_directory: Path) -> None:
    """A program that imports the core gets a routed application."""
    repository = await to_thread.run_sync(_repository, data_directory.parent / "repos" / "hello")
    script = EXAMPLES / "embedding" / "deploy.py"
    argv = [sys.executable, str(script), str(repository.path), str(data_directory)]

    with fail_after(100):
        done = await run_process(argv, check=False)

    assert done.stdout.startswith(b"running http://hello.localhost"), done.stderr.decode()


def test_readme_shows_the_lines_of_the_example() -> None:
    """What people read is what is tried."""
    _, shown = (EXAMPLES.parent / "README.md").read_text().split("```python\n")
    script = (EXAMPLES / "embedding" / "deploy.py").read_text()

    assert indent(shown.partition("```")[0], " " * 4) in script


def test_what_is_too_short_to_be_masked_is_told() -> None:
    """Who relies on masked logs has to know what is left in them."""
    security = (EXAMPLES.parent / "SECURITY.md").read_text()

    assert f"fewer than {SHORTEST_SECRET} characters" in security


def _repository(path: Path) -> Repository:
    repository = Repository.make(path)
    repository.commit("one", {"index.html": "<h1>Hello</h1>"})
    return repository
