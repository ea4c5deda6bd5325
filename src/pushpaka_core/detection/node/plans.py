"""Assembles the build plan of a Node.js application."""

from attrs import evolve, frozen

from pushpaka_core.detection.node.env_var_scan import env_names
from pushpaka_core.detection.node.project import NodeProject
from pushpaka_core.detection.node.rule_results import Program, Site
from pushpaka_core.detection.steps import detected_step, detected_steps
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.domain.pipeline.build_plans import BuildPlan, Evidence, RejectedCandidate


@frozen(kw_only=True)
class Outcome:
    """The result of analyzing an application."""

    framework: str
    program: Program | None = None
    """The program to run. `program` and `site` are both None if the user sets the start command."""
    site: Site | None = None
    steps: tuple[str, ...] = ()
    """The build commands."""
    sources: FileTree | None = None
    """The files to search for environment variables, or None for all files of the project."""
    evidence: tuple[Evidence, ...] = ()
    rejected: tuple[RejectedCandidate, ...] = ()

    @property
    def needs_node(self) -> bool:
        """Return True if Node.js is needed to build or to run the application."""
        return self.site is None or bool(self.steps)


def build_plan(project: NodeProject, outcome: Outcome) -> BuildPlan:
    """Return the build plan, with the install command of *project*."""
    program, site = outcome.program, outcome.site
    plan = BuildPlan(
        framework=outcome.framework,
        language="static",
        directory="" if project.directory == "." else project.directory,
        static=site.site if site else None,
        env_names=env_names(outcome.sources or project.tree),
        evidence=outcome.evidence,
        rejected=(
            *(program.rejected if program else ()),
            *outcome.rejected,
            *project.manager.rejected,
            *project.requested_node.rejected,
        ),
    )
    return _with_node(plan, project, outcome) if outcome.needs_node else plan


def _with_node(plan: BuildPlan, project: NodeProject, outcome: Outcome) -> BuildPlan:
    program, site = outcome.program, outcome.site
    after = (*(program.after_build if program else ()), *(site.after_build if site else ()))
    return evolve(
        plan,
        language="node",
        language_version=project.requested_node.version
        or (program.node_version if program else None),
        package_manager=project.manager.manager.name,
        package_manager_version=project.manager.version,
        install=detected_step(project.install) if project.install else None,
        build=detected_steps(*outcome.steps, *after),
        processes={program.process_type: detected_step(program.command)} if program else {},
        evidence=(*plan.evidence, *project.evidence()),
    )
