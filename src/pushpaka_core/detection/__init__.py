"""From a tree of files to a build plan with its reasons: pure, without disk or network."""

from pushpaka_core.detection.explanation import explain
from pushpaka_core.detection.tree import FileTree, MemoryTree
from pushpaka_core.detection.wishes import Wishes
from pushpaka_core.domain.build_plans import BuildPlan
from pushpaka_core.domain.frameworks import FRAMEWORKS, canonical_framework

__all__ = [
    "FRAMEWORKS",
    "FileTree",
    "MemoryTree",
    "Wishes",
    "canonical_framework",
    "detect",
    "explain",
]


def detect(repository: FileTree, wishes: Wishes) -> BuildPlan:
    """
    Return how to install, build and start what is in *repository*, and why.

    What knows the languages is imported with the first plan: an instance starts without it.

    Raises:
        DetectionError: If no plan can be made; the message says what was looked
            for, what was found, and what to do.
    """
    from pushpaka_core.detection import detector

    return detector.detect(repository, wishes)
