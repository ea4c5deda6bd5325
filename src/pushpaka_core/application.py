"""What entry points are given: the services, connected to the adapters that were chosen."""

from attrs import frozen

from pushpaka_core.domain.hosts import Addresses
from pushpaka_core.ports.events import EventBus
from pushpaka_core.services.accounts import AccountService
from pushpaka_core.services.audit import AuditService
from pushpaka_core.services.custom_domains import CustomDomainService
from pushpaka_core.services.deployments import DeploymentService
from pushpaka_core.services.env_vars import EnvVarService
from pushpaka_core.services.health import HealthService
from pushpaka_core.services.logs import LogService
from pushpaka_core.services.projects import ProjectService


@frozen(kw_only=True)
class Application:
    """Everything that Pushpaka can do, a field for each service."""

    accounts: AccountService
    projects: ProjectService
    deployments: DeploymentService
    logs: LogService
    env_vars: EnvVarService
    custom_domains: CustomDomainService
    audit: AuditService
    health: HealthService
    addresses: Addresses
    events: EventBus
