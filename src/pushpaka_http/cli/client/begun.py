"""What a command does that has begun a deployment: it follows it, and ends as that does."""

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

import anyio
import click
from anyio import move_on_after
from attrs import frozen

from pushpaka_core.domain.deployment_steps import DeploymentStatus
from pushpaka_core.domain.deployments import PRODUCTION
from pushpaka_http.cli.client.displays import Display, fitting_display
from pushpaka_http.cli.client.following import Following
from pushpaka_http.cli.client.servers import signed_in
from pushpaka_http.cli.client.session import Session, in_project
from pushpaka_http.schemas.deployments import DeploymentResponse

if TYPE_CHECKING:
    from pushpaka_http.cli.client.pursuit import Pursuit
    from pushpaka_http.client import AsyncClient

INTERRUPTED = 130
"""The exit code of a command that Ctrl-C has ended, as a shell has it."""
_FAILED = 1

_detach_option = click.option(
    "--detach", "-d", "is_detached", is_flag=True, help="Do not wait for what becomes of it."
)
_timeout_option = click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Stop waiting after so long, with exit code 1; the deployment goes on.",
)


@frozen(kw_only=True)
class Begun:
    """A deployment that a command has begun."""

    session: Session
    deployment: DeploymentResponse
    is_detached: bool
    timeout: float | None

    def see_through(self) -> None:
        """
        Follow it until it runs, unless it is to be left alone.

        Raises:
            Exit: If it does not run, or nobody waited for that.
        """
        if self.is_detached:
            self._leave()
            return
        try:
            following = self._followed()
        except KeyboardInterrupt:
            self._say_that_it_goes_on("It is not followed any more, and goes on.")
            raise click.exceptions.Exit(INTERRUPTED) from None
        if not following.is_settled:
            self._say_that_it_goes_on(f"It is not over after {self.timeout:g} s, and goes on.")
        if following.deployment.status is not DeploymentStatus.RUNNING:
            raise click.exceptions.Exit(_FAILED)

    def _followed(self) -> Following:
        """Show what becomes of it, and return what has been seen."""
        from pushpaka_http.cli.client.pursuit import Pursuit
        from pushpaka_http.client import AsyncClient

        following = Following(deployment=self.deployment)
        display = fitting_display(is_json=self.session.output.is_json)
        server = self.session.server
        client = AsyncClient(server.url, token=signed_in(server))
        pursuit = Pursuit(client=client, following=following, display=display)
        with display.showing():
            anyio.run(self._follow, client, pursuit)
        if following.is_settled:
            self._show_end(following, display)
        return following

    def _leave(self) -> None:
        output, begun = self.session.output, self.deployment
        output.say(f"It is {begun.status}. Follow it: pushpaka logs --follow {begun.id}")
        output.result(begun, str(begun.id))

    async def _follow(self, client: "AsyncClient", pursuit: "Pursuit") -> None:
        with move_on_after(self.timeout):
            async with client:
                await pursuit.run()

    def _say_that_it_goes_on(self, sentence: str) -> None:
        click.echo(sentence, err=True)
        click.echo(f"Follow it: pushpaka logs --follow {self.deployment.id}", err=True)
        click.echo(f"Cancel it: pushpaka cancel {self.deployment.id}", err=True)

    def _show_end(self, following: Following, display: Display) -> None:
        """Show what has become of it, and where visitors find that, or the version before."""
        ended, outcome = following.deployment, following.outcome()
        if ended.target != PRODUCTION:  # A preview has but its own address.
            display.end(ended, outcome, ended.url or "")
            return
        project = self.session.client.projects.get(ended.project_id)
        display.end(ended, outcome, project.url)
        is_replaced = project.current_deployment_id in {None, ended.id}
        if ended.status is DeploymentStatus.FAILED and not is_replaced:
            self.session.output.say(f"The version before goes on at {project.url}")


def begins_deployment(function: Callable[..., DeploymentResponse]) -> Callable[..., None]:
    """Have a command ask about a project, and see the deployment through that it returns."""

    @wraps(function)
    def run(
        session: Session, *, is_detached: bool, timeout: float | None, **arguments: Any
    ) -> None:
        Begun(
            session=session,
            deployment=function(session, **arguments),
            is_detached=is_detached,
            timeout=timeout,
        ).see_through()

    return _detach_option(_timeout_option(in_project(run)))
