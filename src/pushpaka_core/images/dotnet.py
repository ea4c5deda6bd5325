""".NET images: published with the SDK, run on the ASP.NET runtime."""

from pathlib import PurePosixPath

from attrs import evolve

from pushpaka_core.detection.dotnet import OUTPUT
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.domain.pipeline.build_plans import BuildPlan
from pushpaka_core.images.recipe import CACHE, ImageRecipe, is_detected, kept_output
from pushpaka_core.images.tags import pinned_version

_IMAGES = "mcr.microsoft.com/dotnet"
_DEFAULT_VERSION = "10.0"
_ENDINGS = frozenset({".csproj", ".fsproj", ".props", ".targets"})
_NAMES = frozenset({"nuget.config", "global.json", "packages.lock.json"})


def recipe(plan: BuildPlan, tree: FileTree) -> ImageRecipe:
    """Return the image recipe of a .NET plan."""
    version = pinned_version(plan.language_version, _DEFAULT_VERSION, parts=2)
    found = ImageRecipe(
        base=f"{_IMAGES}/sdk:{version}",
        run_base=f"{_IMAGES}/aspnet:{version}",
        env={
            "DOTNET_CLI_TELEMETRY_OPTOUT": "1",
            "DOTNET_NOLOGO": "1",
            "NUGET_PACKAGES": f"{CACHE}/nuget",
        },
        kept_paths=kept_output(plan, OUTPUT),
    )
    if plan.install is None or not is_detected(plan.install):
        return found
    manifests = tuple(path for path in tree.paths() if _is_manifest(PurePosixPath(path)))
    return evolve(found, manifests=manifests, install_from_manifests=plan.install.command)


def _is_manifest(path: PurePosixPath) -> bool:
    return path.suffix in _ENDINGS or path.name.lower() in _NAMES
