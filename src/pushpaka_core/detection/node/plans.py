"""The plan that is made of what a project turned out to be."""

from attrs import evolve, frozen

from pushpaka_core.detection.node.answers import Program, Site
from pushpaka_core.detection.node.environment import env_names
from pushpaka_core.detection.node.project import NodeProject
from pushpaka_core.detection.tree import FileTree
from pushpaka_core.domain.build_plans import BuildPlan, Evidence, Origin, Rejected, Step


@frozen(kw_only=True)
class Outcome:
    """What is served, and how it comes about."""

    framework: str
    program: Program | None = None
    """None, like `site`, where somebody else says what to start."""
    site: Site | None = None
    steps: tuple[str, ...] = ()
    """The commands that build it."""
    sources: FileTree | None = None
    """Its own files, where they are not those of the whole project."""
    evidence: tuple[Evidence, ...] = ()
    rejected: tuple[Rejected, ...] = ()

    @property
    def needs_node(self) -> bool:
        """Tell whether anything is built or run."""
        return self.site is None or bool(self.steps)


def plan_for(project: NodeProject, outcome: Outcome) -> BuildPlan:
    """Return the plan, with what installs *project* and why."""
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
            *project.node.rejected,
        ),
    )
    return _with_node(plan, project, outcome) if outcome.needs_node else plan


def _with_node(plan: BuildPlan, project: NodeProject, outcome: Outcome) -> BuildPlan:
    program, site = outcome.program, outcome.site
    after = (*(program.build if program else ()), *(site.after if site else ()))
    return evolve(
        plan,
        language="node",
        language_version=project.node.version or (program.node if program else None),
        package_manager=project.manager.manager.name,
        package_manager_version=project.manager.version,
        install=_step(project.install) if project.install else None,
        build=tuple(_step(command) for command in (*outcome.steps, *after)),
        processes={"web": _step(program.command)} if program else {},
        evidence=(*plan.evidence, *project.evidence()),
    )


def _step(command: str) -> Step:
    return Step(command=command, origin=Origin.DETECTED)
