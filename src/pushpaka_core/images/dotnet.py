"""Images for .NET: published by the SDK, run by ASP.NET's runtime."""

from pathlib import PurePosixPath

from attrs import evolve

from pushpaka_core.detection.dotnet import OUTPUT
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.domain.build_plans import BuildPlan
from pushpaka_core.images.recipe import CACHE, Recipe, is_ours, kept_output
from pushpaka_core.images.tags import pinned

_IMAGES = "mcr.microsoft.com/dotnet"
_USUAL = "10.0"
_ENDINGS = frozenset({".csproj", ".fsproj", ".props", ".targets"})
_NAMES = frozenset({"nuget.config", "global.json", "packages.lock.json"})


def recipe(plan: BuildPlan, tree: FileTree) -> Recipe:
    """Return how an image for a plan with .NET is made."""
    version = pinned(plan.language_version, _USUAL, parts=2)
    found = Recipe(
        base=f"{_IMAGES}/sdk:{version}",
        run_base=f"{_IMAGES}/aspnet:{version}",
        env={
            "DOTNET_CLI_TELEMETRY_OPTOUT": "1",
            "DOTNET_NOLOGO": "1",
            "NUGET_PACKAGES": f"{CACHE}/nuget",
        },
        kept=kept_output(plan, OUTPUT),
    )
    if plan.install is None or not is_ours(plan.install):
        return found
    manifests = tuple(path for path in tree.paths() if _is_manifest(PurePosixPath(path)))
    return evolve(found, manifests=manifests, prefetch=plan.install.command)


def _is_manifest(path: PurePosixPath) -> bool:
    return path.suffix in _ENDINGS or path.name.lower() in _NAMES
