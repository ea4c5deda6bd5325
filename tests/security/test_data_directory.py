"""A data directory on bad days: a full disk, a killed server, a neighbour who wants its lock."""

import json
import os
import signal
import sys
from pathlib import Path

import anyio
import pytest
from anyio import fail_after, to_thread
from tests.security.conftest import Stranger
from tests.served import PROGRAM, open_served

from pushpaka_core.adapters.files.choices import Choices
from pushpaka_core.adapters.files.lock import locked
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
from pushpaka_core.adapters.files.choices import Choices
from pushpaka_core.adapters.security.keys import load_or_create_keys
from pushpaka_core.errors import SettingsError

resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
directory = Path(sys.argv[1])
for make in (
    lambda: Choices.load_or_make(directory / "choices.json", host="127.0.0.1"),
    lambda: load_or_create_keys(directory / "keys.json"),
):
    try:
        make()
    except SettingsError as error:
        print(error)
"""


@pytest.mark.anyio
async def test_a_neighbour_cannot_hold_the_lock(stranger: Stranger, data: Path) -> None:
    """Whoever may open the file could keep the platform from starting again."""
    old = data / "serve.lock"
    old.touch(mode=0o644)
    await to_thread.run_sync(_lock_once, data)

    async with stranger.running(_TAKE_LOCK, old):
        pass

    assert ("refused\n" if os.geteuid() == 0 else "locked\n") == stranger.output.decode()
    assert 0o600 == old.stat().st_mode & 0o777


@pytest.mark.anyio
async def test_on_a_full_disk_nothing_half_written_is_left(data: Path) -> None:
    """What cannot be written is said in a sentence, and the next start finds no ruin."""
    ended = await anyio.run_process([sys.executable, "-c", _FULL_DISK, str(data)])

    sentences = ended.stdout.decode().splitlines()
    assert ["choices.json", "keys.json"] == [
        sentence.partition(": ")[0].split()[-4].rpartition("/")[2] for sentence in sentences
    ]
    assert all("Check the free space" in sentence for sentence in sentences)
    assert not (data / "choices.json").exists()
    assert not (data / "keys.json").exists()


@pytest.mark.anyio
async def test_serving_from_a_full_disk_is_refused_with_a_sentence() -> None:
    """Nobody has to read a traceback to learn that there is no space."""
    async with open_served(PUSHPAKA_ROUTER="none") as served:
        with fail_after(30):
            ended = await anyio.run_process(
                ["/bin/sh", "-c", 'ulimit -f 0; exec "$@"', "sh", *PROGRAM, "serve"],
                env=served.environment() | {"PYTHONDONTWRITEBYTECODE": "1"},
                check=False,
            )

    words = (ended.stdout + ended.stderr).decode()
    assert 2 == ended.returncode, words
    assert "Traceback" not in words
    assert "free space" in words or "cannot be" in words


@pytest.mark.parametrize("draft", ["", '{"router_port": 80'])
def test_a_draft_of_a_killed_server_is_passed_over(data: Path, draft: str) -> None:
    """What a kill interrupted is written anew, as if it had never begun."""
    (data / ".choices.json.0123").write_text(draft)
    (data / ".keys.json.0123").write_text(draft)

    choices = Choices.load_or_make(data / "choices.json", host="127.0.0.1")
    keys = load_or_create_keys(data / "keys.json")

    assert choices == Choices.load_or_make(data / "choices.json", host="127.0.0.1")
    assert keys == load_or_create_keys(data / "keys.json")


@pytest.mark.parametrize("port", ["80", 80.5, None, [80]])
def test_choices_of_odd_types_are_told(data: Path, port: object) -> None:
    """A file that somebody edited is refused rather than handed to the router."""
    text = json.dumps({"router_port": port, "router_internal_port": 700})
    (data / "choices.json").write_text(text)

    with pytest.raises(SettingsError, match=r"is damaged\. Remove it"):
        Choices.load_or_make(data / "choices.json", host="127.0.0.1")


def test_the_inner_port_is_closed_to_applications(data: Path) -> None:
    """Where root can, it is a port that projects' users may not listen on."""
    choices = Choices.load_or_make(data / "choices.json", host="127.0.0.1")

    ports = range(600, 1024) if os.geteuid() == 0 else range(600, 20_000)
    assert choices.router_internal_port in ports


@pytest.mark.anyio
async def test_a_server_that_was_killed_while_it_started_starts_again() -> None:
    """At whatever moment the power goes, the next start needs nobody's help."""
    async with open_served(PUSHPAKA_ROUTER="none") as served:
        for name in ("choices.json", "keys.json", "pushpaka.sqlite", "pushpaka.sqlite-wal"):
            await served.begin()
            with fail_after(20):
                await _appeared(served.data_directory / name)
            await served.stop(signal.SIGKILL)

        await served.start()

        assert 0 == await served.stop()


def _lock_once(directory: Path) -> None:
    with locked(directory):
        """Whoever comes later finds the file that this leaves."""


async def _appeared(path: Path) -> None:
    while not await anyio.Path(path).exists():
        await anyio.sleep(0.001)
