"""What the demo shows: a platform that starts, and a stranger's first deployment on it."""

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from functools import partial
from pathlib import Path
from secrets import token_urlsafe

import httpx
from anyio import CancelScope, Event, to_thread
from attrs import field, frozen

from pushpaka_core.application import Application
from pushpaka_core.domain.access import PLATFORM
from pushpaka_core.domain.deployment_steps import DeploymentStatus
from pushpaka_core.domain.deployments import DeploymentId
from pushpaka_core.domain.projects import ProjectId
from pushpaka_core.errors import DeploymentFailedError
from pushpaka_core.maintenance import publish, remove_data, take_down
from pushpaka_core.services.background import alongside
from pushpaka_core.settings import Settings
from pushpaka_http.base_path import BASE_PATH
from pushpaka_http.cli.demo_display import Display
from pushpaka_http.cli.ending import unless
from pushpaka_http.cli.examples import Example
from pushpaka_http.cli.serving import open_instance
from pushpaka_http.client import AsyncClient, ConflictError

_EMAIL = "demo@example.com"


@frozen(kw_only=True)
class Demonstration:
    """Deploys an example on an instance of its own, and ends everything that it has started."""

    _settings: Settings
    _example: Example
    is_once: bool
    """Whether to end after the first answer, and to leave nothing at all."""
    _display: Display = field(factory=Display)

    async def run(self, asked: Event) -> bool:
        """
        Show it all; unless once, serve on until the end is *asked* for. False: it came before.

        Raises:
            DeploymentFailedError: If the example does not run, or says something else.
        """
        say = self._display.say
        say(f"An instance for this demo starts in {self._settings.data_directory}", "bold")
        async with self._cleaned_up():
            await self._make_repository()
            async with open_instance(self._settings) as application:
                is_complete = await unless(asked, partial(self._show, application))
                if is_complete and not self.is_once:
                    await asked.wait()
                return is_complete

    async def _show(self, application: Application) -> None:
        address = f"http://127.0.0.1:{self._settings.port}"
        # With a transport of its own it asks no proxy, whatever the environment says.
        async with AsyncClient(address, transport=httpx.AsyncHTTPTransport()) as client:
            password = await self._sign_in(client, application)
            await self._deploy_and_ask(client)
        if not self.is_once:
            self._invite(password)

    @asynccontextmanager
    async def _cleaned_up(self) -> AsyncIterator[None]:
        """Leave nothing running, neither of this demo nor of one that was killed."""
        await take_down(self._settings)
        try:
            yield
        finally:
            with CancelScope(shield=True):
                await take_down(self._settings)
                if self.is_once:
                    await remove_data(self._settings)
            self._display.say("Everything that the demo had started is stopped.", "dim")

    @property
    def _repository(self) -> Path:
        return self._settings.data_directory / "examples" / self._example.name

    async def _make_repository(self) -> None:
        await to_thread.run_sync(self._example.copy_to, self._repository)
        await publish(self._settings, self._repository)

    async def _sign_in(self, client: AsyncClient, application: Application) -> str:
        """Register, or have the password reset where an earlier demo has; return the password."""
        password = token_urlsafe(12)
        try:
            await client.auth.register(email=_EMAIL, name="Demo", password=password)
        except ConflictError:
            await application.accounts.reset_password(PLATFORM, _EMAIL, password)
            await client.auth.login(email=_EMAIL, password=password)
        return password

    async def _deploy_and_ask(self, client: AsyncClient) -> None:
        name, repository = self._example.project, str(self._repository)
        self._display.say(f"{_EMAIL} deploys {repository}", "bold")
        project = await client.projects.find(name)
        if project is None:
            project = await client.projects.create(name=name, repo_url=repository)
        commit = await self._deploy(client, project.id)
        await self._ask(project.url, commit)

    async def _deploy(self, client: AsyncClient, project_id: ProjectId) -> str:
        """Deploy, show how it goes, and return the commit that runs."""
        queued = await client.deployments.create(project_id=project_id)
        with self._display.progressing():
            async with alongside(partial(self._follow, client, queued.id)):
                deployment = await client.deployments.wait(queued.id)
            for line in (await client.logs.list(queued.id, after=self._display.last_seq)).data:
                self._display.show(line)
        self._display.summarise((await client.deployments.events(queued.id)).data)
        if deployment.status is not DeploymentStatus.RUNNING:
            raise DeploymentFailedError(deployment.error or "The deployment did not run.")
        return str(deployment.commit_sha)

    async def _follow(self, client: AsyncClient, deployment_id: DeploymentId) -> None:
        async with aclosing(client.logs.follow(deployment_id)) as lines:
            async for line in lines:
                self._display.show(line)

    async def _ask(self, url: str, commit: str) -> None:
        """Ask the application through the router, as any visitor would."""
        text = await _page(url, router_port=self._settings.router_port or 80)
        if not self._example.is_answer(text, commit=commit):
            raise DeploymentFailedError(f"{url} does not say what it should, but:\n{text}")
        self._display.say(f"{url} says what it should.", "bold green")

    def _invite(self, password: str) -> None:
        say = self._display.say
        address = f"http://127.0.0.1:{self._settings.port}"
        say(f"Dashboard: {address}", "bold")
        say(f"API: {address}{BASE_PATH}")
        say(f"Sign in as {_EMAIL} with the password {password}")
        say("Ctrl-C ends the demo, and the application and the router with it.")


async def _page(url: str, *, router_port: int) -> str:
    """Return what *url* shows, asking the router of this host for it."""
    host = url.removeprefix("http://")
    async with httpx.AsyncClient(timeout=30, trust_env=False) as http:
        response = await http.get(f"http://127.0.0.1:{router_port}/", headers={"Host": host})
    return response.text
