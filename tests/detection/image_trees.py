"""Small repositories in the languages that only images are made for."""

from collections.abc import Mapping

from pushpaka_core.detection import MemoryTree, Wishes, detect
from pushpaka_core.domain.build_plans import BuildPlan, Packaging


def image_plan(
    files: Mapping[str, str], *, root_dir: str = "", framework: str | None = None
) -> BuildPlan:
    """Return the plan for an image of a repository of *files*."""
    wishes = Wishes(root_dir=root_dir, framework=framework, packaging=Packaging.IMAGE)
    return detect(MemoryTree(files), wishes)
