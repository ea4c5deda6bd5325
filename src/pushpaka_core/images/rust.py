"""Rust images: the compiled programs on plain Debian, without sources."""

from pushpaka_core.detection.tree import FileTree
from pushpaka_core.domain.pipeline.build_plans import BuildPlan
from pushpaka_core.images.recipe import CACHE, DEBIAN, ImageRecipe
from pushpaka_core.images.tags import pinned_version


def recipe(plan: BuildPlan, _tree: FileTree) -> ImageRecipe:
    """
    Return the image recipe of a Rust plan.

    Cargo cannot read a manifest without the sources, so dependencies do not get their own layer.
    Downloads and compiled crates are kept in the build cache instead.
    """
    return ImageRecipe(
        base=f"rust:{pinned_version(plan.language_version, '1')}",
        run_base=DEBIAN,
        run_packages=("ca-certificates", "libssl3t64", "tzdata"),
        env={"CARGO_HOME": f"{CACHE}/cargo", "CARGO_TARGET_DIR": f"{CACHE}/cargo-target"},
    )
