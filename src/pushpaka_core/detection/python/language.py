"""The entry points of Python detection."""

from pushpaka_core.detection.build_overrides import DetectionContext
from pushpaka_core.detection.python.analysis import PythonAnalysis
from pushpaka_core.detection.python.frameworks import FILE_NAMES
from pushpaka_core.detection.python.project import DEPENDENCY_FILES, REQUIREMENTS
from pushpaka_core.detection.python.subdirectory import (
    only_application,
    workspace_member_directories,
)
from pushpaka_core.detection.python.workers import WORKER_SCRIPTS
from pushpaka_core.detection.python.workspaces import PYPROJECT
from pushpaka_core.domain.pipeline.build_plans import BuildPlan, RejectedCandidate

_PROGRAMS = (
    *(f"{name}.py" for name in FILE_NAMES if name != "__init__"),
    "streamlit_app.py",
    "Home.py",
)
TRIGGERS = (REQUIREMENTS, PYPROJECT, *DEPENDENCY_FILES, "manage.py", *_PROGRAMS)


def analyze(context: DetectionContext) -> BuildPlan | RejectedCandidate | None:
    """
    Return a plan for a Python application, a rejection if none can be made, or None for other code.

    If the directory itself has no application, the only subdirectory with an application is used.
    """
    is_python = any(map(context.tree.exists, TRIGGERS))
    members = workspace_member_directories(context)
    here = _analyze_directory(context, members) if is_python or context.framework else None
    if isinstance(here, BuildPlan):
        return here
    if is_python and here is None and not members:
        return None
    return only_application(context, members, _analyze_subdirectory) or here


def analyze_script(context: DetectionContext) -> BuildPlan | RejectedCandidate | None:
    """
    Return a plan for a script with a common name, as a last resort.

    If the repository declares its processes, they may run a worker script without dependencies.
    """
    if context.has_web_command:
        if not any(map(context.tree.exists, WORKER_SCRIPTS)):
            return None
        return PythonAnalysis.analyze(context, excluded_directories=()).plan("python")
    if context.has_only_workers or not any(map(context.tree.exists, TRIGGERS)):
        return None
    analysis = PythonAnalysis.analyze(
        context, excluded_directories=workspace_member_directories(context)
    )
    is_answered = next(analysis.proposals(), None) is not None
    return None if is_answered else next(analysis.plain_script_plans(), None)


def _analyze_subdirectory(context: DetectionContext) -> BuildPlan | RejectedCandidate | None:
    return _analyze_directory(context) or analyze_script(context)


def _analyze_directory(
    context: DetectionContext, members: tuple[str, ...] = ()
) -> BuildPlan | RejectedCandidate | None:
    """
    Analyze the application directory only, without the workspace *members* below it.

    Return None if only the common name of a script suggests that there is a program.
    """
    analysis = PythonAnalysis.analyze(context, excluded_directories=members)
    if context.has_web_command:
        return analysis.plan(analysis.framework_by_dependency())
    return next(analysis.proposals(), analysis.not_startable_rejection())
