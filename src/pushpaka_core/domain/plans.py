"""Plans that are asked for without a deployment: what would be done, and why."""

from attrs import field, frozen

from pushpaka_core.domain.build_plans import BuildPlan
from pushpaka_core.domain.deployments import PRODUCTION, check_target
from pushpaka_core.domain.repository_names import check_branch, check_commit_sha, check_root_dir
from pushpaka_core.domain.rules import rule
from pushpaka_core.domain.run_settings import ChosenSetting


@frozen(kw_only=True)
class NewPlan:
    """Which commit is to be looked at, and as what; all that is left out is as for a deployment."""

    branch: str | None = field(default=None, validator=rule(check_branch))
    """None is the project's own branch."""
    commit_sha: str | None = field(default=None, validator=rule(check_commit_sha))
    """None is the branch's newest commit."""
    root_dir: str | None = field(default=None, validator=rule(check_root_dir))
    """None is the project's own, so that another one can be tried."""
    target: str = field(default=PRODUCTION, validator=rule(check_target))
    """Whose env vars are looked at."""


@frozen(kw_only=True)
class ProjectPlan:
    """What a deployment of a commit would do."""

    branch: str
    commit_sha: str
    commit_message: str
    commit_author: str
    plan: BuildPlan
    settings: tuple[ChosenSetting, ...]
    set_names: tuple[str, ...]
    """The env vars that the deployment would have."""
    explanation: tuple[str, ...]
    """All of this as the log of the deployment would begin."""

    @property
    def unset(self) -> tuple[str, ...]:
        """Return the env vars that the code reads and that are not set."""
        return tuple(name for name in self.plan.env_names if name not in self.set_names)

    @property
    def missing(self) -> tuple[str, ...]:
        """Return the env vars without which the deployment would fail."""
        return self.plan.missing_env(self.set_names)
