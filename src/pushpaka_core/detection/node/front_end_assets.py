"""Front-end assets that a package.json builds for an application in another language."""

from attrs import field, frozen

from pushpaka_core.detection.build_overrides import DetectionContext
from pushpaka_core.detection.node.analysis import NodeAnalysis
from pushpaka_core.detection.node.builds import build_evidence, build_script
from pushpaka_core.detection.node.manifest import FILE
from pushpaka_core.detection.node.project import read_project
from pushpaka_core.domain.pipeline.build_plans import BuildPlan, BuildStep, Evidence


@frozen(kw_only=True)
class Assets:
    """The commands that build the assets, and the reasons."""

    steps: tuple[BuildStep, ...] = ()
    evidence: tuple[Evidence, ...] = field(default=())


def assets_of(context: DetectionContext) -> Assets:
    """
    Return the commands of the build script, or nothing if there is none.

    A package.json that starts a server does not count as assets.
    """
    if not context.tree.exists(FILE):
        return Assets()
    project = read_project(context.repository, context.directory or ".")
    analysis = NodeAnalysis(project=project, chosen=None)
    served = analysis.plan()
    is_server = isinstance(served, BuildPlan) and bool(served.processes)
    if build_script(project) is None or is_server:
        return Assets()
    plan = analysis.plan_without_start()
    return Assets(
        steps=(*((plan.install,) if plan.install else ()), *plan.build),
        evidence=(*build_evidence(project), *project.manager.evidence),
    )
