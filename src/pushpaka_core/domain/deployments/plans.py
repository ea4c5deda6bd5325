"""Previews of build plans, without a deployment."""

from attrs import field, frozen

from pushpaka_core.domain.deployments.run_settings import ResolvedSetting
from pushpaka_core.domain.pipeline.build_plans import BuildPlan
from pushpaka_core.domain.projects.repository_urls import (
    check_branch,
    check_commit_sha,
    check_root_dir,
)
from pushpaka_core.domain.projects.target_names import PRODUCTION, check_target
from pushpaka_core.domain.validation import validated_by
from pushpaka_core.domain.volumes.declarations import PlannedVolume


@frozen(kw_only=True)
class PlanRequest:
    """The input for computing a build plan. Omitted fields have the defaults of a deployment."""

    branch: str | None = field(default=None, validator=validated_by(check_branch))
    """Branch to plan for. Defaults to the project's branch."""
    commit_sha: str | None = field(default=None, validator=validated_by(check_commit_sha))
    """Commit to plan for, as 7 to 64 hex digits. Defaults to the latest commit of the branch."""
    root_dir: str | None = field(default=None, validator=validated_by(check_root_dir))
    """Directory in the repository to try. Defaults to the project's own."""
    target: str = field(default=PRODUCTION, validator=validated_by(check_target))
    """"production", or "preview:<branch>": decides which environment variables apply."""


@frozen(kw_only=True)
class ProjectPlan:
    """The build plan and settings that a deployment would have."""

    branch: str
    commit_sha: str
    commit_message: str
    commit_author: str
    plan: BuildPlan
    settings: tuple[ResolvedSetting, ...]
    """The run settings and their origins."""
    env_var_names: tuple[str, ...]
    """The names of all environment variables that the deployment would have."""
    volumes: tuple[PlannedVolume, ...] = ()
    """The volumes that the deployment would mount."""
    explanation: tuple[str, ...]
    """The lines that would explain the plan in the deployment's log."""

    @property
    def unset_env(self) -> tuple[str, ...]:
        """Return the environment variables that the code reads and that are not set."""
        return self.plan.unset_env(self.env_var_names)

    @property
    def env_to_generate(self) -> tuple[str, ...]:
        """Return the environment variables that the deployment would generate."""
        return self.plan.env_to_generate(self.env_var_names)

    @property
    def missing_env(self) -> tuple[str, ...]:
        """
        Return the required environment variables that are missing, so a deployment would
        fail.
        """
        return self.plan.missing_env(self.env_var_names)
