"""Deno images, which include the modules that a program imports."""

from pathlib import PurePosixPath

from attrs import evolve

from pushpaka_core.detection.tree import FileTree
from pushpaka_core.domain.pipeline.build_plans import BuildPlan
from pushpaka_core.images.recipe import APP, ImageRecipe, is_detected
from pushpaka_core.images.tags import pinned_version

_MODULES = "/deno-dir"
_MANIFESTS = frozenset({"deno.json", "deno.jsonc", "deno.lock", "package.json", ".npmrc"})


def recipe(plan: BuildPlan, tree: FileTree) -> ImageRecipe:
    """Return the image recipe of a Deno plan."""
    version = pinned_version(plan.language_version, "")
    found = ImageRecipe(
        base=f"denoland/deno:debian-{version}"
        if version.count(".") == 2
        else "denoland/deno:debian",
        run_env={"DENO_DIR": _MODULES, "DENO_NO_UPDATE_CHECK": "1"},
        kept_paths=(_MODULES, APP),
    )
    if plan.install is None or not is_detected(plan.install):
        return found
    manifests = tuple(path for path in tree.paths() if PurePosixPath(path).name in _MANIFESTS)
    return evolve(found, manifests=manifests, install_from_manifests=plan.install.command)
