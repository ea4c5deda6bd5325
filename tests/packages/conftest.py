"""Fixtures: the distributions and the image, each built once, and virtual environments."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from secrets import token_hex
from tempfile import mkdtemp

import pytest
from attrs import frozen
from tests.engine.base_images import ensure
from tests.packages.components import ROOT
from tests.packages.stand_ins import PYTHON

UV = Path(sys.prefix) / "bin" / "uv"


@frozen
class Distributions:
    """The sdist, and the wheel that was built from it."""

    sdist: Path
    wheel: Path


@frozen
class Venv:
    """A virtual environment outside the checkout."""

    directory: Path

    @property
    def python(self) -> Path:
        return self.directory / "bin" / "python"

    def install(self, requirement: str) -> None:
        subprocess.run(
            [UV, "pip", "install", "--quiet", "--python", self.python, requirement],
            check=True,
            cwd=self.directory,
        )

    def run(self, *command: str, exit_code: int = 0) -> str:
        """Run a program of the environment, require *exit_code*, and return the output."""
        program, *arguments = command
        ended = subprocess.run(
            [self.directory / "bin" / program, *arguments],
            check=False,
            capture_output=True,
            text=True,
            cwd=self.directory,
        )
        assert exit_code == ended.returncode, ended.stderr
        return ended.stderr if exit_code else ended.stdout


@pytest.fixture(scope="session")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Distributions:
    directory = tmp_path_factory.mktemp("dist")
    subprocess.run([UV, "build", "--quiet", "--out-dir", directory, ROOT], check=True)
    (sdist,), (wheel,) = directory.glob("*.tar.gz"), directory.glob("*.whl")
    return Distributions(sdist=sdist, wheel=wheel)


@pytest.fixture(scope="session")
def venv_with(distributions: Distributions) -> Iterator[Callable[[str], Venv]]:
    """Return a function that returns an environment with the wheel and the given extra."""
    made: dict[str, Venv] = {}

    def create_venv(extra: str) -> Venv:
        if extra not in made:
            made[extra] = new_venv()
            made[extra].install(f"pushpaka[{extra}] @ file://{distributions.wheel}")
        return made[extra]

    yield create_venv
    for venv in made.values():
        shutil.rmtree(venv.directory)


def new_venv() -> Venv:
    """Create a virtual environment that the operating system users of projects can read."""
    directory = Path(mkdtemp(prefix="pushpaka-venv-"))
    directory.chmod(0o755)
    subprocess.run([UV, "venv", "--quiet", "--allow-existing", directory], check=True)
    return Venv(directory)


@pytest.fixture(scope="session")
def own_image() -> Iterator[str]:
    """Build Pushpaka's image from the checkout, and yield its name."""
    ensure(PYTHON)
    tag = f"pushpaka-test-{token_hex(3)}"
    subprocess.run(["docker", "build", "--quiet", "--tag", tag, ROOT], check=True)
    yield tag
    subprocess.run(["docker", "image", "rm", "--force", tag], check=False, capture_output=True)
