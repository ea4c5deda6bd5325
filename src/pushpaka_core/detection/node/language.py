"""The plan for a Node.js project."""

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from attrs import evolve, frozen

from pushpaka_core.detection.node import programs
from pushpaka_core.detection.node.answers import Answer, Program, Site, server_script
from pushpaka_core.detection.node.builds import build_evidence, build_steps
from pushpaka_core.detection.node.environment import env_names
from pushpaka_core.detection.node.frameworks import (
    FALLBACKS,
    FRAMEWORKS,
    SERVERS,
    STORYBOOK,
    WEAK,
    NodeFramework,
)
from pushpaka_core.detection.node.manifest import FILE
from pushpaka_core.detection.node.project import NodeProject, read_project
from pushpaka_core.detection.node.scripts import ScriptKind, script_of
from pushpaka_core.detection.wishes import Question
from pushpaka_core.domain.build_plans import BuildPlan, Evidence, Origin, Rejected, Step
from pushpaka_core.errors import DetectionError

TRIGGERS = (FILE,)

_SHOWN = 6


def analyse(question: Question) -> BuildPlan | Rejected | None:
    """Find out how to install and build a Node.js project, and what to serve of it."""
    if not question.tree.exists(FILE):
        return _without_manifest(question)
    directory = str(PurePosixPath(question.directory))
    project = read_project(question.repository, directory)
    if question.has_web:
        return _Analysis(project=project, chosen=question.framework).started_by_others()
    if project.is_root and not _is_application(project):
        return _of_members(project, question.framework)
    return _Analysis(project=project, chosen=question.framework).plan()


def _without_manifest(question: Question) -> Rejected | None:
    if question.framework is None:
        return None
    return Rejected(framework=question.framework, reason=f"there is no {FILE}")


def _is_application(root: NodeProject) -> bool:
    """Tell whether the root of a workspace is meant itself: its scripts call no other packages."""
    start = script_of(root.manifest, "start")
    if start:
        return start.kind is ScriptKind.SERVER
    build = script_of(root.manifest, "build")
    is_listed = any(root.manifest.has(*framework.packages) for framework in FRAMEWORKS)
    return is_listed and build is not None and build.calls_tool


def _of_members(root: NodeProject, chosen: str | None) -> BuildPlan | Rejected:
    """Take the one package of a workspace that is an application."""
    workspace = root.workspace
    members = workspace.member_directories if workspace else ()
    projects = (
        NodeProject(repository=root.repository, directory=directory, workspace=workspace)
        for directory in members
    )
    plans = [
        plan
        for project in projects
        if isinstance(plan := _Analysis(project=project, chosen=chosen).plan_of_member(), BuildPlan)
    ]
    if len(plans) == 1:
        return plans[0]
    if not plans:
        return _of_root(root, chosen)
    shown = ", ".join(f"{plan.directory} ({plan.framework})" for plan in plans[:_SHOWN])
    more = f" and {len(plans) - _SHOWN} more" if len(plans) > _SHOWN else ""
    raise DetectionError(
        f"The workspace holds several applications: {shown}{more}. Set the project's root_dir to"
        " the directory of the one that is meant; each of them can be a project."
    )


def _of_root(root: NodeProject, chosen: str | None) -> BuildPlan | Rejected:
    """Take the root of a workspace in which no package is an application."""
    plan = _Analysis(project=root, chosen=chosen).plan()
    if isinstance(plan, BuildPlan):
        return plan
    reason = f"{plan.reason}; none of the packages of the workspace is an application either"
    return evolve(plan, reason=reason)


@frozen(kw_only=True)
class _Found:
    """What a rule said, and how the application is called then."""

    name: str
    answer: Answer
    build: str = ""
    evidence: tuple[Evidence, ...] = ()


