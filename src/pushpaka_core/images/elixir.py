"""Elixir images: a release with Erlang on plain Debian."""

from pathlib import PurePosixPath

from attrs import evolve

from pushpaka_core.detection.elixir import LOCK, PROJECT, RELEASE
from pushpaka_core.detection.tree import FileTree, subtree
from pushpaka_core.domain.pipeline.build_plans import BuildPlan
from pushpaka_core.images.recipe import (
    ASSET_PACKAGES,
    CACHE,
    DEBIAN,
    TMP,
    ImageRecipe,
    is_detected,
    kept_output,
    repository_paths,
)
from pushpaka_core.images.tags import pinned_version

_DEFAULT_VERSION = "1.18"
_TOOLS = ("mix local.hex --force", "mix local.rebar --force")
_COMPILE = "mix deps.compile"
_UTF8 = "C.UTF-8"


def recipe(plan: BuildPlan, tree: FileTree) -> ImageRecipe:
    """Return the image recipe of an Elixir plan."""
    own = subtree(tree, plan.directory)
    fetches = plan.install is not None
    found = ImageRecipe(
        base=f"elixir:{pinned_version(plan.language_version, _DEFAULT_VERSION, parts=2)}-slim",
        run_base=DEBIAN,
        packages=_packages(own) if fetches else (),
        run_packages=("ca-certificates", "libncurses6", "libstdc++6", "openssl"),
        tools=_TOOLS if fetches else (),
        env={"HEX_HOME": f"{CACHE}/hex", "LANG": _UTF8, "MIX_ENV": "prod", "MIX_HOME": "/opt/mix"},
        run_env={
            "ERL_CRASH_DUMP": f"{TMP}/erl_crash.dump",
            "LANG": _UTF8,
            "PHX_SERVER": "true",
            "RELEASE_DISTRIBUTION": "none",
            "RELEASE_TMP": f"{TMP}/release",
        },
        kept_paths=kept_output(plan, RELEASE),
    )
    return _with_install_layer(found, plan, own)


def _packages(tree: FileTree) -> tuple[str, ...]:
    assets = ASSET_PACKAGES if tree.exists("assets/package.json") else ()
    return ("build-essential", "ca-certificates", "git", *assets)


def _with_install_layer(recipe: ImageRecipe, plan: BuildPlan, tree: FileTree) -> ImageRecipe:
    """
    Return *recipe* with a cached layer for dependencies, which are installed from mix.exs, mix.lock
    and config/ alone.

    Local dependencies ("path:") need the whole repository, so these projects get no such layer.
    """
    text = tree.read(PROJECT) or ""
    if plan.install is None or not is_detected(plan.install) or "path:" in text:
        return recipe
    manifests = tuple(path for path in tree.paths() if _is_manifest(PurePosixPath(path)))
    prefetch = f"{plan.install.command} && {_COMPILE}"
    return evolve(
        recipe, manifests=repository_paths(plan, manifests), install_from_manifests=prefetch
    )


def _is_manifest(path: PurePosixPath) -> bool:
    return str(path) in {PROJECT, LOCK} or (path.parts[0] == "config" and path.suffix == ".exs")
