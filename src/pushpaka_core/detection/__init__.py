"""Detects how to build and start an application from its files, without disk or network access."""

from pushpaka_core.detection.build_overrides import BuildOverrides
from pushpaka_core.detection.explanation import explain
from pushpaka_core.detection.tree import FileTree, MemoryTree
from pushpaka_core.domain.pipeline.build_plans import BuildPlan
from pushpaka_core.domain.pipeline.frameworks import FRAMEWORKS, canonical_framework

__all__ = [
    "FRAMEWORKS",
    "BuildOverrides",
    "FileTree",
    "MemoryTree",
    "canonical_framework",
    "detect",
    "explain",
]


def detect(repository: FileTree, build_overrides: BuildOverrides) -> BuildPlan:
    """
    Return how to install, build and start the application in *repository*, with the reasons.

    The same files and overrides always give the same plan. The language modules are imported on the
    first call, which keeps the startup of the platform fast.

    Args:
        repository: All files of the repository.
        build_overrides: The project's own settings, which take precedence over the files.

    Raises:
        DetectionError: If no plan can be made. The message lists what was looked for and what was
            found, and suggests a fix.
    """
    from pushpaka_core.detection import detector

    return detector.detect(repository, build_overrides)
