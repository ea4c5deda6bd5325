"""The command `pushpaka plan`."""

from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import click

from pushpaka_core.domain.pipeline.build_plans import Packaging
from pushpaka_core.errors import DetectionError, PlatformFaultError, SourceError
from pushpaka_core.settings.settings import RuntimeChoice, Settings
from pushpaka_http.cli.ui.failures import InvalidInputError, as_invalid_input
from pushpaka_http.cli.ui.output import Output

if TYPE_CHECKING:
    from pushpaka_core.bootstrap.local_plans import LocalPlan


@click.command("plan")
@click.argument(
    "directory",
    default=".",
    type=click.Path(exists=True, file_okay=False, resolve_path=True, path_type=Path),
)
@click.option(
    "--dockerfile", "is_dockerfile", is_flag=True, help="Print the Dockerfile of the image."
)
@click.option("--json", "is_json", is_flag=True, help="Print the plan as JSON.")
def command(directory: Path, *, is_dockerfile: bool, is_json: bool) -> None:
    """
    Show how a directory would be built and run, and why.

    DIRECTORY defaults to the current directory. The command needs neither a server nor a
    database, and builds nothing. In a Git repository, ignored files are skipped, and DIRECTORY
    is treated as the "root_dir" of the project.

    The plan is for the runtime in PUSHPAKA_RUNTIME. If that is not set, the plan is for the runtime
    that `pushpaka serve` has chosen on this machine, or else for the runtime "process". With
    --dockerfile, the plan is for the runtime "docker".
    """
    from pushpaka_core.bootstrap.local_plans import plan_of_directory

    if not any(directory.iterdir()):
        raise InvalidInputError(
            f"The directory {directory} is empty.\n"
            "Add the files of your application, or pass its directory: pushpaka plan DIRECTORY"
        )
    settings = Settings.from_environ()
    packaging = Packaging.IMAGE if is_dockerfile else _packaging(settings)
    with as_invalid_input(DetectionError, SourceError, PlatformFaultError):
        local = anyio.run(plan_of_directory, directory, packaging)
    if is_dockerfile:
        _show_dockerfile(local, prefix=settings.image_prefix or "")
    else:
        Output(is_json=is_json).result(local.plan, *local.explanation)


def _packaging(settings: Settings) -> Packaging:
    from pushpaka_core.bootstrap.runtimes import known_runtime

    known = known_runtime(settings)
    makes_images = known and known.runtime in {RuntimeChoice.DOCKER, RuntimeChoice.SWARM}
    return Packaging.IMAGE if makes_images else Packaging.DIRECTORY


def _show_dockerfile(local_plan: "LocalPlan", *, prefix: str) -> None:
    """Print the generated Dockerfile, or the path of the repository's own."""
    if own := local_plan.plan.dockerfile:
        click.echo("The repository has its own Dockerfile, which is used unchanged:", err=True)
        click.echo(Path(local_plan.plan.directory, own.path))
    else:
        click.echo(local_plan.dockerfile(prefix=prefix), nl=False)
