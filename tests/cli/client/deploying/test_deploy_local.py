"""`pushpaka deploy --local`: when it is the folder that is deployed, and to where."""

import pytest
from anyio import to_thread
from tests.cli.client.deploying.shells import Shell

pytestmark = pytest.mark.anyio


async def test_a_clone_is_deployed_as_it_is_on_the_disk(shell: Shell) -> None:
    """With what is not committed, to a preview if that is wished, and told by the API's object."""
    site = await shell.site("localsite")
    await to_thread.run_sync((site.clone.path / "new.html").write_text, "new")

    begun = await shell.json("deploy", "--local", "--preview", "--detach", at=site.clone.path)
    ended = await shell.person.outcome(begun)
    listed = await shell.run("deployments", "list", "--project", "localsite")

    assert ("preview:main", None, "Local folder, 2 files (32 B)", "running") == (
        ended["target"],
        ended["commit_sha"],
        ended["commit_message"],
        ended["status"],
    )
    assert "Local folder, 2 files (32 B)" in listed.output


async def test_a_project_without_git_is_its_folder(shell: Shell) -> None:
    """Nobody has to say so; naming a commit is wrong usage."""
    await shell.person.project("archive:", "bare")
    folder = shell.served.new_directory()
    await to_thread.run_sync((folder / "index.html").write_text, "Hello.")

    told = await shell.run("deploy", "--project", "bare", "--detach", at=folder)
    refused = await shell.run("deploy", "-p", "bare", "--branch", "main", at=folder, code=2)

    assert f"Deploying bare: {folder.name} to production." in told.errors
    assert "bare has no Git repository" in refused.errors


async def test_a_folder_and_a_commit_exclude_each_other(shell: Shell) -> None:
    """As wrong usage, before anything is sent."""
    site = await shell.site("twosources")

    refused = await shell.run("deploy", "--local", "--branch", "x", at=site.clone.path, code=2)

    assert "--local is the folder itself" in refused.errors


async def test_a_folder_with_nothing_in_it_is_not_sent(shell: Shell) -> None:
    """And says why."""
    await shell.person.project("archive:", "empty")
    folder = shell.served.new_directory()

    refused = await shell.run("deploy", "--local", "--project", "empty", at=folder, code=1)

    assert "There is nothing to send in" in refused.errors
