"""A client of an instance that is started anew, as by an upgrade."""

import pytest
from anyio import fail_after
from tests.served import PASSWORD, open_served

from pushpaka_core.testing.repositories import Repository
from pushpaka_http.client import AsyncClient, Retries

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]


async def test_deployment_is_followed_while_the_instance_is_started_anew() -> None:
    """Each line of the log comes once, and what is asked meanwhile is answered afterwards."""
    async with open_served() as served:
        await served.start()
        repository = Repository.make(served.repositories / "shop")
        repository.commit("Say hello", {"index.html": "Hello."})
        seen = []
        with fail_after(60):
            async with AsyncClient(
                f"http://127.0.0.1:{served.port}", retries=Retries(total=30, longest_pause=0.2)
            ) as client:
                await client.auth.register(email="ann@example.com", name="Ann", password=PASSWORD)
                project = await client.projects.create(name="shop", repo_url=str(repository.path))
                deployment = await client.deployments.create(project_id=project.id)
                async for line in client.logs.follow(deployment.id):
                    seen.append(line.seq)
                    if line.seq == 2:
                        assert 0 == await served.stop()
                        await served.start()
                        deployment = await client.deployments.wait(deployment.id)
                        await client.deployments.stop(deployment.id)

                stopped = await client.deployments.get(deployment.id)
                lines = await client.logs.list(deployment.id)

    assert ("running", "stopped") == (deployment.status, stopped.status)
    assert [line.seq for line in lines.data] == seen
