"""Images for Elixir: a release with its own Erlang on a plain Debian."""

from pathlib import PurePosixPath

from attrs import evolve

from pushpaka_core.detection.elixir import LOCK, PROJECT, RELEASE
from pushpaka_core.detection.tree import FileTree, below
from pushpaka_core.domain.build_plans import BuildPlan
from pushpaka_core.images.recipe import (
    ASSET_PACKAGES,
    CACHE,
    DEBIAN,
    TMP,
    Recipe,
    is_ours,
    kept_output,
    placed,
)
from pushpaka_core.images.tags import pinned

_USUAL = "1.18"
_TOOLS = ("mix local.hex --force", "mix local.rebar --force")
_COMPILE = "mix deps.compile"
_UTF8 = "C.UTF-8"


def recipe(plan: BuildPlan, tree: FileTree) -> Recipe:
    """Return how an image for a plan in Elixir is made."""
    own = below(tree, plan.directory)
    fetches = plan.install is not None
    found = Recipe(
        base=f"elixir:{pinned(plan.language_version, _USUAL, parts=2)}-slim",
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
        kept=kept_output(plan, RELEASE),
    )
    return _with_manifests(found, plan, own)


def _packages(tree: FileTree) -> tuple[str, ...]:
    assets = ASSET_PACKAGES if tree.exists("assets/package.json") else ()
    return ("build-essential", "ca-certificates", "git", *assets)


def _with_manifests(recipe: Recipe, plan: BuildPlan, tree: FileTree) -> Recipe:
    """Let dependencies be compiled anew only when their list or their configuration changes."""
    text = tree.read(PROJECT) or ""
    if plan.install is None or not is_ours(plan.install) or "path:" in text:
        return recipe
    manifests = tuple(path for path in tree.paths() if _is_read(PurePosixPath(path)))
    prefetch = f"{plan.install.command} && {_COMPILE}"
    return evolve(recipe, manifests=placed(plan, manifests), prefetch=prefetch)


def _is_read(path: PurePosixPath) -> bool:
    return str(path) in {PROJECT, LOCK} or (path.parts[0] == "config" and path.suffix == ".exs")
