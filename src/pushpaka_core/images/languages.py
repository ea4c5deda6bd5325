"""Selects the image recipe by the language of a build plan."""

from collections.abc import Callable, Mapping

from attrs import evolve

from pushpaka_core.detection.tree import FileTree
from pushpaka_core.domain.pipeline.build_plans import BuildPlan
from pushpaka_core.images import deno, dotnet, elixir, go, java, node, php, python, ruby, rust
from pushpaka_core.images.recipe import DEBIAN, ImageRecipe


def image_recipe(plan: BuildPlan, tree: FileTree) -> ImageRecipe:
    """Return the image recipe of *plan*. *tree* contains the whole repository."""
    recipe = _LANGUAGES[plan.language](plan, tree)
    if plan.language == "node":
        return recipe
    return evolve(recipe, tools=(*recipe.tools, *node.script_manager_installs(plan)))


def _plain_recipe(_plan: BuildPlan, _tree: FileTree) -> ImageRecipe:
    return ImageRecipe(base=DEBIAN)


_LANGUAGES: Mapping[str, Callable[[BuildPlan, FileTree], ImageRecipe]] = {
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
    "shell": _plain_recipe,
    "static": _plain_recipe,
}
