"""Tests that uv downloads missing Python versions, from a mirror on the loopback interface."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from anyio import create_task_group, to_thread
from tests.adapters.process.builders import builder_in
from tests.servers.python_mirror import (
    MINOR,
    MISSING,
    VERSION,
    PythonMirror,
    open_python_mirror,
    python_archive,
)

from pushpaka_core.adapters.process.supervisor.processes import HostProcesses
from pushpaka_core.adapters.process.toolchains.downloads import PackageDownloader
from pushpaka_core.adapters.process.toolchains.interpreters import Interpreters
from pushpaka_core.adapters.process.toolchains.managed_pythons import ManagedPythons
from pushpaka_core.adapters.process.toolchains.toolchain_store import ToolchainStore
from pushpaka_core.errors import BuildError
from pushpaka_core.testing.applications import BuildRecorder, build, checkout, plan, step

pytestmark = [pytest.mark.anyio, pytest.mark.suite("integration")]

WHERE = step("python -c 'import sys; print(sys.base_prefix)'")


@pytest.fixture(scope="module")
def archive() -> bytes:
    return python_archive()


@pytest.fixture
def mirror(archive: bytes) -> Iterator[PythonMirror]:
    with open_python_mirror(archive) as mirror:
        yield mirror


async def test_missing_version_is_downloaded_once(
    mirror: PythonMirror,
    process_manager: HostProcesses,
    data: Path,
    tmp_path: Path,
    first_uid: int | None,
) -> None:
    """Concurrent builds share the download, and the users of all projects can run the version."""
    builder = builder_in(data, process_manager, first_uid, host_env=mirror.env, host_pythons=list)
    wanted = plan(
        language="python", language_version=f"~={MINOR}.0", build=(WHERE, step("env >&2"))
    )
    sources = [await checkout(tmp_path / name, {"app.py": ""}) for name in ("a", "b")]
    recorders = [BuildRecorder(), BuildRecorder()]

    async def build_project(number: int) -> None:
        await build(
            builder, sources[number], wanted, recorder=recorders[number], project_number=1 + number
        )

    async with create_task_group() as builds:
        builds.start_soon(build_project, 0)
        builds.start_soon(build_project, 1)

    assert [f"/mirror/20250101/cpython-{VERSION}.tar.gz"] == mirror.requested_paths
    sentences = [sentence for one in recorders for sentence in one.messages]
    assert 1 == sentences.count(f"Downloading Python ~={MINOR}.0: this host has none.")
    assert 2 == sentences.count(f"Using Python {VERSION}.")
    lines = [line for one in recorders for line in one.output.decode().split()]
    assert "pass-word" not in "".join(lines)
    (installed,) = {Path(line) for line in lines if line.startswith("/")}
    assert installed.parent == data / "toolchains"
    assert {os.geteuid()} == {path.stat().st_uid for path in installed.rglob("*")}


async def test_an_installed_version_stays_while_a_release_needs_it(
    mirror: PythonMirror, process_manager: HostProcesses, data: Path, tmp_path: Path
) -> None:
    """A day after its last release, the version is removed. The lock file of uv stays."""
    builder = builder_in(data, process_manager, None, host_env=mirror.env, host_pythons=list)
    wanted = plan(language="python", language_version=MINOR)
    used = await build(builder, await checkout(tmp_path / "a", {"a": ""}), wanted)
    other = await build(builder, await checkout(tmp_path / "b", {"b": ""}), plan())
    left = []
    for release in (other, used):
        await to_thread.run_sync(_backdate, data / "toolchains")
        await builder.remove(release.name)
        left.append(await to_thread.run_sync(_installed_versions, data / "toolchains"))

    assert [[f"cpython-{VERSION}", "lock"], ["lock"]] == left


@pytest.mark.parametrize(
    ("version", "problem"),
    [
        (MISSING, "The download failed: HTTP status client error (404 Not Found). Change"),
        ("2.9", "No matching version can be downloaded. Request a version that exists"),
        ("===--reinstall", "No matching version can be downloaded."),
    ],
)
async def test_an_unavailable_version_is_reported_with_the_remedy(
    mirror: PythonMirror, process_manager: HostProcesses, data: Path, version: str, problem: str
) -> None:
    """The message names the version, the versions on the host and the remedy, but no URL."""
    with pytest.raises(BuildError) as failed:
        await _choose(version, mirror, process_manager, data)

    sentence = str(failed.value)
    assert (
        f"The application requires Python {version}, but this host has none. {problem}" in sentence
    )
    assert "pass-word" not in sentence


async def test_an_unreachable_mirror_is_reported(
    archive: bytes, process_manager: HostProcesses, data: Path
) -> None:
    """The message names the cause and the setting for another mirror."""
    with open_python_mirror(archive) as mirror:
        versions = mirror.env["UV_PYTHON_DOWNLOADS_JSON_URL"]
        nobody = {**mirror.env, "UV_PYTHON_INSTALL_MIRROR": "http://127.0.0.1:1/mirror"}

        with pytest.raises(BuildError, match=r"Connection refused .*UV_PYTHON_INSTALL_MIRROR to a"):
            await _choose(MINOR, mirror, process_manager, data, env=nobody)

    assert versions
    assert [] == mirror.requested_paths


async def test_a_silent_mirror_times_out(
    mirror: PythonMirror, process_manager: HostProcesses, data: Path
) -> None:
    """A download has a shorter timeout than a build."""
    mirror.may_respond.clear()

    with pytest.raises(BuildError, match=r"The download took longer than .* minutes\. Change"):
        await _choose(MINOR, mirror, process_manager, data, timeout=0.5)

    assert [] == list((data / "toolchains").glob(".fetched-*"))


async def test_downloads_can_be_turned_off(
    mirror: PythonMirror, process_manager: HostProcesses, data: Path, tmp_path: Path
) -> None:
    """Without downloads, builds use only the host's versions, and the error names the setting."""
    builder = builder_in(
        data,
        process_manager,
        None,
        host_env=mirror.env,
        host_pythons=list,
        allow_python_downloads=False,
    )
    wanted = plan(language="python", language_version=MINOR)

    with pytest.raises(BuildError, match=r"has none\. .*\(PUSHPAKA_PYTHON_DOWNLOADS=true\)"):
        await build(builder, await checkout(tmp_path / "app", {"a": ""}), wanted)

    assert [] == mirror.requested_paths


async def _choose(
    version: str,
    mirror: PythonMirror,
    processes: HostProcesses,
    data: Path,
    *,
    env: dict[str, str] | None = None,
    timeout: float = 60,
) -> None:
    """Choose an interpreter on a host without Python."""
    managed = ManagedPythons(
        store=ToolchainStore(data / "toolchains"),
        package_downloader=PackageDownloader(process_manager=processes, host_env=env or mirror.env),
        timeout_seconds=timeout,
    )
    interpreters = Interpreters(process_manager=processes, host_paths=list, managed_pythons=managed)
    await interpreters.choose(version, for_other_users=False, report=BuildRecorder().report)


def _backdate(directory: Path) -> None:
    """Make the files in *directory* look unused for a long time."""
    for path in directory.iterdir():
        os.utime(path, (0, 0), follow_symlinks=False)


def _installed_versions(directory: Path) -> list[str]:
    """Return the installed versions, and "lock" if uv's lock file is private."""
    installed = (path for path in directory.glob("cpython-*") if not path.is_symlink())
    lock = (directory / ".lock").stat().st_mode & 0o777
    return [*(path.name.partition("-linux")[0] for path in installed), *["lock"] * (lock == 0o600)]
