"""A private repository is deployed over ssh by the deploy key of its project, and not without."""

from collections.abc import Callable, Iterator
from pathlib import Path
from signal import SIGKILL

import pytest
from anyio import fail_after, sleep
from tests.acceptance.apps import repository_of, server
from tests.acceptance.people import OWN_ADDRESSES, PATIENCE, Person, messages
from tests.acceptance.variants import ON_ONE_MACHINE
from tests.served import Served, open_served
from tests.sshd import Sshd, open_sshd

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik"), pytest.mark.needs("sshd")]


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    with open_sshd(tmp_path / "sshd") as opened:
        yield opened


@ON_ONE_MACHINE
async def test_a_private_repository_is_deployed_by_its_deploy_key(
    ann: Person, sshd: Sshd, repositories: Path
) -> None:
    """Whoever deploys sees which host was believed, and with a new key the old one is worthless."""
    repository = repository_of(repositories / "shop", server("v1"))
    project = await ann.project(sshd.url(repository.path))
    path = f"/projects/{project['id']}/deploy-key"

    without = await ann.outcome(await ann.begin(project))
    key = await ann.ask("POST", path)
    sshd.admit(key["public_key"], repository.path)
    deployment = await ann.deploy(project)
    shown = await ann.read(project)
    await ann.ask("POST", path)
    rotated = await ann.outcome(await ann.begin(project))

    assert "wants an ssh key. Make a deploy key" in without["error"]
    assert "was met for the first time" in "\n".join(messages(await ann.log(without)))
    assert ("running", "v1") == (deployment["status"], shown)
    assert "does not accept the deploy key of the project" in rotated["error"]
    assert "v1" == await ann.read(project)
    assert [] == lent_by(ann.served)


async def test_the_private_half_is_gone_though_its_worker_was_killed(sshd: Sshd) -> None:
    """Who comes after it takes the work up, and leaves nothing of the one that was killed."""
    async with open_served(**OWN_ADDRESSES, PUSHPAKA_GIT_ALLOW_NETS="127.0.0.0/8") as served:
        await served.start()
        repository = repository_of(served.repositories / "shop", server("v1"))
        async with Person.signed_up(served) as ann:
            project = await ann.project(sshd.url(repository.path))
            key = await ann.ask("POST", f"/projects/{project['id']}/deploy-key")
            sshd.admit(key["public_key"], repository.path)
            sshd.delay()
            begun = await ann.begin(project)
            await until(lambda: lent_by(served))
            lent = lent_by(served)

            await served.stop(SIGKILL)
            sshd.hurry()
            await served.start()
            deployment = await ann.outcome(begun)
            await until(lambda: not lent_by(served))

    assert 1 == len(lent)
    assert ("running", None) == (deployment["status"], deployment["error"])


def lent_by(served: Served) -> list[Path]:
    """Return the files with private halves that there are at the moment."""
    return list(served.data_directory.rglob("deploy_key"))


async def until(is_so: Callable[[], object]) -> None:
    """Wait until something holds."""
    with fail_after(PATIENCE):
        while not is_so():
            await sleep(0.05)
