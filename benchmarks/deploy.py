"""
How long does a changed source file take to be served from a container, with a warm cache?

From the request to the first answer of the new version through the router, which is asked once the
deployment is said to run, with the Dockerfile of the repository, whose layer of dependencies stays
as it is. By hand it is a script that clones the same commit, builds by the same engine and
Dockerfile, runs the image and waits for its answer on the port itself: it keeps no log, checks and
limits nothing, makes no network, and does not replace what ran before.

What differs: some 170 ms, of which a rollback has 75 as well. Of the others it was seen what is
done, and not how long each takes: the fetch into the project's mirror, the look at the tree, the
plan, and the lines of the log.
"""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.containers import container_source
from benchmarks.deploying import container_by_hand, deploy, images_by_hand, open_person
from benchmarks.plans import Plan
from benchmarks.rounds import OURS, Comparison, Figures, Goal, by_turns


async def measure(plan: Plan) -> Sequence[Comparison]:
    """Deploy the next version by turns."""
    with TemporaryDirectory(prefix="pushpaka-bench-") as directory:
        async with open_person("docker") as ann, images_by_hand() as name:
            source = container_source(ann.served.repositories / "shop")
            project = await ann.project(source.repository.path)

            async def ours() -> Figures:
                source.change()
                return {"seconds": await deploy(ann, project, source)}

            async def hand() -> Figures:
                source.change()
                clone = Path(directory) / source.version
                return {"seconds": await container_by_hand(source, name, clone)}

            samples = await by_turns({OURS: ours, "by hand": hand}, plan.rounds_of(7))
    what = "a changed source file, on Docker"
    return [Comparison.of(samples, "seconds", what=what, unit="s", goal=Goal(ratio=1.05))]