@frozen(kw_only=True)
class _Analysis:
    """One application, and the framework that was chosen for it."""

    project: NodeProject
    chosen: str | None

    def plan(self) -> BuildPlan | Rejected:
        """Return the plan, or why there is none."""
        found = next(self._found(), None)
        if found is None:
            return programs.nothing_to_start(self.project)
        return self._planned(found)

    def plan_of_member(self) -> BuildPlan | None:
        """Return the plan where the package is clearly an application, of the chosen kind."""
        if self._named and not self._named_and_listed:
            return None
        found = next(self._found(is_member=True), None)
        planned = self._planned(found) if found else None
        return planned if isinstance(planned, BuildPlan) else None

    def started_by_others(self) -> BuildPlan:
        """Return the plan where somebody else says what to start."""
        listed = next(self._listed(), None)
        return self._build_plan(
            _Found(
                name=self.chosen or (listed.name if listed else "node"),
                answer=None,
                build=self._tool(listed),
                evidence=self._listing(listed),
            )
        )

    def _found(self, *, is_member: bool = False) -> Iterator[_Found]:
        """Yield what the rules say that have something to say, in their order."""
        for framework in self._asked():
            if answer := framework.decide(self.project):
                yield _Found(
                    name=framework.name,
                    answer=answer,
                    build=self._tool(framework),
                    evidence=self._listing(framework),
                )
        for rule in FALLBACKS:
            if (answer := rule(self.project)) and not (is_member and rule in WEAK):
                yield self._plain(answer)

    def _asked(self) -> Sequence[NodeFramework]:
        """Return the frameworks in question; a chosen one needs not be listed."""
        if self.chosen is None:
            return tuple(self._listed())
        return self._named_and_listed or [one for one in self._named if self.chosen == one.name]

    @property
    def _named(self) -> Sequence[NodeFramework]:
        """Return what the choice may mean; nothing for Node.js itself."""
        known = (*FRAMEWORKS, STORYBOOK)
        return [one for one in known if self.chosen in (one.name, *one.chosen_as)]

    @property
    def _named_and_listed(self) -> Sequence[NodeFramework]:
        return [one for one in self._named if self.project.manifest.has(*one.packages)]

    def _listed(self) -> Iterator[NodeFramework]:
        return (one for one in FRAMEWORKS if self.project.manifest.has(*one.packages))

    def _planned(self, found: _Found) -> BuildPlan | Rejected:
        if isinstance(found.answer, Rejected):
            return found.answer
        return self._build_plan(found)

    def _build_plan(self, found: _Found) -> BuildPlan:
        project, answer = self.project, found.answer
        program = answer if isinstance(answer, Program) else None
        site = answer if isinstance(answer, Site) else None
        steps = build_steps(
            project,
            (site.build if site else "") or found.build,
            env=program.build_env if program else "",
        )
        is_built = program or answer is None or steps
        version = project.node.version or (program.node if program else None)
        return BuildPlan(
            framework=found.name,
            language="node" if is_built else "static",
            language_version=version if is_built else None,
            package_manager=project.manager.manager.name if is_built else None,
            package_manager_version=project.manager.version if is_built else None,
            directory="" if project.directory == "." else project.directory,
            install=_step(project.install) if is_built else None,
            build=tuple(
                Step(command=command, origin=Origin.DETECTED)
                for command in (*steps, *(program.build if program else ()))
            ),
            processes=(
                {"web": Step(command=program.command, origin=Origin.DETECTED)} if program else {}
            ),
            static=site.site if site else None,
            env_names=env_names(project.tree),
            evidence=(
                *found.evidence,
                *(answer.evidence if isinstance(answer, Program | Site) else ()),
                *build_evidence(project),
                *(project.evidence() if is_built else ()),
            ),
            rejected=(
                *(program.rejected if program else ()),
                *(server_script(project)[1] if site else ()),
                *project.manager.rejected,
                *project.node.rejected,
            ),
        )

    def _plain(self, answer: Answer) -> _Found:
        """Call what no framework decided by the server that it is made with."""
        if isinstance(answer, Site):
            return _Found(name="static", answer=answer)
        server = next((one for one in SERVERS if self.project.manifest.has(*one.packages)), None)
        plain = "bun" if self.project.manager.manager.name == "bun" else "node"
        return _Found(
            name=server.name if server else plain,
            answer=answer,
            evidence=self._listing(server),
        )

    def _tool(self, framework: NodeFramework | None) -> str:
        is_built = framework is not None and framework.build
        return self.project.manager.tool(framework.build) if framework and is_built else ""

    def _listing(self, framework: NodeFramework | None) -> tuple[Evidence, ...]:
        manifest = self.project.manifest
        package = manifest.first_of(framework.packages) if framework else None
        return (manifest.listing(package),) if package else ()


def _step(command: str | None) -> Step | None:
    return Step(command=command, origin=Origin.DETECTED) if command else None
