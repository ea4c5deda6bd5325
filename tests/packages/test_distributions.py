"""The contents and the metadata of the wheel and the sdist."""

import subprocess
import sys
import tarfile
from email import message_from_bytes
from email.message import Message
from pathlib import PurePosixPath
from zipfile import ZipFile

import pytest
from packaging.licenses import canonicalize_license_expression
from tests.packages.components import ROOT
from tests.packages.conftest import Distributions

PACKAGES = ("pushpaka_core", "pushpaka_http", "pushpaka_shim", "pushpaka_worker")
OF_A_CHECKOUT = (
    *("CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "README.md", "SECURITY.md"),
    *(".ci/run", ".ci/nightly", ".dockerignore", ".env.example", "Dockerfile", "compose.yaml"),
    *("noxfile.py", "pyproject.toml"),
    *("docs/quickstart.md", "examples/embedding/deploy.py", "packaging/systemd/pushpaka.service"),
    *("packaging/ci/pushpaka-deploy.yml", ".github/ISSUE_TEMPLATE/bug.yml"),
    *("tests/conftest.py", "benchmarks/__main__.py"),
)


@pytest.fixture(scope="module")
def wheel_files(distributions: Distributions) -> list[str]:
    with ZipFile(distributions.wheel) as wheel:
        return wheel.namelist()


@pytest.fixture(scope="module")
def sdist_files(distributions: Distributions) -> list[str]:
    with tarfile.open(distributions.sdist) as sdist:
        names = [PurePosixPath(name) for name in sdist.getnames()]
    return [str(name.relative_to(name.parts[0])) for name in names]


@pytest.fixture(scope="module")
def metadata(distributions: Distributions) -> Message:
    with ZipFile(distributions.wheel) as wheel:
        (name,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
        return message_from_bytes(wheel.read(name))


def test_wheel_contains_exactly_the_files_of_its_packages(wheel_files: list[str]) -> None:
    """The files include the dashboard, the migrations, the shim and the type markers."""
    source = ROOT / "src"
    files = (path for package in PACKAGES for path in (source / package).rglob("*"))
    wanted = {
        str(path.relative_to(source))
        for path in files
        if path.is_file() and "__pycache__" not in path.parts
    }

    packed = {name for name in wheel_files if ".dist-info/" not in name}

    assert wanted == packed
    assert {f"{package}/py.typed" for package in PACKAGES} <= packed
    assert "pushpaka_http/dashboard/page/index.html" in packed
    assert "pushpaka_shim/__main__.py" in packed
    assert any("/sql/migrations/versions/" in name for name in packed)


def test_sdist_contains_the_checkout(sdist_files: list[str]) -> None:
    """The sdist contains all files that the tests and the image need, and no generated files."""
    generated = {"__pycache__", ".venv", ".nox", ".git", "dist", ".mypy_cache", ".pytest_cache"}

    assert [] == [name for name in OF_A_CHECKOUT if name not in sdist_files]
    assert [] == [name for name in sdist_files if generated & set(PurePosixPath(name).parts)]


def test_wheel_contains_all_licenses(wheel_files: list[str], metadata: Message) -> None:
    """The licenses include those of the libraries that are vendored in the dashboard."""
    files = metadata.get_all("License-File") or []
    vendor = "src/pushpaka_http/dashboard/page/vendor"

    assert {"LICENSE", f"{vendor}/htm.LICENSE", f"{vendor}/preact.LICENSE"} == set(files)
    assert "Apache-2.0 AND MIT" == canonicalize_license_expression(metadata["License-Expression"])
    (info,) = {name.partition("/")[0] for name in wheel_files if ".dist-info/" in name}
    assert {f"{info}/licenses/{file}" for file in files} <= set(wheel_files)


def test_distributions_can_be_uploaded(distributions: Distributions) -> None:
    """According to Twine, the metadata is valid, and the description can be rendered."""
    command = [sys.executable, "-m", "twine", "check", "--strict"]
    checked = subprocess.run(
        [*command, distributions.sdist, distributions.wheel],
        check=False,
        capture_output=True,
        text=True,
    )

    assert 0 == checked.returncode, checked.stdout + checked.stderr
