"""Images for Deno: what a program imports goes along with it."""

from pathlib import PurePosixPath

from attrs import evolve

from pushpaka_core.detection.tree import FileTree
from pushpaka_core.domain.build_plans import BuildPlan
from pushpaka_core.images.recipe import APP, Recipe, is_ours
from pushpaka_core.images.tags import pinned

_MODULES = "/deno-dir"
_MANIFESTS = frozenset({"deno.json", "deno.jsonc", "deno.lock", "package.json", ".npmrc"})


def recipe(plan: BuildPlan, tree: FileTree) -> Recipe:
    """Return how an image for a plan with Deno is made."""
    version = pinned(plan.language_version, "")
    found = Recipe(
        base=f"denoland/deno:debian-{version}"
        if version.count(".") == 2
        else "denoland/deno:debian",
        run_env={"DENO_DIR": _MODULES, "DENO_NO_UPDATE_CHECK": "1"},
        kept=(_MODULES, APP),
    )
    if plan.install is None or not is_ours(plan.install):
        return found
    manifests = tuple(path for path in tree.paths() if PurePosixPath(path).name in _MANIFESTS)
    return evolve(found, manifests=manifests, prefetch=plan.install.command)
