"""Images for Go: one program on a plain Debian."""

from pathlib import PurePosixPath

from attrs import evolve

from pushpaka_core.detection.tree import FileTree
from pushpaka_core.domain.build_plans import BuildPlan
from pushpaka_core.images.recipe import CACHE, DEBIAN, Recipe, is_ours
from pushpaka_core.images.tags import at_least

_USUAL = "1.24"
_MANIFESTS = frozenset({"go.mod", "go.sum", "go.work", "go.work.sum"})


def recipe(plan: BuildPlan, tree: FileTree) -> Recipe:
    """Return how an image for a plan in Go is made; its version is the oldest that will do."""
    found = Recipe(
        base=f"golang:{at_least(plan.language_version, _USUAL)}",
        run_base=DEBIAN,
        run_packages=("ca-certificates", "tzdata"),
        env={"GOCACHE": f"{CACHE}/go-build", "GOMODCACHE": f"{CACHE}/go-mod"},
    )
    if plan.install is None or not is_ours(plan.install):
        return found
    manifests = tuple(path for path in tree.paths() if PurePosixPath(path).name in _MANIFESTS)
    return evolve(found, manifests=manifests, prefetch=plan.install.command)
