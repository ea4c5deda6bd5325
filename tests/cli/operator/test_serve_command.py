"""Tests `pushpaka serve` and `pushpaka down` as processes: what they start and leave behind."""

import json
import sys
from collections.abc import AsyncIterator
from http import HTTPStatus
from signal import SIGINT, SIGKILL, SIGTERM

import anyio
import httpx
import pytest
from anyio import to_thread
from attrs import frozen
from tests.cli.operator.operators import Operator
from tests.served_instance import PASSWORD, ServedInstance, open_served

from pushpaka_core.maintenance.instance import migrate_instance
from pushpaka_core.settings.settings import Settings
from pushpaka_core.testing.repositories import Repository

PAGE = "<!doctype html><h1>Good morning</h1>"
PRINT_IMPORTS = """
import atexit, json, sys
atexit.register(lambda: print(json.dumps([*filter(sys.modules.get, sys.modules)]), file=sys.stderr))
from pushpaka_http.cli import main
main()
"""
"""A program that runs `serve`, and prints the imported modules when it exits."""
UNNEEDED = {
    *("alembic", "apprise", "asyncpg", "cryptography", "dns", "docker", "jwt", "passlib"),
    *("redis", "rich", "sqlalchemy.dialects.postgresql", "pushpaka_core.adapters.docker.engine"),
    *("pushpaka_core.adapters.redis", "pushpaka_core.detection.languages"),
}
"""Modules that `serve` does not need until there is, for example, a user or a deployment."""


def test_an_instance_responds_only_to_known_host_names(operator: Operator) -> None:
    """Web pages cannot register an account through DNS rebinding."""
    body = {"email": "eve@example.com", "name": "Eve", "password": PASSWORD}

    with operator.serve(PUSHPAKA_ALLOWED_HOSTS="deploy.example.com") as api:
        statuses = [
            api.post("/auth/register", json=body, headers={"Host": host}).status_code
            for host in ("rebound.example", "deploy.example.com", f"localhost:{operator.port}")
        ]

    assert [421, 201, 409] == statuses


@pytest.mark.anyio
@pytest.mark.suite("integration")
async def test_process_imports_only_needed_modules_and_keeps_its_data_private(
    unrouted_instance: ServedInstance,
) -> None:
    """Fewer modules keep the process small and its start fast.

    Commands that need the data directory, except `migrate`, fail and name the running process.
    """
    await migrate_instance(Settings(data_directory=unrouted_instance.data_directory))
    unrouted_instance.program = (sys.executable, "-c", PRINT_IMPORTS)
    await unrouted_instance.start()
    pid = unrouted_instance.pid

    operator = Operator(directory=unrouted_instance.directory)
    serve, worker, down = [
        await to_thread.run_sync(operator.run_refused, command)
        for command in ("serve", "worker", "down")
    ]
    migrate = await to_thread.run_sync(operator.run, "migrate")
    code = await unrouted_instance.stop(SIGINT)

    assert f"process {pid}" in serve
    assert f"process {pid}" in worker
    assert "Stop it first" in down
    assert 0 == migrate.code, migrate.errors
    assert 0 == code
    assert "Traceback" not in unrouted_instance.log
    assert f"http://127.0.0.1:{unrouted_instance.port}/api/v1" in unrouted_instance.log
    assert "  Runtime       process\n" in unrouted_instance.log
    assert "not a sandbox" in unrouted_instance.log
    imported = set(json.loads(unrouted_instance.log.splitlines()[-1]))
    assert "pushpaka_http.app" in imported
    assert set() == imported & UNNEEDED


@frozen
class Site:
    """A served page, the instance that serves it, and the token of its owner."""

    served_instance: ServedInstance
    url: str
    token: str

    async def wait_until_visited(self) -> None:
        """Wait until visitors get the page."""
        with anyio.fail_after(60):
            while True:
                try:
                    if PAGE == (await self.served_instance.visit(self.url)).text:
                        return
                except httpx.TransportError:
                    pass
                await anyio.sleep(0.1)


