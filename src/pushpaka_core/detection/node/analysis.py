"""What the rules say about one application, turned into a plan."""

from collections.abc import Iterator, Sequence

from attrs import frozen

from pushpaka_core.detection.node.answers import Answer, Program, Site, not_started
from pushpaka_core.detection.node.builds import build_evidence, build_steps
from pushpaka_core.detection.node.frameworks import (
    FALLBACKS,
    FRAMEWORKS,
    SERVERS,
    STORYBOOK,
    WEAK,
    NodeFramework,
)
from pushpaka_core.detection.node.plans import Outcome, plan_for
from pushpaka_core.detection.node.programs import nothing_to_start
from pushpaka_core.detection.node.project import NodeProject
from pushpaka_core.domain.build_plans import BuildPlan, Evidence, Rejected


@frozen(kw_only=True)
class _Found:
    """What a rule said, and how the application is called then."""

    name: str
    answer: Answer
    build: str = ""
    evidence: tuple[Evidence, ...] = ()


@frozen(kw_only=True)
class Analysis:
    """One application, and the framework that was chosen for it."""

    project: NodeProject
    chosen: str | None

    def plan(self) -> BuildPlan | Rejected:
        """Return the plan, or why there is none."""
        found = next(self._found(), None)
        if found is None:
            return nothing_to_start(self.project)
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
            env=answer.build_env if isinstance(answer, Program | Site) else "",
            arguments=site.build_arguments if site else "",
        )
        outcome = Outcome(
            framework=found.name,
            program=program,
            site=site,
            steps=steps,
            evidence=(*found.evidence, *_reasons(answer), *build_evidence(project)),
            rejected=not_started(project) if site else (),
        )
        return plan_for(project, outcome)

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


def _reasons(answer: Answer) -> tuple[Evidence, ...]:
    return answer.evidence if isinstance(answer, Program | Site) else ()
