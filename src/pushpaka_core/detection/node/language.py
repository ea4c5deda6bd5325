"""The entry points of Node.js detection: select the package in a repository and plan it."""

from collections.abc import Mapping
from pathlib import PurePosixPath

from attrs import evolve

from pushpaka_core.detection.build_overrides import DetectionContext
from pushpaka_core.detection.node.analysis import NodeAnalysis
from pushpaka_core.detection.node.frameworks import FRAMEWORKS
from pushpaka_core.detection.node.manifest import FILE
from pushpaka_core.detection.node.nx import (
    nx_application,
    nx_applications,
    plan_nx_application,
    unknown_output_rejection,
)
from pushpaka_core.detection.node.project import NodeProject, read_project
from pushpaka_core.detection.node.scripts import ScriptKind, script_of
from pushpaka_core.detection.node.subdirectory import only_application_directory
from pushpaka_core.detection.subdirectories import with_directory_evidence
from pushpaka_core.domain.pipeline.build_plans import BuildPlan, RejectedCandidate
from pushpaka_core.errors import DetectionError

TRIGGERS = (FILE,)

_MAX_SHOWN = 6


def analyze(context: DetectionContext) -> BuildPlan | RejectedCandidate | None:
    """
    Return a plan for a Node.js application, a rejection if none can be made, or None for other
    code.

    If the root of a workspace is not an application, the only application among its packages is
    used.

    Raises:
        DetectionError: If the workspace has several applications, or a file is invalid.
    """
    directory = str(PurePosixPath(context.directory))
    if not context.tree.exists(FILE):
        return _analyze_without_manifest(context, directory)
    project = read_project(context.repository, directory)
    analysis = NodeAnalysis(
        project=project, chosen=context.framework, needs_server=context.has_only_workers
    )
    if context.has_web_command:
        return analysis.plan_without_start()
    if application := nx_application(context.repository, directory):
        return plan_nx_application(application)
    if not _is_monorepo(project) or _is_application(project):
        return analysis.plan()
    if plan := _only_plan(_applications_below(analysis)):
        return plan
    applications = nx_applications(project)
    return unknown_output_rejection(applications) if applications else _plan_root(analysis)


def _analyze_without_manifest(
    context: DetectionContext, directory: str
) -> BuildPlan | RejectedCandidate | None:
    if not context.has_web_command and (
        application := nx_application(context.repository, directory)
    ):
        return plan_nx_application(application)
    if not context.has_web_command and (place := only_application_directory(context.tree)):
        result = analyze(context.in_subdirectory(place))
        return with_directory_evidence(result, place) if isinstance(result, BuildPlan) else result
    if context.framework is None:
        return None
    return RejectedCandidate(framework=context.framework, reason=f"there is no {FILE}")


def _is_monorepo(project: NodeProject) -> bool:
    return project.is_root or bool(nx_applications(project))


def _is_application(root: NodeProject) -> bool:
    """Return True if the root of a workspace is an application, not a wrapper of its packages."""
    start = script_of(root.manifest, "start")
    if start:
        return start.kind is ScriptKind.SERVER
    build = script_of(root.manifest, "build")
    is_listed = any(root.manifest.has(*framework.packages) for framework in FRAMEWORKS)
    return is_listed and build is not None and build.kind is ScriptKind.DEVELOPMENT


def _applications_below(analysis: NodeAnalysis) -> Mapping[str, BuildPlan]:
    """
    Return the plans of the workspace's applications by directory, limited to the chosen framework.

    A package can be a workspace member and an Nx application. The plan of Nx then wins, because Nx
    also builds the packages that the application depends on.
    """
    found: dict[str, BuildPlan] = {}
    root, workspace = analysis.project, analysis.project.workspace
    for directory in workspace.member_directories if workspace else ():
        project = NodeProject(repository=root.repository, directory=directory, workspace=workspace)
        if plan := evolve(analysis, project=project).plan_of_member():
            found[directory] = plan
    for application in nx_applications(root):
        planned = plan_nx_application(application)
        if isinstance(planned, BuildPlan) and analysis.chosen in {None, planned.framework}:
            found[application.directory] = planned
    return found


def _only_plan(plans: Mapping[str, BuildPlan]) -> BuildPlan | None:
    if len(plans) < 2:
        return next(iter(plans.values()), None)
    names = [f"{directory} ({plan.framework})" for directory, plan in plans.items()]
    shown = ", ".join(names[:_MAX_SHOWN])
    more = f" and {len(names) - _MAX_SHOWN} more" if len(names) > _MAX_SHOWN else ""
    raise DetectionError(
        f"The workspace has several applications: {shown}{more}. Set the project's root_dir to the"
        " directory of one of them. To deploy more of them, create a project for each."
    )


def _plan_root(analysis: NodeAnalysis) -> BuildPlan | RejectedCandidate:
    """Return the plan of a workspace root whose packages are not applications."""
    plan = analysis.plan()
    if isinstance(plan, BuildPlan):
        return plan
    reason = f"{plan.reason}; no package of the workspace is an application either"
    return evolve(plan, reason=reason)
