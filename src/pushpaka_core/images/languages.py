"""The table of languages: how the recipe of a plan's image is found."""

from collections.abc import Callable, Mapping

from pushpaka_core.detection.tree import FileTree
from pushpaka_core.domain.build_plans import BuildPlan
from pushpaka_core.images import deno, dotnet, elixir, go, java, node, php, python, ruby, rust
from pushpaka_core.images.recipe import DEBIAN, Recipe


def recipe_of(plan: BuildPlan, tree: FileTree) -> Recipe:
    """Return how the image of *plan* is made; *tree* holds the whole repository."""
    return _LANGUAGES[plan.language](plan, tree)


def _plain(_plan: BuildPlan, _tree: FileTree) -> Recipe:
    return Recipe(base=DEBIAN)


_LANGUAGES: Mapping[str, Callable[[BuildPlan, FileTree], Recipe]] = {
    "deno": deno.recipe,
    "dotnet": dotnet.recipe,
    "elixir": elixir.recipe,
    "go": go.recipe,
    "java": java.recipe,
    "node": node.recipe,
    "php": php.recipe,
    "python": python.recipe,
    "ruby": ruby.recipe,
    "rust": rust.recipe,
    "shell": _plain,
    "static": _plain,
}
