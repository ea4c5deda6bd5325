"""Images for Ruby: gems are compiled aside, and go along without the compilers."""

from collections.abc import Mapping

from attrs import evolve

from pushpaka_core.detection.node.manifest import FILE
from pushpaka_core.detection.ruby import GEMFILE, LOCK, listed_gems
from pushpaka_core.detection.tree import FileTree, below
from pushpaka_core.domain.build_plans import BuildPlan
from pushpaka_core.images.recipe import (
    APP,
    ASSET_ENV,
    ASSET_PACKAGES,
    CACHE,
    TMP,
    Recipe,
    is_ours,
    placed,
)
from pushpaka_core.images.tags import first_parts, pinned

_USUAL = "3.4"
_GEMS = "/usr/local/bundle"
_COMPILERS = ("build-essential", "git", "libyaml-dev", "pkg-config")
_SYSTEM: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "image_processing": ((), ("libvips42t64",)),
    "mysql2": (("default-libmysqlclient-dev",), ("libmariadb3",)),
    "pg": (("libpq-dev",), ("libpq5",)),
    "rmagick": (("libmagickwand-dev",), ("imagemagick",)),
    "ruby-vips": ((), ("libvips42t64",)),
}
"""Gems that do not work without some of Debian's packages: to build, and to run."""
_MANIFESTS = (GEMFILE, LOCK, ".ruby-version", ".tool-versions")
_OF_FILES = ("gemspec", "path:", ":path", "eval_gemfile")


def recipe(plan: BuildPlan, tree: FileTree) -> Recipe:
    """Return how an image for a plan in Ruby is made."""
    own = below(tree, plan.directory)
    gems = listed_gems(own)
    needed = [both for name, both in _SYSTEM.items() if name in gems]
    assets = ASSET_PACKAGES if own.exists(FILE) else ()
    found = Recipe(
        base=f"ruby:{_version(plan.language_version)}-slim",
        packages=(*_COMPILERS, *(one for build, _ in needed for one in build), *assets),
        run_packages=tuple(dict.fromkeys(one for _, run in needed for one in run)),
        env={
            "BUNDLE_GLOBAL_GEM_CACHE": "true",
            "BUNDLE_USER_CACHE": f"{CACHE}/bundle",
            **(ASSET_ENV if assets else {}),
        },
        run_env={
            "APP_ENV": "production",
            "BOOTSNAP_CACHE_DIR": f"{TMP}/bootsnap",
            "BUNDLE_WITHOUT": "development:test",
            **({"BUNDLE_FROZEN": "true"} if own.exists(LOCK) else {}),
            "RACK_ENV": "production",
            "RAILS_ENV": "production",
            "RAILS_LOG_TO_STDOUT": "1",
            "RAILS_SERVE_STATIC_FILES": "1",
        },
        kept=(_GEMS, APP),
    )
    return _with_manifests(found, plan, own)


def _version(wanted: str | None) -> str:
    """Return the tag; Bundler insists on what the Gemfile says."""
    text = wanted or ""
    if text.startswith("~>"):
        return first_parts(text.removeprefix("~>").strip(), 2)
    return pinned(text, _USUAL)


def _with_manifests(recipe: Recipe, plan: BuildPlan, tree: FileTree) -> Recipe:
    """Let gems be kept until their list changes, where it says all of them."""
    text = tree.read(GEMFILE) or ""
    reads_more = any(word in text for word in _OF_FILES)
    if plan.install is None or not is_ours(plan.install) or reads_more:
        return recipe
    manifests = placed(plan, tuple(filter(tree.exists, _MANIFESTS)))
    return evolve(recipe, manifests=manifests, prefetch=plan.install.command)
