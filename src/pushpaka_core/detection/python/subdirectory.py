"""Finds the application in a subdirectory if the top directory has none."""

from collections.abc import Callable

from pushpaka_core.detection.build_overrides import DetectionContext
from pushpaka_core.detection.python.project import DEPENDENCY_FILES
from pushpaka_core.detection.python.workspaces import Workspace
from pushpaka_core.detection.subdirectories import (
    MANIFESTS,
    directories_with,
    with_directory_evidence,
)
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.domain.pipeline.build_plans import BuildPlan, RejectedCandidate

_PYTHON_FILES = (*DEPENDENCY_FILES, "manage.py")
_OTHER_LANGUAGE_FILES = MANIFESTS | {"package.json"}
_CONFIG_FILE = "pushpaka.toml"
"""
Subdirectories with this file are skipped, because the file only applies if root_dir names the
subdirectory.
"""
_MAX_SHOWN = 5

_Analyse = Callable[[DetectionContext], BuildPlan | RejectedCandidate | None]


def workspace_member_directories(context: DetectionContext) -> tuple[str, ...]:
    """Return the directories of the workspace members, if the application is a workspace root."""
    workspace = Workspace.at(context.tree, "")
    return workspace.member_directories(context.tree) if workspace else ()


def only_application(
    context: DetectionContext, members: tuple[str, ...], analyze: _Analyse
) -> BuildPlan | RejectedCandidate | None:
    """
    Return the plan of the application if exactly one subdirectory has one.

    Return None if no subdirectory is a candidate, or a `RejectedCandidate` if several are.
    """
    if context.has_web_command:
        return None
    places = members or _directories(context.tree)
    results = {place: analyze(context.in_subdirectory(place)) for place in places}
    plans = {place: one for place, one in results.items() if isinstance(one, BuildPlan)}
    others = set(directories_with(context.tree, _OTHER_LANGUAGE_FILES)) - plans.keys()
    if len(plans) == 1 and not others:
        [(place, plan)] = plans.items()
        return with_directory_evidence(plan, place)
    if plans:
        return _ambiguous_rejection(sorted((*plans, *others)))
    return next((one for one in results.values() if isinstance(one, RejectedCandidate)), None)


def _directories(tree: FileTree) -> tuple[str, ...]:
    """Return the direct subdirectories that declare Python dependencies."""
    if any(map(tree.exists, _OTHER_LANGUAGE_FILES)):
        return ()
    found = directories_with(tree, _PYTHON_FILES)
    return tuple(one for one in found if not tree.exists(f"{one}/{_CONFIG_FILE}"))


def _ambiguous_rejection(directories: list[str]) -> RejectedCandidate:
    shown = ", ".join(directories[:_MAX_SHOWN]) + (
        " and others" if len(directories) > _MAX_SHOWN else ""
    )
    reason = f"there are applications in {shown}. Set root_dir to one of them"
    return RejectedCandidate(framework="python", reason=reason)
