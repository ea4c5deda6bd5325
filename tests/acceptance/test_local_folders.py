"""A folder that is in no repository: sent by the command line, built by any worker, served."""

from pathlib import Path

import pytest
from anyio import to_thread
from tests.acceptance.people import Person, messages
from tests.acceptance.variants import VARIANTS
from tests.cli.client.deploying.shells import Shell
from tests.served import Served

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.needs("traefik"),
    pytest.mark.parametrize("shared", VARIANTS, indirect=True, scope="session"),
]


async def test_a_folder_is_deployed_changed_and_rolled_back(
    ann: Person, shared: Served, repositories: Path
) -> None:
    """What has not changed is not sent twice, what is ignored not at all."""
    shell, folder = Shell(served=shared, person=ann), repositories / "shop"
    project = await ann.project("archive:", "folder")
    words = ("deploy", "--local", "--project", "folder")
    await to_thread.run_sync(fill, folder, "one")

    first = await shell.run(*words, at=folder)
    served_first = await ann.read(project)
    again = await shell.run(*words, at=folder)
    await to_thread.run_sync(fill, folder, "two")
    second = await shell.run(*words, at=folder)
    served_second = await ann.read(project)

    (newest, _, oldest) = (await ann.ask("GET", "/deployments"))["data"]
    await ann.roll_back(oldest)
    assert ("one", "two", "one") == (served_first, served_second, await ann.read(project))
    assert 404 == (await ann.visit(project["url"], "/debug.log")).status_code
    assert "Packed 2 files" in first.errors
    sent_twice = ["is not sent again" in run.errors for run in (first, again, second)]
    assert [False, True, False] == sent_twice
    assert (None, "Local folder, 2 files (9 B)") == (
        newest["commit_sha"],
        newest["commit_message"],
    )
    assert "Unpacked 2 files (9 B)" in messages(await ann.log(newest))


def fill(folder: Path, text: str) -> None:
    """Write a site, and what is not to be sent of it."""
    folder.mkdir(exist_ok=True)
    for name, content in {
        "index.html": text,
        ".gitignore": "*.log\n",
        "debug.log": "x",
    }.items():
        (folder / name).write_text(content)
