"""Images for Rust: programs on a plain Debian, without what they were compiled from."""

from pushpaka_core.detection.tree import FileTree
from pushpaka_core.domain.build_plans import BuildPlan
from pushpaka_core.images.recipe import CACHE, DEBIAN, Recipe
from pushpaka_core.images.tags import pinned


def recipe(plan: BuildPlan, _tree: FileTree) -> Recipe:
    """
    Return how an image for a plan in Rust is made.

    Cargo reads no manifest without its sources, so that all it fetches and compiles is
    in the cache instead of a layer.
    """
    return Recipe(
        base=f"rust:{pinned(plan.language_version, '1')}",
        run_base=DEBIAN,
        run_packages=("ca-certificates", "libssl3t64", "tzdata"),
        env={"CARGO_HOME": f"{CACHE}/cargo", "CARGO_TARGET_DIR": f"{CACHE}/cargo-target"},
    )
