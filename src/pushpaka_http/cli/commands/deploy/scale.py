"""The command `pushpaka scale`."""

from collections.abc import Sequence

import click

from pushpaka_core.domain.instances.instances import WEB_PROCESS_TYPE
from pushpaka_core.domain.projects.projects import check_replicas
from pushpaka_http.cli.commands.session import Session, with_project_option
from pushpaka_http.cli.ui.assignments import read_assignments
from pushpaka_http.cli.ui.counts import pluralized
from pushpaka_http.cli.ui.failures import NoWebProcessError


@click.command("scale")
@click.argument("counts", nargs=-1, required=True, metavar="PROCESS=COUNT...")
@with_project_option
def command(session: Session, *, counts: tuple[str, ...]) -> None:
    """
    Change the number of instances of an application.

    PROCESS is a process type: the web process can have 1 to 100 instances, and every other process
    type has one. The running application is scaled without a deployment. The count is saved in
    the project setting "replicas", so it also applies to later deployments.

    Example: pushpaka scale web=2
    """
    wanted, project = _web_count(counts), session.project
    if project.url is None:
        raise NoWebProcessError(
            f"{project.name} has no web process to scale. Every other process has one instance."
        )
    changed = session.client.projects.update(project.id, replicas=wanted)
    session.output.result(changed, f"{changed.name} now runs {pluralized(wanted, 'web instance')}.")


def _web_count(arguments: Sequence[str]) -> int:
    """
    Return the number of web instances in *arguments*.

    Raises:
        click.UsageError: If a number is out of range, or none is given for the web process.
    """
    counts = {name: _count(name, text) for name, text in read_assignments(arguments).items()}
    for name in counts.keys() - {WEB_PROCESS_TYPE}:
        if counts[name] != 1:
            raise click.UsageError(
                f"{name} must be 1. Only the web process can have several instances."
            )
    if WEB_PROCESS_TYPE not in counts:
        raise click.UsageError(
            "There is nothing to change. Pass the number of web instances, for example: web=2"
        )
    return counts[WEB_PROCESS_TYPE]


def _count(process_type: str, text: str) -> int:
    """Return *text* as the number of instances, or raise UsageError."""
    try:
        count = int(text)
        check_replicas(count)
    except ValueError:
        raise click.UsageError(
            f"{process_type} must be a whole number from {check_replicas.minimum} to "
            f"{check_replicas.maximum}. To stop the application, run: pushpaka stop"
        ) from None
    return count
