"""What is released: built once, and installed where nothing else of Pushpaka is."""

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
from tests.packages.places import ROOT
from tests.packages.stand_ins import PYTHON

UV = Path(sys.prefix) / "bin" / "uv"


@frozen
class Distributions:
    """What somebody downloads: the wheel is made of the sdist, which so has all that it takes."""

    sdist: Path
    wheel: Path


@frozen
class Venv:
    """A virtual environment of its own."""

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

    def run(self, *command: str, code: int = 0) -> str:
        """Return what a program of the environment says, which ends with that code."""
        program, *arguments = command
        ended = subprocess.run(
            [self.directory / "bin" / program, *arguments],
            check=False,
            capture_output=True,
            text=True,
            cwd=self.directory,
        )
        assert code == ended.returncode, ended.stderr
        return ended.stderr if code else ended.stdout


@pytest.fixture(scope="session")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> Distributions:
    directory = tmp_path_factory.mktemp("dist")
    subprocess.run([UV, "build", "--quiet", "--out-dir", directory, ROOT], check=True)
    (sdist,), (wheel,) = directory.glob("*.tar.gz"), directory.glob("*.whl")
    return Distributions(sdist=sdist, wheel=wheel)


@pytest.fixture(scope="session")
def venv_with(distributions: Distributions) -> Iterator[Callable[[str], Venv]]:
    """Return what gives the environment that has the wheel with an extra, and nothing else."""
    made: dict[str, Venv] = {}

    def give(extra: str) -> Venv:
        if extra not in made:
            made[extra] = new_venv()
            made[extra].install(f"pushpaka[{extra}] @ file://{distributions.wheel}")
        return made[extra]

    yield give
    for venv in made.values():
        shutil.rmtree(venv.directory)


def new_venv() -> Venv:
    """Make an environment where any user may pass, as programs of projects have to."""
    directory = Path(mkdtemp(prefix="pushpaka-venv-"))
    directory.chmod(0o755)
    subprocess.run([UV, "venv", "--quiet", "--allow-existing", directory], check=True)
    return Venv(directory)


@pytest.fixture(scope="session")
def own_image() -> Iterator[str]:
    """Return the image that is built from the checkout; its layers are kept by the engine."""
    ensure(PYTHON)
    tag = f"pushpaka-test-{token_hex(3)}"
    subprocess.run(["docker", "build", "--quiet", "--tag", tag, ROOT], check=True)
    yield tag
    subprocess.run(["docker", "image", "rm", "--force", tag], check=False, capture_output=True)
