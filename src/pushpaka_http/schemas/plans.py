"""Response bodies for deployment plans. An origin is the source of a choice, such as a file."""

from collections.abc import Mapping
from typing import Self

from attrs import frozen

from pushpaka_core.domain.deployments.plans import ProjectPlan
from pushpaka_core.domain.deployments.run_settings import ResolvedSetting
from pushpaka_core.domain.pipeline.build_plans import (
    ArtifactKind,
    BuildStep,
    Evidence,
    Origin,
    RejectedCandidate,
    StaticSite,
)
from pushpaka_core.domain.volumes.declarations import PlannedVolume
from pushpaka_core.domain.volumes.mounts import VolumeAccess
from pushpaka_core.domain.volumes.volumes import PreviewVolume
from pushpaka_http.schemas.conversions import from_attributes


@frozen(kw_only=True, slots=False)
class CommandResponse:
    """A command and its origin."""

    command: str
    """Shell command."""
    origin: Origin
    """Where the command comes from."""

    @classmethod
    def of(cls, step: BuildStep) -> Self:
        """Return the response for *step*."""
        return cls(command=step.command, origin=step.origin)


@frozen(kw_only=True, slots=False)
class StaticSiteResponse:
    """A directory of static files to serve."""

    directory: str
    """Directory to serve, relative to `directory` of the plan."""
    fallback: str | None
    """File that is served with status 200 for paths without a file; null if there is none."""
    not_found: str | None
    """File that is served with status 404 for paths without a file; null if there is none."""
    origin: Origin
    """Where the setting comes from."""

    @classmethod
    def of(cls, site: StaticSite) -> Self:
        """Return the response for *site*."""
        return from_attributes(cls, site)


@frozen(kw_only=True, slots=False)
class SettingResponse:
    """A run setting and its origin."""

    value: str | float | None
    """Value of the setting; null if no value or limit is set."""
    origin: Origin
    """Where the value comes from."""

    @classmethod
    def of(cls, setting: ResolvedSetting) -> Self:
        """Return the response for *setting*."""
        return cls(value=setting.value, origin=setting.origin)


@frozen(kw_only=True, slots=False)
class EnvNamesResponse:
    """Names of environment variables that matter to a plan; values are never returned."""

    read: tuple[str, ...]
    """Variables that the source code appears to read."""
    unset: tuple[str, ...]
    """Variables of `read` that are not set."""
    required: tuple[str, ...]
    """Variables that the repository declares as required."""
    missing: tuple[str, ...]
    """Variables of `required` that are not set, so that a deployment would fail."""
    generated: tuple[str, ...]
    """Variables that Pushpaka would generate and store."""

    @classmethod
    def of(cls, project_plan: ProjectPlan) -> Self:
        """Return the names for *project_plan*."""
        return cls(
            read=project_plan.plan.env_names,
            unset=project_plan.unset_env,
            required=project_plan.plan.settings.required_env,
            missing=project_plan.missing_env,
            generated=project_plan.env_to_generate,
        )


@frozen(kw_only=True, slots=False)
class PlannedVolumeResponse:
    """A volume that a deployment would mount."""

    name: str
    """Name of the volume."""
    mount_path: str
    """Path at which the app finds the files."""
    access: VolumeAccess
    """Whether one or many instances can use the files at the same time."""
    preview: PreviewVolume
    """Volume for each preview: none, an empty one, or a copy."""
    size_limit: int | None
    """Maximum size in MiB; null for no limit."""
    is_declared: bool
    """Whether pushpaka.toml declares the volume."""

    @classmethod
    def of(cls, volume: PlannedVolume) -> Self:
        """Return the response for *volume*."""
        return from_attributes(cls, volume)


