"""The demo, which starts an instance and deploys an example application on it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from secrets import token_urlsafe
from shlex import quote

import click
import httpx
from anyio import CancelScope, Event, to_thread
from attrs import frozen

from pushpaka_core.container.application import Application
from pushpaka_core.domain.accounts.access import PLATFORM
from pushpaka_core.domain.deployments.state_machine import DeploymentStatus
from pushpaka_core.errors import DeploymentFailedError
from pushpaka_core.maintenance.instance import create_repository, remove_data, stop_everything
from pushpaka_core.settings.settings import Settings
from pushpaka_http.base_path import BASE_PATH
from pushpaka_http.cli.demo.examples import Example
from pushpaka_http.cli.server.instance import open_instance
from pushpaka_http.cli.ui.deployment_display import create_display
from pushpaka_http.cli.ui.deployment_follower import DeploymentFollower
from pushpaka_http.cli.ui.interruption import run_until
from pushpaka_http.cli.ui.progress import FollowedDeployment
from pushpaka_http.client import AsyncClient, ConflictError
from pushpaka_http.schemas.projects import ProjectResponse

_EMAIL = "demo@example.com"


@frozen(kw_only=True)
class Demo:
    """Deploys an example on its own instance, and stops everything it started."""

    _settings: Settings
    _example: Example
    is_once: bool
    """Whether to exit and delete all data after the first successful response."""

    async def run(self, stop_requested: Event) -> bool:
        """
        Run the demo. Unless `is_once` is set, keep serving until the event *stop_requested* is set.

        Returns:
            True if the demo was completed, False if *stop_requested* was set before the end.

        Raises:
            DeploymentFailedError: If the deployment fails, or the application sends a wrong
                response.
        """
        click.secho(f"Starting a demo instance in {self._settings.data_directory}", bold=True)
        async with self._cleanup():
            await self._make_repository()
            async with open_instance(self._settings) as application:
                is_complete = await run_until(stop_requested, partial(self._show, application))
                if is_complete and not self.is_once:
                    await stop_requested.wait()
                return is_complete

    async def _show(self, application: Application) -> None:
        address = f"http://127.0.0.1:{self._settings.port}"
        # An explicit transport makes httpx ignore the proxies of the environment.
        async with AsyncClient(address, transport=httpx.AsyncHTTPTransport()) as client:
            password = await self._sign_in(client, application)
            await self._deploy_and_check(client)
        if not self.is_once:
            self._print_next_steps(password)

    @asynccontextmanager
    async def _cleanup(self) -> AsyncIterator[None]:
        """Stop the processes of a killed earlier demo now, and those of this demo at the end."""
        await stop_everything(self._settings)
        try:
            yield
        finally:
            with CancelScope(shield=True):
                await stop_everything(self._settings)
                if self.is_once:
                    await remove_data(self._settings)
            click.secho("Stopped the demo and everything that it started.", dim=True)
            if not self.is_once:
                click.echo(self._data_notice)

    @property
    def _data_notice(self) -> str:
        directory = self._settings.data_directory
        # `-f`, because rm would ask about each write-protected file of the Git repository.
        return (
            f"Its data stays in {directory}, so that the next demo starts faster. "
            f"To delete it, run: rm -rf {quote(str(directory))}"
        )

    @property
    def _repository(self) -> Path:
        return self._settings.data_directory / "examples" / self._example.name

    async def _make_repository(self) -> None:
        await to_thread.run_sync(self._example.copy_to, self._repository)
        await create_repository(self._settings, self._repository)

    async def _sign_in(self, client: AsyncClient, application: Application) -> str:
        """Register the demo user, or reset the password of an earlier demo. Return the password."""
        password = token_urlsafe(12)
        try:
            await client.auth.register(email=_EMAIL, name="Demo", password=password)
        except ConflictError:
            await application.accounts.reset_password(PLATFORM, _EMAIL, password)
            await client.auth.login(email=_EMAIL, password=password)
        return password

    async def _deploy_and_check(self, client: AsyncClient) -> None:
        name, repository = self._example.project, str(self._repository)
        click.secho(f"Deploying {repository} as {_EMAIL}", bold=True)
        project = await client.projects.find(name)
        if project is None:
            project = await client.projects.create(name=name, repo_url=repository)
        commit = await self._deploy(client, project)
        await self._check_response(str(project.url), commit)

    async def _deploy(self, client: AsyncClient, project: ProjectResponse) -> str:
        """Deploy the project, show its progress, and return the deployed commit."""
        queued = await client.deployments.create(project_id=project.id)
        following, display = FollowedDeployment(deployment=queued), create_display(is_json=False)
        with display.progress():
            await DeploymentFollower(
                client=client, followed_deployment=following, display=display
            ).run()
        deployment = following.deployment
        if deployment.status is not DeploymentStatus.RUNNING:
            raise DeploymentFailedError(deployment.error or "The deployment did not become active.")
        display.result(deployment, following.outcome(), project.url)
        return str(deployment.commit_sha)

    async def _check_response(self, url: str, commit: str) -> None:
        """
        Send a request to the application through the router, as a browser would, and check the
        response.
        """
        text = await _fetch(url, router_port=self._settings.router_port or 80)
        if not self._example.is_expected_response(text, commit=commit):
            raise DeploymentFailedError(f"{url} returned an unexpected response:\n{text}")
        click.secho("The application returned the expected response.", fg="green", bold=True)

    def _print_next_steps(self, password: str) -> None:
        address = f"http://127.0.0.1:{self._settings.port}"
        click.secho(f"Dashboard: {address}", bold=True)
        click.echo(f"API: {address}{BASE_PATH}")
        click.echo(f"Sign in as {_EMAIL} with the password {password}")
        click.echo("Press Ctrl-C to stop the demo, its application and its router.")


async def _fetch(url: str, *, router_port: int) -> str:
    """Return the body of *url*, requested from the router on this host."""
    host = url.removeprefix("http://")
    async with httpx.AsyncClient(timeout=30, trust_env=False) as http:
        response = await http.get(f"http://127.0.0.1:{router_port}/", headers={"Host": host})
    return response.text
