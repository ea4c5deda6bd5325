"""Follows the deployment that a command has started, and exits with its result."""

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

import anyio
import click
from anyio import move_on_after
from attrs import frozen

from pushpaka_core.domain.deployments.state_machine import DeploymentStatus
from pushpaka_core.domain.projects.target_names import PRODUCTION
from pushpaka_http.cli.auth.servers import require_token
from pushpaka_http.cli.commands.deploy.deployments import rollback_sentence
from pushpaka_http.cli.commands.session import Session, with_project_option
from pushpaka_http.cli.ui.deployment_display import Display, create_display
from pushpaka_http.cli.ui.progress import FollowedDeployment, is_rolled_back
from pushpaka_http.schemas.deployments import DeploymentResponse

if TYPE_CHECKING:
    from pushpaka_http.cli.ui.deployment_follower import DeploymentFollower
    from pushpaka_http.client import AsyncClient

INTERRUPTED = 130
"""Exit code after Ctrl-C: 128 plus the number of SIGINT, as in shells."""
_FAILED = 1

detach_option = click.option(
    "--detach", "-d", "is_detached", is_flag=True, help="Do not follow the deployment."
)
timeout_option = click.option(
    "--timeout",
    type=click.FloatRange(min=0, min_open=True),
    metavar="SECONDS",
    help="Stop following after SECONDS, with exit code 1. The deployment continues.",
)
_wait_stable_option = click.option(
    "--wait-stable",
    "waits_until_stable",
    is_flag=True,
    help="Also wait for the end of the rollback window. The exit code is 1 after a rollback.",
)


@frozen(kw_only=True)
class StartedDeployment:
    """A deployment that a command has started."""

    session: Session
    deployment: DeploymentResponse
    is_detached: bool
    timeout: float | None
    waits_until_stable: bool

    def follow(self) -> None:
        """
        Follow the deployment until it runs, or until its rollback window ends. If detached, only
        print the deployment.

        Raises:
            Exit: If the deployment does not go live, the timeout expires, or Ctrl-C is pressed.
        """
        if self.is_detached:
            self._print_detached()
            return
        try:
            following = self._follow_until_settled()
        except KeyboardInterrupt:
            self._print_continues("Stopped following the deployment, which continues.")
            raise click.exceptions.Exit(INTERRUPTED) from None
        if not following.is_settled:
            self._print_timeout(following)
        is_running = following.deployment.status is DeploymentStatus.RUNNING
        if not (following.is_settled and is_running):
            raise click.exceptions.Exit(_FAILED)

    def _follow_until_settled(self) -> FollowedDeployment:
        """Show the progress of the deployment, and return its state."""
        from pushpaka_http.cli.ui.deployment_follower import DeploymentFollower
        from pushpaka_http.client import AsyncClient

        followed_deployment = FollowedDeployment(
            deployment=self.deployment, waits_until_stable=self.waits_until_stable
        )
        display = create_display(is_json=self.session.output.is_json)
        server = self.session.server
        client = AsyncClient(server.url, token=require_token(server))
        deployment_follower = DeploymentFollower(
            client=client, followed_deployment=followed_deployment, display=display
        )
        with display.progress():
            anyio.run(self._run_follower, client, deployment_follower)
        if followed_deployment.is_settled:
            self._show_result(followed_deployment, display)
        return followed_deployment

    def _print_detached(self) -> None:
        output, deployment = self.session.output, self.deployment
        output.message(
            f"The deployment is {deployment.status}. Follow it:"
            f" pushpaka logs --follow {deployment.id}"
        )
        output.result(deployment, str(deployment.id))

    async def _run_follower(self, client: "AsyncClient", follower: "DeploymentFollower") -> None:
        with move_on_after(self.timeout):
            async with client:
                await follower.run()

    def _print_timeout(self, followed_deployment: FollowedDeployment) -> None:
        if not followed_deployment.is_live_or_ended:
            self._print_continues(
                f"The timeout of {self.timeout:g} s has expired. The deployment continues."
            )
            return
        click.echo(
            "The deployment is live, but its rollback window is still open after "
            f"{self.timeout:g} s.",
            err=True,
        )
        click.echo(
            "The deployment can still be rolled back automatically. See: pushpaka status", err=True
        )

    def _print_continues(self, sentence: str) -> None:
        click.echo(sentence, err=True)
        click.echo(f"Follow it: pushpaka logs --follow {self.deployment.id}", err=True)
        click.echo(f"Cancel it: pushpaka cancel {self.deployment.id}", err=True)

    def _show_result(self, followed_deployment: FollowedDeployment, display: Display) -> None:
        """
        Show the result of the deployment, and the URL at which it or the previous version is
        available.
        """
        ended, outcome = followed_deployment.deployment, followed_deployment.outcome()
        if is_rolled_back(ended):
            display.result(ended, outcome, None)
            self._print_active_deployment()
            return
        # A preview has no URL other than its own.
        if ended.target != PRODUCTION:
            display.result(ended, outcome, ended.url)
            return
        project = self.session.client.projects.get(ended.project_id)
        display.result(ended, outcome, project.url)
        is_replaced = project.current_deployment_id in {None, ended.id}
        if ended.status is DeploymentStatus.FAILED and not is_replaced:
            place = f"is still live at {project.url}" if project.url else "keeps running."
            self.session.output.message(f"The previous version {place}")

    def _print_active_deployment(self) -> None:
        deployments = self.session.client.deployments
        previous_id = deployments.rollback_window(self.deployment.id).previous_deployment_id
        if previous_id is not None:
            previous = deployments.get(previous_id)
            self.session.output.message(rollback_sentence(previous))


def starts_deployment(function: Callable[..., DeploymentResponse]) -> Callable[..., None]:
    """
    Decorate a function that starts and returns a deployment, to make it a command that follows the
    deployment.

    Adds the options `--detach`, `--timeout` and `--wait-stable`, and those of
    `with_project_option`.
    """

    @wraps(function)
    def run(
        session: Session,
        *,
        is_detached: bool,
        timeout: float | None,
        waits_until_stable: bool,
        **arguments: Any,
    ) -> None:
        if is_detached and waits_until_stable:
            raise click.UsageError(
                "--detach cannot be combined with --wait-stable. Leave one of them out."
            )
        StartedDeployment(
            session=session,
            deployment=function(session, **arguments),
            is_detached=is_detached,
            timeout=timeout,
            waits_until_stable=waits_until_stable,
        ).follow()

    return detach_option(_wait_stable_option(timeout_option(with_project_option(run))))
