"""From a tree of files to a build plan with its reasons: pure, without disk or network."""

from pushpaka_core.detection.detector import detect
from pushpaka_core.detection.explanation import explain
from pushpaka_core.detection.tree import FileTree, MemoryTree
from pushpaka_core.detection.wishes import Wishes
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
