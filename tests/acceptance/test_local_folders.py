"""Folders without a repository are uploaded by the CLI and deployed."""

from pathlib import Path

import pytest
from anyio import to_thread
from tests.acceptance.tools.people import Person, messages
from tests.acceptance.tools.variants import ON_SERVERS, on
from tests.cli.commands.deploying.shells import Shell
from tests.served_instance import ServedInstance

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik"), on(ON_SERVERS)]


async def test_a_folder_is_deployed_changed_and_rolled_back(
    ann: Person, shared_instance: ServedInstance, repositories: Path
) -> None:
    """An unchanged folder is not uploaded twice, and ignored files are not uploaded at all."""
    shell, folder = Shell(served_instance=shared_instance, person=ann), repositories / "shop"
    project = await ann.project("archive:", "folder")
    words = ("deploy", "--local", "--project", "folder")
    await to_thread.run_sync(_write_app, folder, "one")

    first = await shell.run(*words, folder=folder)
    served_first = await ann.read(project)
    again = await shell.run(*words, folder=folder)
    await to_thread.run_sync(_write_app, folder, "two")
    second = await shell.run(*words, folder=folder)
    served_second = await ann.read(project)

    (newest, _, oldest) = (await ann.ask("GET", "/deployments"))["data"]
    await ann.roll_back(oldest)
    assert ("one", "two", "one") == (served_first, served_second, await ann.read(project))
    assert 404 == (await ann.visit(project["url"], "/debug.log")).status_code
    assert "Packed 2 files" in first.errors
    sent_twice = ["is not uploaded again" in run.errors for run in (first, again, second)]
    assert [False, True, False] == sent_twice
    message = (newest["commit_sha"], newest["commit_message"])
    assert (None, "Local folder, 2 files (9 B)") == message
    assert "Unpacked 2 files (9 B)" in messages(await ann.log(newest))


def _write_app(folder: Path, text: str) -> None:
    folder.mkdir(exist_ok=True)
    files = {"index.html": text, ".gitignore": "*.log\n", "debug.log": "x"}
    for name, content in files.items():
        (folder / name).write_text(content)