@pytest.mark.anyio
@pytest.mark.needs("traefik")
class TestApplications:
    """Tests that applications keep running when `serve` exits.

    The tests share an instance, and each test leaves it running.
    """

    @pytest.fixture(scope="class")
    async def site(self) -> AsyncIterator[Site]:
        async with open_served() as served:
            await served.start()
            repository = await to_thread.run_sync(Repository.create, served.repositories / "page")
            await to_thread.run_sync(repository.commit, "Begin", {"index.html": PAGE})
            token = await served.sign_up()
            async with served.api(token) as api:
                body = {"name": "Page", "repo_url": str(repository.path)}
                project = (await api.post("/projects", json=body)).json()
                deployment = await served.deploy(api, project["id"])
            assert "running" == deployment["status"], deployment["error"]
            yield Site(served, project["url"], token)

    async def test_applications_outlive_serve_but_not_down(self, site: Site) -> None:
        """After `down`, the next `serve` starts the applications again."""
        await site.served_instance.stop()
        without_serve = await site.served_instance.visit(site.url)
        down = await site.served_instance.run("down")

        assert PAGE == without_serve.text
        assert "Stopped 4 processes.\n" == down.output, down.errors
        with pytest.raises(httpx.TransportError):
            await site.served_instance.visit(site.url)
        await site.served_instance.start()
        await site.wait_until_visited()

    async def test_applications_are_adopted_after_serve_is_killed(self, site: Site) -> None:
        """The applications keep running in the meantime."""
        await site.served_instance.stop(SIGKILL)
        await site.served_instance.start()

        assert PAGE == (await site.served_instance.visit(site.url)).text
        async with site.served_instance.api(site.token) as api:
            deployments = (await api.get("/deployments")).json()["data"]
        assert ["running"] == [deployment["status"] for deployment in deployments]

    async def test_visitors_of_the_router_are_counted_separately(self, site: Site) -> None:
        """Guessing passwords through the router does not use up other visitors' attempts."""
        forged = {"X-Forwarded-For": "192.0.2.1", "X-Pushpaka-Router": "guess"}

        with anyio.fail_after(60):
            while await _sign_in(site.served_instance, "127.0.0.9") == HTTPStatus.NOT_FOUND:
                await anyio.sleep(0.05)
        guesses = [await _sign_in(site.served_instance, "127.0.0.2", **forged) for _ in range(11)]
        other = await _sign_in(site.served_instance, "127.0.0.3", "joe@example.com")

        assert (429, 401) == (guesses[-1], other)

    async def test_a_second_signal_exits_without_waiting_for_watchers(self, site: Site) -> None:
        """After the first signal, open streams get a few seconds to end."""
        endings = site.served_instance.log.count("Stopping.")
        async with site.served_instance.api(site.token) as api:
            deployment = (await api.get("/deployments")).json()["data"][0]
            async with api.stream("GET", f"/logs/{deployment['id']}/sse") as stream:
                assert 200 == stream.status_code
                site.served_instance.send(SIGTERM)
                with anyio.fail_after(60):
                    while endings == site.served_instance.log.count("Stopping."):
                        await anyio.sleep(0.02)
                code = await site.served_instance.stop()
        await site.served_instance.start()

        assert 128 + SIGTERM == code


async def _sign_in(
    served_instance: ServedInstance, address: str, email: str = "ann@example.com", **headers: str
) -> int:
    """Try to sign in with a wrong password through the router, and return the status."""
    body = {"email": email, "password": "wrong password"}
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{served_instance.router_port}",
        transport=httpx.AsyncHTTPTransport(local_address=address),
    ) as client:
        host = {"Host": "api.localhost", **headers}
        return (await client.post("/api/v1/auth/login", json=body, headers=host)).status_code
