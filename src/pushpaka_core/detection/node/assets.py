"""What a package.json builds for a program in another language that serves it."""

from attrs import field, frozen

from pushpaka_core.detection.node.analysis import Analysis
from pushpaka_core.detection.node.builds import build_evidence, build_script
from pushpaka_core.detection.node.manifest import FILE
from pushpaka_core.detection.node.project import read_project
from pushpaka_core.detection.wishes import Question
from pushpaka_core.domain.build_plans import BuildPlan, Evidence, Step


@frozen(kw_only=True)
class Assets:
    """The commands that make styles, scripts and pages, and why."""

    steps: tuple[Step, ...] = ()
    evidence: tuple[Evidence, ...] = field(default=())


def assets_of(question: Question) -> Assets:
    """
    Return what the script build of a package.json takes, nothing where there is none.

    A package.json that is a server of its own makes nothing for others.
    """
    if not question.tree.exists(FILE):
        return Assets()
    project = read_project(question.repository, question.directory or ".")
    analysis = Analysis(project=project, chosen=None)
    served = analysis.plan()
    is_server = isinstance(served, BuildPlan) and bool(served.processes)
    if build_script(project) is None or is_server:
        return Assets()
    plan = analysis.started_by_others()
    return Assets(
        steps=(*((plan.install,) if plan.install else ()), *plan.build),
        evidence=(*build_evidence(project), *project.manager.evidence),
    )
