"""The plan for a Node.js project: which of its packages is meant, and what becomes of that."""

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from attrs import evolve

from pushpaka_core.detection.node.analysis import Analysis
from pushpaka_core.detection.node.below import only_directory
from pushpaka_core.detection.node.frameworks import FRAMEWORKS
from pushpaka_core.detection.node.manifest import FILE
from pushpaka_core.detection.node.nx import (
    nothing_of_nx,
    nx_application,
    nx_applications,
    plan_of_nx,
)
from pushpaka_core.detection.node.project import NodeProject, read_project
from pushpaka_core.detection.node.scripts import ScriptKind, script_of
from pushpaka_core.detection.tree import below
from pushpaka_core.detection.wishes import Question
from pushpaka_core.domain.build_plans import BuildPlan, Evidence, Rejected
from pushpaka_core.errors import DetectionError

TRIGGERS = (FILE,)

_SHOWN = 6
_Placed = tuple[str, BuildPlan]
"""A plan with the directory of its application."""


def analyse(question: Question) -> BuildPlan | Rejected | None:
    """Find out how to install and build a Node.js project, and what to serve of it."""
    directory = str(PurePosixPath(question.directory))
    if not question.tree.exists(FILE):
        return _without_manifest(question, directory)
    project = read_project(question.repository, directory)
    analysis = Analysis(project=project, chosen=question.framework)
    if question.has_web:
        return analysis.started_by_others()
    if application := nx_application(question.repository, directory):
        return plan_of_nx(application)
    if not _holds_others(project) or _is_application(project):
        return analysis.plan()
    if plan := _only_one(tuple(_applications_below(project, question.framework))):
        return plan
    applications = nx_applications(project)
    return nothing_of_nx(applications) if applications else _of_root(analysis)


def _without_manifest(question: Question, directory: str) -> BuildPlan | Rejected | None:
    if not question.has_web and (application := nx_application(question.repository, directory)):
        return plan_of_nx(application)
    if not question.has_web and (place := only_directory(question.tree)):
        return _in(question, place)
    if question.framework is None:
        return None
    return Rejected(framework=question.framework, reason=f"there is no {FILE}")


def _in(question: Question, place: str) -> BuildPlan | Rejected | None:
    """Take the application in the one directory that holds any."""
    directory = str(PurePosixPath(question.directory, place))
    answer = analyse(evolve(question, tree=below(question.tree, place), directory=directory))
    if not isinstance(answer, BuildPlan):
        return answer
    evidence = Evidence(reason=f"{place}/ holds the only application of the repository")
    return evolve(answer, evidence=(evidence, *answer.evidence))


def _holds_others(project: NodeProject) -> bool:
    return project.is_root or bool(nx_applications(project))


def _is_application(root: NodeProject) -> bool:
    """Tell whether the root of a workspace is meant itself: its scripts call no other packages."""
    start = script_of(root.manifest, "start")
    if start:
        return start.kind is ScriptKind.SERVER
    build = script_of(root.manifest, "build")
    is_listed = any(root.manifest.has(*framework.packages) for framework in FRAMEWORKS)
    return is_listed and build is not None and build.kind is ScriptKind.DEVELOPMENT


def _applications_below(root: NodeProject, chosen: str | None) -> Iterator[_Placed]:
    """Yield the plans of the packages that are applications, of the chosen kind."""
    workspace = root.workspace
    for directory in workspace.member_directories if workspace else ():
        project = NodeProject(repository=root.repository, directory=directory, workspace=workspace)
        if plan := Analysis(project=project, chosen=chosen).plan_of_member():
            yield directory, plan
    for application in nx_applications(root):
        planned = plan_of_nx(application)
        if isinstance(planned, BuildPlan) and chosen in {None, planned.framework}:
            yield application.directory, planned


def _only_one(placed: Sequence[_Placed]) -> BuildPlan | None:
    if len(placed) < 2:
        return next((plan for _, plan in placed), None)
    names = [f"{directory} ({plan.framework})" for directory, plan in placed]
    shown = ", ".join(names[:_SHOWN])
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    raise DetectionError(
        f"The workspace holds several applications: {shown}{more}. Set the project's root_dir to"
        " the directory of the one that is meant; each of them can be a project."
    )


def _of_root(analysis: Analysis) -> BuildPlan | Rejected:
    """Take the root of a workspace in which no package is an application."""
    plan = analysis.plan()
    if isinstance(plan, BuildPlan):
        return plan
    reason = f"{plan.reason}; none of the packages of the workspace is an application either"
    return evolve(plan, reason=reason)
