"""Ruby images: gems are compiled in the build stage and copied without the compilers."""

from collections.abc import Mapping

from attrs import evolve

from pushpaka_core.detection.node.manifest import FILE
from pushpaka_core.detection.ruby import GEMFILE, LOCK, listed_gems
from pushpaka_core.detection.tree import FileTree, subtree
from pushpaka_core.domain.pipeline.build_plans import BuildPlan
from pushpaka_core.images.recipe import (
    APP,
    ASSET_ENV,
    ASSET_PACKAGES,
    CACHE,
    TMP,
    ImageRecipe,
    is_detected,
    repository_paths,
)
from pushpaka_core.images.tags import first_parts, pinned_version

_DEFAULT_VERSION = "3.4"
_GEMS = "/usr/local/bundle"
_COMPILERS = ("build-essential", "git", "libyaml-dev", "pkg-config")
_SYSTEM_PACKAGES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "image_processing": ((), ("libvips42t64",)),
    "mysql2": (("default-libmysqlclient-dev",), ("libmariadb3",)),
    "pg": (("libpq-dev",), ("libpq5",)),
    "rmagick": (("libmagickwand-dev",), ("imagemagick",)),
    "ruby-vips": ((), ("libvips42t64",)),
}
"""The Debian packages that gems need, for the build stage and for the run stage."""
_MANIFESTS = (GEMFILE, LOCK, ".ruby-version", ".tool-versions")
_LOCAL_REFERENCES = ("gemspec", "path:", ":path", "eval_gemfile")


def recipe(plan: BuildPlan, tree: FileTree) -> ImageRecipe:
    """Return the image recipe of a Ruby plan."""
    own = subtree(tree, plan.directory)
    gems = listed_gems(own)
    needed = [both for name, both in _SYSTEM_PACKAGES.items() if name in gems]
    assets = ASSET_PACKAGES if own.exists(FILE) else ()
    found = ImageRecipe(
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
        kept_paths=(_GEMS, APP),
    )
    return _with_install_layer(found, plan, own)


def _version(requested_version: str | None) -> str:
    """Return the image tag for the exact Ruby version. Bundler rejects any other version."""
    text = requested_version or ""
    if text.startswith("~>"):
        return first_parts(text.removeprefix("~>").strip(), 2)
    return pinned_version(text, _DEFAULT_VERSION)


def _with_install_layer(recipe: ImageRecipe, plan: BuildPlan, tree: FileTree) -> ImageRecipe:
    """Return *recipe* with a cached layer for gems, unless the Gemfile refers to other files."""
    text = tree.read(GEMFILE) or ""
    reads_more = any(word in text for word in _LOCAL_REFERENCES)
    if plan.install is None or not is_detected(plan.install) or reads_more:
        return recipe
    manifests = repository_paths(plan, tuple(filter(tree.exists, _MANIFESTS)))
    return evolve(recipe, manifests=manifests, install_from_manifests=plan.install.command)