@frozen(kw_only=True, slots=False)
class EvidenceResponse:
    """A finding in the repository on which the plan is based."""

    reason: str
    """What was found, for example "requirements.txt lists fastapi"."""
    path: str | None
    """File that contains the finding; null if it is not in a file."""
    line: int | None
    """Line of the file, counted from 1; null if the finding is not about a single line."""

    @classmethod
    def of(cls, evidence: Evidence) -> Self:
        """Return the response for *evidence*."""
        return cls(reason=evidence.reason, path=evidence.path, line=evidence.line)


@frozen(kw_only=True, slots=False)
class RejectedFrameworkResponse:
    """A framework that was considered but not chosen."""

    framework: str
    """Name of the framework."""
    reason: str
    """Why it was not chosen."""

    @classmethod
    def of(cls, rejected_candidate: RejectedCandidate) -> Self:
        """Return the response for *rejected_candidate*."""
        return cls(framework=rejected_candidate.framework, reason=rejected_candidate.reason)


@frozen(kw_only=True, slots=False)
class PlanResponse:
    """The plan of a deployment: what it would do, and why."""

    branch: str
    """Branch of the commit."""
    commit_sha: str
    """Commit, as 40 or 64 hex digits."""
    commit_message: str
    """Message of the commit."""
    commit_author: str
    """Author of the commit."""
    kind: ArtifactKind
    """What serves requests: a program, static files or a container image."""
    framework: str
    """Name of the framework, for example "fastapi"."""
    framework_origin: Origin
    """Where the choice of the framework comes from."""
    language: str
    """Toolchain of the build, for example "python"."""
    language_version: str | None
    """Version or range, for example ">=3.11"; null if the builder chooses."""
    package_manager: str | None
    """Package manager, for example "uv"; null if there is none."""
    package_manager_version: str | None
    """Version of the package manager; null if the builder chooses."""
    directory: str
    """Directory of the repository in which commands run; empty for its root."""
    install: CommandResponse | None
    """Command that installs the dependencies; null if nothing is installed."""
    build: list[CommandResponse]
    """Commands of the build, in order."""
    processes: Mapping[str, CommandResponse]
    """Commands by process type. `web` serves requests, and `release` runs before the cutover."""
    static: StaticSiteResponse | None
    """Static files to serve; null if there is a `web` process."""
    settings: Mapping[str, SettingResponse]
    """Run settings by name."""
    added_packages: tuple[str, ...]
    """Packages that are installed in addition to those of the project, for example a web server."""
    env: EnvNamesResponse
    """Names of the environment variables that matter to the plan."""
    volumes: list[PlannedVolumeResponse]
    """Volumes that the deployment would mount."""
    watch_paths: tuple[str, ...]
    """Patterns for files whose changes trigger a deployment; empty for all files."""
    evidence: list[EvidenceResponse]
    """Findings on which the plan is based."""
    rejected: list[RejectedFrameworkResponse]
    """Frameworks that were considered but not chosen."""
    explanation: tuple[str, ...]
    """The plan as text, in the lines that a deployment writes to its log."""

    @classmethod
    def of(cls, project_plan: ProjectPlan) -> Self:
        """Return the response for *project_plan*."""
        plan = project_plan.plan
        return from_attributes(
            cls,
            plan,
            branch=project_plan.branch,
            commit_sha=project_plan.commit_sha,
            commit_message=project_plan.commit_message,
            commit_author=project_plan.commit_author,
            install=CommandResponse.of(plan.install) if plan.install else None,
            build=[CommandResponse.of(step) for step in plan.build],
            processes={name: CommandResponse.of(step) for name, step in plan.processes.items()},
            static=StaticSiteResponse.of(plan.static) if plan.static else None,
            settings={one.name: SettingResponse.of(one) for one in project_plan.settings},
            env=EnvNamesResponse.of(project_plan),
            volumes=[PlannedVolumeResponse.of(one) for one in project_plan.volumes],
            watch_paths=plan.settings.watch_paths,
            evidence=[EvidenceResponse.of(one) for one in plan.evidence],
            rejected=[RejectedFrameworkResponse.of(one) for one in plan.rejected],
            explanation=project_plan.explanation,
        )
