"""Commands of two consecutive versions of Pushpaka, for tests of upgrades."""

import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZipFile

import pytest
from attrs import frozen
from tests.served_instance import PROGRAM

_ROOT = Path(__file__).parents[2]
_UV = Path(sys.prefix) / "bin" / "uv"
_MIGRATIONS = "src/pushpaka_core/adapters/sql/migrations/versions"
_BRANCH = "main"
_NEXT = (sys.executable, str(Path(__file__).with_name("next_version.py")))


@frozen(kw_only=True)
class Versions:
    """The commands that run `pushpaka` in two versions. The newer one has another migration."""

    old: Sequence[str]
    new: Sequence[str]


@pytest.fixture(scope="session")
def versions() -> Iterator[Versions]:
    with TemporaryDirectory(prefix="pushpaka-versions-") as directory:
        Path(directory).chmod(0o755)  # Programs of an instance run as other users.
        yield _install_versions(Path(directory))


def _install_versions(directory: Path) -> Versions:
    """
    Install the previous version into *directory*, and return the commands of both versions.

    The previous version is the newest commit of the main branch that has another version number or
    fewer migrations, and its wheel is built from that commit. Without such a commit, it is the
    working tree. If the previous version has all migrations of the working tree, the next version
    is `next_version.py`.
    """
    commit = _previous_commit()
    has_fewer = commit is not None and _migrations_at(commit) != _migrations()
    source = _ROOT if commit is None else _checkout(commit, directory / "source")
    subprocess.run([_UV, "build", "--quiet", "--wheel", "--out-dir", directory, source], check=True)
    (wheel,) = directory.glob("*.whl")
    installed = directory / "installed"
    with ZipFile(wheel) as archive:
        archive.extractall(installed)
    # Modules on PYTHONPATH come before those of the environment, which has the working tree.
    old = ("env", f"PYTHONPATH={installed}", *PROGRAM)
    return Versions(old=old, new=PROGRAM if has_fewer else _NEXT)


def _previous_commit() -> str | None:
    """Return the newest commit of another version without migrations unknown here, or None."""
    if _git("rev-parse", "--verify", "--quiet", _BRANCH) is None:
        return None
    changes = _git(
        *("log", "--first-parent", "--format=%H", _BRANCH, "--"), *(_MIGRATIONS, "pyproject.toml")
    )
    # Between two changes nothing differs, so the commit before each change is the newest of its
    # state.
    candidates = [_BRANCH, *(f"{change}^" for change in (changes or "").split())]
    return next(filter(_is_previous, candidates), None)


def _is_previous(commit: str) -> bool:
    pyproject = _git("show", f"{commit}:pyproject.toml")
    if pyproject is None:  # The first commit has no parent.
        return False
    migrations, current = _migrations_at(commit), _migrations()
    if not migrations or not migrations.items() <= current.items():
        return False
    has_other_number = _number(pyproject) != _number((_ROOT / "pyproject.toml").read_text())
    return has_other_number or migrations != current


def _number(pyproject: str) -> str:
    return str(tomllib.loads(pyproject)["project"]["version"])


@cache
def _migrations() -> Mapping[str, str]:
    """Return the hashes of the migrations in the working tree, by name."""
    files = sorted((_ROOT / _MIGRATIONS).glob("*.py"))
    hashes = _git("hash-object", *map(str, files)) or ""
    return dict(zip((file.name for file in files), hashes.split(), strict=True))


def _migrations_at(commit: str) -> Mapping[str, str]:
    rows = (_git("ls-tree", commit, f"{_MIGRATIONS}/") or "").splitlines()
    return {Path(row.split("\t")[1]).name: row.split()[2] for row in rows}


def _checkout(commit: str, directory: Path) -> Path:
    directory.mkdir()
    archive = subprocess.run(
        ["git", "archive", commit], check=True, cwd=_ROOT, stdout=subprocess.PIPE
    )
    subprocess.run(["tar", "-x", "-C", directory], check=True, input=archive.stdout)
    return directory


def _git(*arguments: str) -> str | None:
    """Run git, and return its output, or None if git fails or there is no repository."""
    try:
        done = subprocess.run(
            ["git", *arguments], check=True, cwd=_ROOT, capture_output=True, text=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout
