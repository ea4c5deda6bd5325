"""Where everything is kept: the one source of truth."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from pushpaka_core.ports.storage_accounts import AuditTrail, Users
from pushpaka_core.ports.storage_activity import ActivityNumbers
from pushpaka_core.ports.storage_archives import Archives
from pushpaka_core.ports.storage_deployments import Deployments, Pulse
from pushpaka_core.ports.storage_logs import Logs, Timeline
from pushpaka_core.ports.storage_members import Invitations, Members
from pushpaka_core.ports.storage_nodes import NodeLeases, Nodes, Tallies, Workers
from pushpaka_core.ports.storage_notifications import Channels
from pushpaka_core.ports.storage_outbox import Outbox
from pushpaka_core.ports.storage_projects import CustomDomains, DeployKeys, EnvVars, Projects
from pushpaka_core.ports.storage_releases import Instances, Releases, Targets
from pushpaka_core.ports.storage_secrets import Secrets
from pushpaka_core.ports.storage_tokens import ApiTokens, EndedTokens
from pushpaka_core.ports.storage_webhooks import Webhooks

__all__ = ["Pulse", "Storage", "UnitOfWork"]


class UnitOfWork(Protocol):
    """
    One transaction, with all that can be read and written in it.

    What is added to something that is not there, as to a project that was removed
    meanwhile, raises NotFoundError.
    """

    @property
    def users(self) -> Users:
        """Accounts."""
        ...

    @property
    def api_tokens(self) -> ApiTokens:
        """What programs carry."""
        ...

    @property
    def ended_tokens(self) -> EndedTokens:
        """What was ended before its time."""
        ...

    @property
    def projects(self) -> Projects:
        """Projects."""
        ...

    @property
    def members(self) -> Members:
        """Who is in teams."""
        ...

    @property
    def invitations(self) -> Invitations:
        """Who may come into teams."""
        ...

    @property
    def deployments(self) -> Deployments:
        """Deployments, which are the jobs as well."""
        ...

    @property
    def activity(self) -> ActivityNumbers:
        """All deployments in numbers."""
        ...

    @property
    def archives(self) -> Archives:
        """What people send instead of a commit."""
        ...

    @property
    def targets(self) -> Targets:
        """What each target serves."""
        ...

    @property
    def releases(self) -> Releases:
        """What was built."""
        ...

    @property
    def instances(self) -> Instances:
        """What runs, or ought to."""
        ...

    @property
    def logs(self) -> Logs:
        """What deployments said."""
        ...

    @property
    def env_vars(self) -> EnvVars:
        """Env vars and frozen environments."""
        ...

    @property
    def deploy_keys(self) -> DeployKeys:
        """What opens the repositories of projects over ssh."""
        ...

    @property
    def custom_domains(self) -> CustomDomains:
        """Names that owners bring along."""
        ...

    @property
    def webhooks(self) -> Webhooks:
        """What forges tell of pushes by."""
        ...

    @property
    def outbox(self) -> Outbox:
        """What others are to be told."""
        ...

    @property
    def channels(self) -> Channels:
        """To whom notifications go."""
        ...

    @property
    def secrets(self) -> Secrets:
        """All that is encrypted, wherever it is kept."""
        ...

    @property
    def audit(self) -> AuditTrail:
        """Who did what."""
        ...

    @property
    def timeline(self) -> Timeline:
        """The steps of deployments."""
        ...

    @property
    def node_leases(self) -> NodeLeases:
        """Who looks after each node."""
        ...

    @property
    def nodes(self) -> Nodes:
        """The node of each runtime."""
        ...

    @property
    def workers(self) -> Workers:
        """The worker processes that live."""
        ...

    @property
    def tallies(self) -> Tallies:
        """What workers have counted."""
        ...

    async def versions_of_served(self) -> object:
        """
        Return what equals what it was before as long as nothing has changed of what is served.

        That is projects, targets, instances, custom domains and what is deploying or serves,
        but for beats and for how far output is read.
        """
        ...

    async def generation(self) -> int:
        """
        Return the last generation of the route table, 0 before the first.

        Whatever was committed before it was drawn is seen beside it.
        """
        ...

    async def next_generation(self, *, above: int = 0) -> int:
        """
        Return the next generation of the route table: it only grows, over restarts too.

        It is greater than *above* as well, which the router may show when the
        database was restored.
        """
        ...


class Storage(Protocol):
    """
    Keeps everything; what was committed is never lost.

    A transaction commits where its block ends and leaves no trace where it raises.
    None is open while anything slow is awaited. Raises StorageUnavailableError
    when the database does not answer; whether the commit happened is unknown then.
    """

    def transaction(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """
        Open a transaction that may write; those that write the same rows wait for each other.

        What is read in it by its id is nobody else's to change until it ends, and with a
        deployment its project: those that change one project take turns. Nothing can be
        kept in it any more after a write was refused, by DuplicateError or NotFoundError.
        """
        ...

    def snapshot(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """
        Open a transaction that only reads, one moment's state; it waits for nobody.

        To write in it is a mistake of the program, and raises.
        """
        ...

    async def check(self) -> None:
        """Return when the database answers; raise StorageUnavailableError when it does not."""
