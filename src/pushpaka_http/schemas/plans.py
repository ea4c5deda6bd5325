"""How plans look: each choice with who made it."""

from collections.abc import Mapping
from typing import Self

from attrs import frozen

from pushpaka_core.domain.build_plans import (
    ArtifactKind,
    Evidence,
    Origin,
    Rejected,
    StaticSite,
    Step,
)
from pushpaka_core.domain.plans import ProjectPlan
from pushpaka_core.domain.run_settings import ChosenSetting


@frozen(kw_only=True, slots=False)
class CommandResponse:
    """A command, and who decided on it."""

    command: str
    origin: Origin

    @classmethod
    def of(cls, step: Step) -> Self:
        """Show a step."""
        return cls(command=step.command, origin=step.origin)


@frozen(kw_only=True, slots=False)
class StaticSiteResponse:
    """Files that would be served as they are."""

    directory: str
    fallback: str | None
    not_found: str | None
    origin: Origin

    @classmethod
    def of(cls, site: StaticSite) -> Self:
        """Show a site."""
        return cls(
            directory=site.directory,
            fallback=site.fallback,
            not_found=site.not_found,
            origin=site.origin,
        )


@frozen(kw_only=True, slots=False)
class SettingResponse:
    """A setting of how it would be run, and who decided on it."""

    value: str | float | None
    origin: Origin

    @classmethod
    def of(cls, setting: ChosenSetting) -> Self:
        """Show a setting."""
        return cls(value=setting.value, origin=setting.origin)


@frozen(kw_only=True, slots=False)
class EnvNamesResponse:
    """Names of env vars; values are never shown."""

    read: tuple[str, ...]
    """Those that the code reads, as far as that can be seen."""
    unset: tuple[str, ...]
    """Those of them that are not set."""
    required: tuple[str, ...]
    """Those without which the repository does not want to be deployed."""
    missing: tuple[str, ...]
    """Those of them that are not set: the deployment would fail."""

    @classmethod
    def of(cls, planned: ProjectPlan) -> Self:
        """Show what is read, what is required, and what is not there."""
        return cls(
            read=planned.plan.env_names,
            unset=planned.unset,
            required=planned.plan.settings.required_env,
            missing=planned.missing,
        )


@frozen(kw_only=True, slots=False)
class EvidenceResponse:
    """A fact that spoke for the plan."""

    reason: str
    path: str | None
    line: int | None

    @classmethod
    def of(cls, evidence: Evidence) -> Self:
        """Show a fact."""
        return cls(reason=evidence.reason, path=evidence.path, line=evidence.line)


@frozen(kw_only=True, slots=False)
class RejectedResponse:
    """What was looked at and not taken."""

    framework: str
    reason: str

    @classmethod
    def of(cls, rejected: Rejected) -> Self:
        """Show a candidate."""
        return cls(framework=rejected.framework, reason=rejected.reason)


@frozen(kw_only=True, slots=False)
class PlanResponse:
    """What a deployment of a commit would do, and why."""

    branch: str
    commit_sha: str
    commit_message: str
    commit_author: str
    kind: ArtifactKind
    framework: str
    framework_origin: Origin
    language: str
    language_version: str | None
    package_manager: str | None
    package_manager_version: str | None
    directory: str
    """Where in the repository the commands run; empty for the repository itself."""
    install: CommandResponse | None
    build: list[CommandResponse]
    processes: Mapping[str, CommandResponse]
    static: StaticSiteResponse | None
    settings: Mapping[str, SettingResponse]
    image: str | None
    """The image in which it would run, where there is one."""
    added_packages: tuple[str, ...]
    env: EnvNamesResponse
    watch_paths: tuple[str, ...]
    evidence: list[EvidenceResponse]
    rejected: list[RejectedResponse]
    explanation: tuple[str, ...]
    """All of this as the log of the deployment would begin."""

    @classmethod
    def of(cls, planned: ProjectPlan) -> Self:
        """Show a plan."""
        plan = planned.plan
        return cls(
            branch=planned.branch,
            commit_sha=planned.commit_sha,
            commit_message=planned.commit_message,
            commit_author=planned.commit_author,
            kind=plan.kind,
            framework=plan.framework,
            framework_origin=plan.framework_origin,
            language=plan.language,
            language_version=plan.language_version,
            package_manager=plan.package_manager,
            package_manager_version=plan.package_manager_version,
            directory=plan.directory,
            install=CommandResponse.of(plan.install) if plan.install else None,
            build=[CommandResponse.of(step) for step in plan.build],
            processes={name: CommandResponse.of(step) for name, step in plan.processes.items()},
            static=StaticSiteResponse.of(plan.static) if plan.static else None,
            settings={one.name: SettingResponse.of(one) for one in planned.settings},
            image=None,
            added_packages=plan.added_packages,
            env=EnvNamesResponse.of(planned),
            watch_paths=plan.settings.watch_paths,
            evidence=[EvidenceResponse.of(one) for one in plan.evidence],
            rejected=[RejectedResponse.of(one) for one in plan.rejected],
            explanation=planned.explanation,
        )
