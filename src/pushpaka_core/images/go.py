"""Go images: one program on plain Debian."""

from pathlib import PurePosixPath

from attrs import evolve

from pushpaka_core.detection.tree import FileTree
from pushpaka_core.domain.pipeline.build_plans import BuildPlan
from pushpaka_core.images.recipe import CACHE, DEBIAN, ImageRecipe, is_detected
from pushpaka_core.images.tags import minimum_version

_DEFAULT_VERSION = "1.24"
_MANIFESTS = frozenset({"go.mod", "go.sum", "go.work", "go.work.sum"})


def recipe(plan: BuildPlan, tree: FileTree) -> ImageRecipe:
    """Return the image recipe of a Go plan. The version in go.mod is a minimum."""
    found = ImageRecipe(
        base=f"golang:{minimum_version(plan.language_version, _DEFAULT_VERSION)}",
        run_base=DEBIAN,
        run_packages=("ca-certificates", "tzdata"),
        env={"GOCACHE": f"{CACHE}/go-build", "GOMODCACHE": f"{CACHE}/go-mod"},
    )
    if plan.install is None or not is_detected(plan.install):
        return found
    manifests = tuple(path for path in tree.paths() if PurePosixPath(path).name in _MANIFESTS)
    return evolve(found, manifests=manifests, install_from_manifests=plan.install.command)
