"""The table of languages: how the recipe of a plan's image is found."""

from collections.abc import Callable, Mapping

from pushpaka_core.detection.tree import FileTree
from pushpaka_core.domain.build_plans import BuildPlan
from pushpaka_core.images import node, python
from pushpaka_core.images.recipe import Recipe

DEBIAN = "debian:trixie-slim"


def recipe_of(plan: BuildPlan, tree: FileTree) -> Recipe:
    """Return how the image of *plan* is made; *tree* holds the whole repository."""
    return _LANGUAGES[plan.language](plan, tree)


def _plain(_plan: BuildPlan, _tree: FileTree) -> Recipe:
    return Recipe(base=DEBIAN)


_LANGUAGES: Mapping[str, Callable[[BuildPlan, FileTree], Recipe]] = {
    "node": node.recipe,
    "python": python.recipe,
    "shell": _plain,
    "static": _plain,
}
