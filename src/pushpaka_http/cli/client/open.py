"""`pushpaka open`."""

import sys
import webbrowser

import click

from pushpaka_http.cli.client.session import Session, in_project


@click.command("open")
@click.option(
    "--dashboard", "is_dashboard", is_flag=True, help="Its page in the dashboard instead."
)
@in_project
def command(session: Session, *, is_dashboard: bool) -> None:
    """
    Open the address of a project in the browser, and print it.

    Without a terminal or a browser it is printed alone.

    Example: pushpaka open --dashboard
    """
    project = session.project
    url = f"{session.server.url}/projects/{project.id}" if is_dashboard else project.url
    session.output.result(project, url)
    is_seen = sys.stdout.isatty() and not session.output.is_json
    if is_seen and url.startswith(("https://", "http://")):
        webbrowser.open(url)
