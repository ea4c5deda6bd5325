"""A private repository is deployed over ssh by the deploy key of its project, and not without."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.acceptance.apps import repository_of, server
from tests.acceptance.people import Person, messages
from tests.sshd import Sshd, open_sshd

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik"), pytest.mark.needs("sshd")]


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    with open_sshd(tmp_path / "sshd") as opened:
        yield opened


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
    private = [p for p in ann.served.data_directory.rglob("deploy_key") if p.is_file()]
    assert [] == private
