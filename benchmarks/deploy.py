"""
How long does it take to deploy a changed source file to a container with a warm cache?

The time is measured from the request to the first response of the new version through the router.
The benchmark polls the new version as soon as the deployment has the status "running". The
repository has a Dockerfile whose layer of dependencies does not change. "By hand" is a script that
clones the same commit, builds it with the same engine and Dockerfile, runs the image and waits for
a response on the container's own port. The script keeps no log, sets no limits, creates no network,
checks nothing else and does not replace a previous version.

Why they differ: Pushpaka needs an additional second because a new instance has to pass two health
checks one second apart, whereas the script accepts one response. The rest, about 0.3 s, was not
measured in detail. Pushpaka spends it on waiting for the first health check, fetching the commit
into the project's mirror, scanning the files, planning the build, and writing log lines.
"""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.containers import container_source
from benchmarks.deployments import container_by_hand, deploy, images_by_hand, open_person
from benchmarks.options import RunOptions
from benchmarks.rounds import OURS, Comparison, Figures, Goal, alternate


async def measure(run_options: RunOptions) -> Sequence[Comparison]:
    """Deploy the next version with both in turn."""
    with TemporaryDirectory(prefix="pushpaka-bench-") as directory:
        async with open_person("docker") as ann, images_by_hand() as name:
            source = container_source(ann.served_instance.repositories / "shop")
            project = await ann.project(source.repository.path)

            async def ours() -> Figures:
                source.change()
                return {"seconds": await deploy(ann, project, source)}

            async def hand() -> Figures:
                source.change()
                clone = Path(directory) / source.version
                return {"seconds": await container_by_hand(source, name, clone)}

            samples = await alternate({OURS: ours, "by hand": hand}, run_options.rounds_of(7))
    what = "a changed source file, on Docker"
    return [Comparison.of(samples, "seconds", what=what, unit="s", goal=Goal(ratio=1.05))]
