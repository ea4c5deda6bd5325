"""`pushpaka plan`."""

from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import click

from pushpaka_core.domain.build_plans import Packaging
from pushpaka_core.errors import DetectionError, PlatformFaultError, SourceError
from pushpaka_core.settings import RuntimeChoice, Settings
from pushpaka_http.cli.client.output import Output
from pushpaka_http.cli.refusals import refused

if TYPE_CHECKING:
    from pushpaka_core.bootstrap.local_plans import LocalPlan


@click.command("plan")
@click.argument(
    "directory",
    default=".",
    type=click.Path(exists=True, file_okay=False, resolve_path=True, path_type=Path),
)
@click.option(
    "--dockerfile", "is_dockerfile", is_flag=True, help="Print the Dockerfile of its image."
)
@click.option("--json", "is_json", is_flag=True, help="Print the plan as an object, for programs.")
def command(directory: Path, *, is_dockerfile: bool, is_json: bool) -> None:
    """
    Tell how DIRECTORY would be built and run, and why.

    It is the present one unless it is named. Neither a server nor a database is needed, and
    nothing is built. In a Git repository, what is ignored is not looked at, and DIRECTORY is
    what a project would have as its root_dir.

    The plan is for the runtime that PUSHPAKA_RUNTIME names, or that serve has chosen here, else
    for processes; with --dockerfile, for docker.
    """
    from pushpaka_core.bootstrap.local_plans import plan_directory

    settings = Settings.from_environ()
    packaging = Packaging.IMAGE if is_dockerfile else _packaging(settings)
    with refused(DetectionError, SourceError, PlatformFaultError):
        local = anyio.run(plan_directory, directory, packaging)
    if is_dockerfile:
        _show_dockerfile(local, prefix=settings.image_prefix or "")
    else:
        Output(is_json=is_json).result(local.plan, *local.explanation)


def _packaging(settings: Settings) -> Packaging:
    from pushpaka_core.bootstrap.runtimes import known_runtime

    known = known_runtime(settings)
    makes_images = known and known.runtime in {RuntimeChoice.DOCKER, RuntimeChoice.SWARM}
    return Packaging.IMAGE if makes_images else Packaging.DIRECTORY


def _show_dockerfile(local: "LocalPlan", *, prefix: str) -> None:
    """Print the text, or where the repository has its own."""
    if own := local.plan.dockerfile:
        click.echo("The repository brings its own Dockerfile, which is built as it is:", err=True)
        click.echo(Path(local.plan.directory, own.path))
    else:
        click.echo(local.dockerfile(prefix=prefix), nl=False)
