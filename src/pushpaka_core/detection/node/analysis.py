"""Applies the framework rules to one application and builds its plan."""

from collections.abc import Iterator, Sequence

from attrs import frozen

from pushpaka_core.detection.node.builds import build_evidence, build_steps
from pushpaka_core.detection.node.frameworks import (
    FALLBACK_RULES,
    FRAMEWORKS,
    SERVER_LIBRARIES,
    STORYBOOK,
    WEAK_RULES,
    NodeFramework,
)
from pushpaka_core.detection.node.plans import Outcome, build_plan
from pushpaka_core.detection.node.programs import (
    may_listen,
    not_startable_rejection,
    plan_start_script,
)
from pushpaka_core.detection.node.project import NodeProject
from pushpaka_core.detection.node.rule_results import Program, RuleResult, Site, unused_scripts
from pushpaka_core.domain.pipeline.build_plans import BuildPlan, Evidence, RejectedCandidate


@frozen(kw_only=True)
class _RuleResult:
    """The result of one rule, and the framework to report for it."""

    name: str
    result: RuleResult
    build: str = ""
    evidence: tuple[Evidence, ...] = ()


@frozen(kw_only=True)
class NodeAnalysis:
    """Analyzes one application, with the framework that the user chose, if any."""

    project: NodeProject
    chosen: str | None
    needs_server: bool = False
    """
    Whether the start script is used only if the code listens on a port. Set if the repository
    declares only workers.
    """

    def plan(self) -> BuildPlan | RejectedCandidate:
        """Return the plan, or the reason why there is none."""
        found = next(self._results(), None)
        if found is None:
            return not_startable_rejection(self.project)
        return self._plan_for_result(found)

    def plan_of_member(self) -> BuildPlan | None:
        """Return the plan of a workspace member, or None unless it is clearly an application."""
        if self._chosen_frameworks and not self._chosen_and_listed:
            return None
        found = next(self._results(is_member=True), None)
        planned = self._plan_for_result(found) if found else None
        return planned if isinstance(planned, BuildPlan) else None

    def plan_without_start(self) -> BuildPlan:
        """Return the plan for an application with a given start command."""
        listed = next(self._listed(), None)
        return self._build_plan(
            _RuleResult(
                name=self.chosen or (listed.name if listed else "node"),
                result=None,
                build=self._build_tool(listed),
                evidence=self._listing_evidence(listed),
            )
        )

    def _results(self, *, is_member: bool = False) -> Iterator[_RuleResult]:
        """Yield the results of all rules that apply, in the order of the rules."""
        for framework in self._candidates():
            if result := framework.rule(self.project):
                yield _RuleResult(
                    name=framework.name,
                    result=result,
                    build=self._build_tool(framework),
                    evidence=self._listing_evidence(framework),
                )
        is_guessed = self.needs_server and not may_listen(self.project)
        for rule in FALLBACK_RULES:
            if (is_member and rule in WEAK_RULES) or (is_guessed and rule is plan_start_script):
                continue
            if result := rule(self.project):
                yield self._fallback_result(result)

    def _candidates(self) -> Sequence[NodeFramework]:
        """
        Return the frameworks to try. A chosen one is tried even if the project
        does not list it.
        """
        if self.chosen is None:
            return tuple(self._listed())
        return self._chosen_and_listed or [
            one for one in self._chosen_frameworks if self.chosen == one.name
        ]

    @property
    def _chosen_frameworks(self) -> Sequence[NodeFramework]:
        """
        Return the frameworks that the chosen name may refer to. "node"
        refers to no framework.
        """
        known = (*FRAMEWORKS, STORYBOOK)
        return [one for one in known if self.chosen in (one.name, *one.aliases)]

    @property
    def _chosen_and_listed(self) -> Sequence[NodeFramework]:
        return [one for one in self._chosen_frameworks if self.project.manifest.has(*one.packages)]

    def _listed(self) -> Iterator[NodeFramework]:
        return (one for one in FRAMEWORKS if self.project.manifest.has(*one.packages))

    def _plan_for_result(self, rule_result: _RuleResult) -> BuildPlan | RejectedCandidate:
        if isinstance(rule_result.result, RejectedCandidate):
            return rule_result.result
        return self._build_plan(rule_result)

    def _build_plan(self, rule_result: _RuleResult) -> BuildPlan:
        project, result = self.project, rule_result.result
        program = result if isinstance(result, Program) else None
        site = result if isinstance(result, Site) else None
        steps = build_steps(
            project,
            (site.build if site else "") or rule_result.build,
            env=result.build_env if isinstance(result, Program | Site) else "",
            arguments=site.build_arguments if site else "",
        )
        outcome = Outcome(
            framework=rule_result.name,
            program=program,
            site=site,
            steps=steps,
            evidence=(*rule_result.evidence, *_reasons(result), *build_evidence(project)),
            rejected=unused_scripts(project) if site else (),
        )
        return build_plan(project, outcome)

    def _fallback_result(self, result: RuleResult) -> _RuleResult:
        """Return the result of a fallback rule, with the listed server library as the framework."""
        if isinstance(result, Site):
            return _RuleResult(name="static", result=result)
        server = next(
            (one for one in SERVER_LIBRARIES if self.project.manifest.has(*one.packages)), None
        )
        plain = "bun" if self.project.manager.manager.name == "bun" else "node"
        return _RuleResult(
            name=server.name if server else plain,
            result=result,
            evidence=self._listing_evidence(server),
        )

    def _build_tool(self, framework: NodeFramework | None) -> str:
        is_built = framework is not None and framework.build
        return self.project.manager.run_tool(framework.build) if framework and is_built else ""

    def _listing_evidence(self, framework: NodeFramework | None) -> tuple[Evidence, ...]:
        manifest = self.project.manifest
        package = manifest.first_listed(framework.packages) if framework else None
        return (manifest.listing_evidence(package),) if package else ()


def _reasons(result: RuleResult) -> tuple[Evidence, ...]:
    return result.evidence if isinstance(result, Program | Site) else ()
