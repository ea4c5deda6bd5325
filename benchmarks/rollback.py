"""
How long does it take to roll back to an earlier version?

The time is measured from the request to the first response of the old version through the router.
The benchmark polls the old version as soon as the deployment has the status "running". "By hand"
is a script that runs the existing image and waits for a response on the container's own port.
"Contained" means that the script sets the same limits as Pushpaka and, like Pushpaka, creates a
separate network.

Why they differ: a new instance has to pass two health checks one second apart. Claiming the
deployment, polling until the instance responds, committing, and updating the route table take about
75 ms in total. Limits and a separate network hardly delay the start of a container on an idle
machine, but take up to a third of its start time on a busy machine.
"""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.containers import container_source
from benchmarks.deployments import (
    container_by_hand,
    images_by_hand,
    network_by_hand,
    open_person,
    roll_back,
    run_by_hand,
)
from benchmarks.options import RunOptions
from benchmarks.rounds import OURS, Comparison, Figures, Goal, alternate
from tests.acceptance.tools.people import Json


async def measure(run_options: RunOptions) -> Sequence[Comparison]:
    """Alternate between two versions."""
    versions: list[tuple[Json, str]] = []
    with TemporaryDirectory(prefix="pushpaka-bench-") as directory:
        async with (
            open_person("docker") as ann,
            images_by_hand() as name,
            network_by_hand(name) as options,
        ):
            source = container_source(ann.served_instance.repositories / "shop")
            project = await ann.project(source.repository.path)
            versions.append((await ann.deploy(project), source.version))
            source.change()
            versions.append((await ann.deploy(project), source.version))

            async def ours() -> Figures:
                versions.reverse()
                served, version = versions[-1]
                return {"seconds": await roll_back(ann, project, served, version)}

            async def hand() -> Figures:
                return {"seconds": await run_by_hand(source, name)}

            async def contained() -> Figures:
                return {"seconds": await run_by_hand(source, name, *options)}

            await container_by_hand(source, name, Path(directory) / "clone")
            contestants = {OURS: ours, "by hand": hand, "contained": contained}
            samples = await alternate(contestants, run_options.rounds_of(7))
    what = "the version before, on Docker"
    return [Comparison.of(samples, "seconds", what=what, unit="s", goal=Goal(ratio=1.2))]
