"""
How long does a version that was served before take to be served again?

From the request to the first answer of the old version through the router, which is asked once the
deployment is said to run. By hand it is a script that runs the image that was kept, and waits for
its answer on the port itself; contained is the same with the limits that ours has, and in a network
of its own as each project has one.

What differs: a claim, the looks until it answers, the commit and the table of routes, together some
75 ms. Limits and a network of its own cost the container next to nothing on an idle machine, and up
to a third of its start on a busy one.
"""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.containers import container_source
from benchmarks.deploying import (
    container_by_hand,
    images_by_hand,
    network_by_hand,
    open_person,
    roll_back,
    run_by_hand,
)
from benchmarks.plans import Plan
from benchmarks.rounds import OURS, Comparison, Figures, Goal, by_turns
from tests.acceptance.people import Json


async def measure(plan: Plan) -> Sequence[Comparison]:
    """Go back and forth between two versions, by turns."""
    versions: list[tuple[Json, str]] = []
    with TemporaryDirectory(prefix="pushpaka-bench-") as directory:
        async with (
            open_person("docker") as ann,
            images_by_hand() as name,
            network_by_hand(name) as options,
        ):
            source = container_source(ann.served.repositories / "shop")
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
            samples = await by_turns(contestants, plan.rounds_of(7))
    what = "the version before, on Docker"
    return [Comparison.of(samples, "seconds", what=what, unit="s", goal=Goal(ratio=1.2))]
