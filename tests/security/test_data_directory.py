"""The data directory on a full disk, after a server was killed, and its lock."""

import json
import os
import signal
import sys
from pathlib import Path

import anyio
import pytest
from anyio import to_thread
from tests.security.conftest import ProjectUser
from tests.served_instance import PROGRAM, open_served

from pushpaka_core.adapters.files.first_start_choices import FirstStartChoices
from pushpaka_core.adapters.files.lock import data_directory_lock
from pushpaka_core.adapters.security.keys import load_or_create_keys
from pushpaka_core.errors import SettingsError

_TAKE_LOCK = """
import fcntl, os, sys
try:
    fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)
    print("locked", flush=True)
except PermissionError:
    print("refused", flush=True)
"""
_FULL_DISK = """
import resource, sys
from pathlib import Path
from pushpaka_core.adapters.files.first_start_choices import FirstStartChoices
from pushpaka_core.adapters.security.keys import load_or_create_keys
from pushpaka_core.errors import SettingsError

resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
directory = Path(sys.argv[1])
for make in (
    lambda: FirstStartChoices.load_or_create(directory / "choices.json", host="127.0.0.1"),
    lambda: load_or_create_keys(directory / "keys.json"),
):
    try:
        make()
    except SettingsError as error:
        print(error)
"""


@pytest.mark.anyio
async def test_applications_cannot_take_the_lock(
    project_user: ProjectUser, data_directory: Path
) -> None:
    """An application that takes the lock could prevent the platform from starting."""
    old = data_directory / "serve.lock"
    old.touch(mode=0o644)
    await to_thread.run_sync(_lock_once, data_directory)

    async with project_user.running(_TAKE_LOCK, old):
        pass

    assert ("refused\n" if os.geteuid() == 0 else "locked\n") == project_user.output.decode()
    assert 0o600 == old.stat().st_mode & 0o777


@pytest.mark.anyio
async def test_a_full_disk_leaves_no_partial_files(data_directory: Path) -> None:
    ended = await anyio.run_process([sys.executable, "-c", _FULL_DISK, str(data_directory)])

    sentences = ended.stdout.decode().splitlines()
    assert ["choices.json", "keys.json"] == [
        sentence.partition(": ")[0].split()[-4].rpartition("/")[2] for sentence in sentences
    ]
    assert all("free space" in sentence for sentence in sentences)
    assert not (data_directory / "choices.json").exists()
    assert not (data_directory / "keys.json").exists()


@pytest.mark.anyio
@pytest.mark.suite("integration")
async def test_serving_from_a_full_disk_fails_with_a_message() -> None:
    async with open_served(PUSHPAKA_ROUTER="none") as served:
        ended = await anyio.run_process(
            ["/bin/sh", "-c", 'ulimit -f 0; exec "$@"', "sh", *PROGRAM, "serve"],
            env=served.environment() | {"PYTHONDONTWRITEBYTECODE": "1"},
            check=False,
        )

    words = (ended.stdout + ended.stderr).decode()
    assert 2 == ended.returncode, words
    assert "Traceback" not in words
    assert "free space" in words or "cannot be" in words


@pytest.mark.parametrize("partial_content", ["", '{"router_port": 80'])
def test_partial_files_of_a_killed_server_are_ignored(
    data_directory: Path, partial_content: str
) -> None:
    (data_directory / ".choices.json.0123").write_text(partial_content)
    (data_directory / ".keys.json.0123").write_text(partial_content)

    choices = FirstStartChoices.load_or_create(data_directory / "choices.json", host="127.0.0.1")
    keys = load_or_create_keys(data_directory / "keys.json")

    assert choices == FirstStartChoices.load_or_create(
        data_directory / "choices.json", host="127.0.0.1"
    )
    assert keys == load_or_create_keys(data_directory / "keys.json")


@pytest.mark.parametrize("port", ["80", 80.5, None, [80]])
def test_a_damaged_choices_file_is_refused(data_directory: Path, port: object) -> None:
    text = json.dumps({"router_port": port, "router_internal_port": 700})
    (data_directory / "choices.json").write_text(text)

    with pytest.raises(SettingsError, match=r"is damaged\. Restore it"):
        FirstStartChoices.load_or_create(data_directory / "choices.json", host="127.0.0.1")


def test_applications_cannot_listen_on_the_internal_port(data_directory: Path) -> None:
    """If the platform runs as root, the port is below 1024, where applications cannot listen."""
    choices = FirstStartChoices.load_or_create(data_directory / "choices.json", host="127.0.0.1")

    ports = range(600, 1024) if os.geteuid() == 0 else range(600, 20_000)
    assert choices.router_internal_port in ports


@pytest.mark.anyio
@pytest.mark.suite("integration")
async def test_a_server_that_was_killed_during_its_start_starts_again() -> None:
    async with open_served(PUSHPAKA_ROUTER="none") as served:
        for name in ("keys.json", "pushpaka.sqlite-wal"):
            await served.begin()
            await _wait_until_exists(served.data_directory / name)
            await served.stop(signal.SIGKILL)

        await served.start()

        assert 0 == await served.stop()


def _lock_once(directory: Path) -> None:
    with data_directory_lock(directory):
        """Keep the lock file."""


async def _wait_until_exists(path: Path) -> None:
    while not await anyio.Path(path).exists():
        await anyio.sleep(0.001)
