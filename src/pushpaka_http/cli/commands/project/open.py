"""The command `pushpaka open`."""

import sys
import webbrowser

import click

from pushpaka_http.cli.commands.session import Session, with_project_argument
from pushpaka_http.cli.ui.failures import NoWebProcessError


@click.command("open")
@click.option(
    "--dashboard",
    "is_dashboard",
    is_flag=True,
    help="Open the project's page in the dashboard instead.",
)
@with_project_argument
def command(session: Session, *, is_dashboard: bool) -> None:
    """
    Open an application in the browser.

    The URL is printed as well. Without a terminal, the URL is only printed.

    Example: pushpaka open --dashboard
    """
    project = session.project
    url = f"{session.server.url}/projects/{project.id}" if is_dashboard else project.url
    if url is None:
        raise NoWebProcessError(
            f"{project.name} has no web process, so it has no address. Open its page in the "
            "dashboard: pushpaka open --dashboard"
        )
    session.output.result(project, url)
    is_seen = sys.stdout.isatty() and not session.output.is_json
    if is_seen and url.startswith(("https://", "http://")):
        webbrowser.open(url)
