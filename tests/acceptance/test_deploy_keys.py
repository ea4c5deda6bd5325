"""A private repository is fetched over SSH with the deploy key of its project."""

from collections.abc import Callable, Iterator
from pathlib import Path
from signal import SIGKILL

import pytest
from anyio import fail_after, sleep
from tests.acceptance.tools.apps import repository_of, server
from tests.acceptance.tools.people import OWN_ADDRESSES, PATIENCE, Person, messages
from tests.acceptance.tools.variants import ON_EMBEDDED
from tests.served_instance import ServedInstance, open_served
from tests.servers.sshd import Sshd, open_sshd

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.needs("traefik"),
    pytest.mark.needs("sshd"),
    pytest.mark.timeout(300),
]


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    with open_sshd(tmp_path / "sshd") as opened:
        yield opened


@ON_EMBEDDED
async def test_private_repository_is_deployed_with_its_deploy_key(
    ann: Person, sshd: Sshd, repositories: Path
) -> None:
    """The log names the new host, and the old key no longer gives access after a rotation."""
    repository = repository_of(repositories / "shop", server("v1"))
    project = await ann.project(sshd.url(repository.path))
    path = f"/projects/{project['id']}/deploy-key"

    without = await ann.outcome(await ann.begin(project))
    key = await ann.ask("POST", path)
    sshd.authorize(key["public_key"], repository.path)
    deployment = await ann.deploy(project)
    shown = await ann.read(project)
    await ann.ask("POST", path)
    rotated = await ann.outcome(await ann.begin(project))

    assert "requires an SSH key. Create a deploy key" in without["error"]
    assert "First connection to" in "\n".join(messages(await ann.log(without)))
    assert ("running", "v1") == (deployment["status"], shown)
    assert "rejected the project's deploy key" in rotated["error"]
    assert "v1" == await ann.read(project)
    assert [] == deploy_key_files(ann.served_instance)


async def test_private_key_of_a_killed_worker_is_removed(sshd: Sshd) -> None:
    """The next worker takes over the deployment and removes the key file of the killed worker."""
    async with open_served(**OWN_ADDRESSES, PUSHPAKA_GIT_ALLOW_NETS="127.0.0.0/8") as served:
        await served.start()
        repository = repository_of(served.repositories / "shop", server("v1"))
        async with Person.sign_up(served) as ann:
            project = await ann.project(sshd.url(repository.path))
            key = await ann.ask("POST", f"/projects/{project['id']}/deploy-key")
            sshd.authorize(key["public_key"], repository.path)
            sshd.stop_responding()
            begun = await ann.begin(project)
            await poll_until(lambda: deploy_key_files(served))
            lent = deploy_key_files(served)

            await served.stop(SIGKILL)
            sshd.resume_responding()
            await served.start()
            deployment = await ann.outcome(begun)
            await poll_until(lambda: not deploy_key_files(served))

    assert 1 == len(lent)
    assert ("running", None) == (deployment["status"], deployment["error"])


def deploy_key_files(served_instance: ServedInstance) -> list[Path]:
    """Return the files that currently contain a private key."""
    return list(served_instance.data_directory.rglob("deploy_key"))


async def poll_until(condition: Callable[[], object]) -> None:
    """Wait until *condition* returns a true value."""
    with fail_after(PATIENCE):
        while not condition():
            await sleep(0.05)
