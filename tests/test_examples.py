"""The examples do what they say."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

import anyio
import pytest

from pushpaka_core import Settings
from pushpaka_core.maintenance import remove_data, take_down
from pushpaka_core.testing.repositories import Repository

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.fixture
def data_directory() -> Iterator[Path]:
    """Give a directory that other users may pass, as projects' programs have to."""
    directory = Path(mkdtemp(prefix="pushpaka-"))
    directory.chmod(0o755)
    yield directory / "data"
    settings = Settings(data_directory=directory / "data")
    anyio.run(take_down, settings)
    anyio.run(remove_data, settings)
    rmtree(directory)


@pytest.mark.needs("traefik")
def test_ten_lines_deploy_a_repository(data_directory: Path) -> None:
    """A program that imports the core gets a routed application."""
    repository = Repository.make(data_directory.parent / "repos" / "hello")
    repository.commit("one", {"index.html": "<h1>Hello</h1>"})
    script = EXAMPLES / "embedding" / "deploy.py"

    done = subprocess.run(
        [sys.executable, script, repository.path, data_directory],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )

    assert done.stdout.startswith("running http://hello.localhost"), done.stderr
