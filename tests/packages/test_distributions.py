"""What is in the wheel and in the sdist, and what they say of themselves."""

import subprocess
import sys
import tarfile
from email import message_from_bytes
from email.message import Message
from pathlib import PurePosixPath
from zipfile import ZipFile

import pytest
from packaging.licenses import canonicalize_license_expression
from tests.packages.conftest import Distributions
from tests.packages.places import ROOT

PACKAGES = ("pushpaka_core", "pushpaka_http", "pushpaka_shim", "pushpaka_worker")
OF_A_CHECKOUT = (
    *("CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "README.md", "SECURITY.md"),
    *(
        ".ci/run",
        ".ci/nightly",
        ".dockerignore",
        ".env.example",
        "Dockerfile",
        "compose.yaml",
        "noxfile.py",
    ),
    *("docs/swarm.md", "examples/embedding/deploy.py", "packaging/systemd/pushpaka.service"),
    *("packaging/ci/pushpaka-deploy.yml", ".github/ISSUE_TEMPLATE/bug.yml"),
    *("tests/conftest.py", "benchmarks/__main__.py", "pyproject.toml"),
)


@pytest.fixture(scope="module")
def in_wheel(distributions: Distributions) -> list[str]:
    with ZipFile(distributions.wheel) as wheel:
        return wheel.namelist()


@pytest.fixture(scope="module")
def in_sdist(distributions: Distributions) -> list[str]:
    with tarfile.open(distributions.sdist) as sdist:
        names = [PurePosixPath(name) for name in sdist.getnames()]
    return [str(name.relative_to(name.parts[0])) for name in names]


@pytest.fixture(scope="module")
def metadata(distributions: Distributions) -> Message:
    with ZipFile(distributions.wheel) as wheel:
        (name,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
        return message_from_bytes(wheel.read(name))


def test_the_wheel_has_every_file_of_its_packages_and_none_beside_them(in_wheel: list[str]) -> None:
    """The dashboard's page, migrations, the shim and the marks of types among them."""
    source = ROOT / "src"
    files = (path for package in PACKAGES for path in (source / package).rglob("*"))
    wanted = {
        str(path.relative_to(source))
        for path in files
        if path.is_file() and "__pycache__" not in path.parts
    }

    packed = {name for name in in_wheel if ".dist-info/" not in name}

    assert wanted == packed
    assert {f"{package}/py.typed" for package in PACKAGES} <= packed
    assert "pushpaka_http/dashboard/page/index.html" in packed
    assert "pushpaka_shim/__main__.py" in packed
    assert any("/sql/migrations/versions/" in name for name in packed)


def test_the_sdist_is_what_a_checkout_is(in_sdist: list[str]) -> None:
    """So that whoever has it alone can test it and make images of it; nothing made is in it."""
    made = {"__pycache__", ".venv", ".nox", ".git", "dist", ".mypy_cache", ".pytest_cache"}

    assert [] == [name for name in OF_A_CHECKOUT if name not in in_sdist]
    assert [] == [name for name in in_sdist if made & set(PurePosixPath(name).parts)]


def test_licences_of_all_that_is_in_it_come_with_it(in_wheel: list[str], metadata: Message) -> None:
    """Our own, and those of the libraries that the dashboard brings along."""
    files = metadata.get_all("License-File") or []
    vendor = "src/pushpaka_http/dashboard/page/vendor"

    assert {"LICENSE", f"{vendor}/htm.LICENSE", f"{vendor}/preact.LICENSE"} == set(files)
    assert "Apache-2.0 AND MIT" == canonicalize_license_expression(metadata["License-Expression"])
    (info,) = {name.partition("/")[0] for name in in_wheel if ".dist-info/" in name}
    assert {f"{info}/licenses/{file}" for file in files} <= set(in_wheel)


def test_it_names_no_address_that_is_not_there(metadata: Message) -> None:
    """What is not published yet has no pages on the Internet."""
    assert [] == (metadata.get_all("Project-URL") or [])
    assert metadata["Home-page"] is None


def test_an_index_would_take_both(distributions: Distributions) -> None:
    """Their metadata can be read, and the description shown."""
    command = [sys.executable, "-m", "twine", "check", "--strict"]
    checked = subprocess.run(
        [*command, distributions.sdist, distributions.wheel],
        check=False,
        capture_output=True,
        text=True,
    )

    assert 0 == checked.returncode, checked.stdout + checked.stderr
