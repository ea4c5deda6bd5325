"""The components of an instance: one adapter for each port, and the operator's options."""

from datetime import timedelta
from functools import partial
from uuid import UUID, uuid4

from anyio import current_time
from attrs import Factory, field, frozen

from pushpaka_core.domain.accounts.quotas import Quotas
from pushpaka_core.domain.accounts.users import RegistrationPolicy
from pushpaka_core.domain.deployments.timeouts import Timeouts
from pushpaka_core.domain.platform.nodes import Node
from pushpaka_core.domain.projects.sources import SourcePolicy
from pushpaka_core.domain.routing.hosts import PublicUrls
from pushpaka_core.ports.builder import Builder
from pushpaka_core.ports.events import EventBus
from pushpaka_core.ports.images import ImageSource
from pushpaka_core.ports.outbound import DnsResolver, NotificationGateway, WebhookClient
from pushpaka_core.ports.queue import DeploymentQueue
from pushpaka_core.ports.router import Router, RouterSupervisor, SerializeRouteTable, Upstream
from pushpaka_core.ports.runtime import HealthProber, Host, HostCapacity, ListClusterNodes, Runtime
from pushpaka_core.ports.security import KeyPairGenerator, PasswordHasher, SecretCipher, TokenSigner
from pushpaka_core.ports.source import Source
from pushpaka_core.ports.storage.storage import Storage
from pushpaka_core.ports.system import Clock, Failpoints, IdGenerator, RateCounters, Stopwatch
from pushpaka_core.ports.volumes import SnapshotFiles, VolumeFiles
from pushpaka_core.ports.workspaces import ArchiveExtractor, ArchiveFiles, Workspaces
from pushpaka_core.services.disk_reserve import MEBIBYTE
from pushpaka_core.services.platform.platform_health import HealthCheck
from pushpaka_core.services.platform.system import AdapterNames
from pushpaka_core.settings.accounts import AccessSettings
from pushpaka_core.settings.pipeline import WorkerSettings
from pushpaka_core.settings.retention import RetentionSettings
from pushpaka_core.settings.routing import RoutingSettings
from pushpaka_core.settings.runtime import RuntimeSettings

_ACCESS, _RETENTION, _WORK = AccessSettings(), RetentionSettings(), WorkerSettings()
_ROUTING, _RUNTIME = RoutingSettings(), RuntimeSettings()
_MIN_FREE_CAPACITY = HostCapacity(
    disk=_WORK.min_free_disk * MEBIBYTE, memory=_WORK.min_free_memory * MEBIBYTE
)


@frozen(kw_only=True)
class Adapters:
    """One adapter for each port. Replace any of them with `attrs.evolve`."""

    storage: Storage
    queue: DeploymentQueue
    events: EventBus
    source: Source
    archive_extractor: ArchiveExtractor
    archive_files: ArchiveFiles
    workspaces: Workspaces
    builder: Builder
    image_source: ImageSource | None = None
    """The adapter that pulls images, or None if the runtime cannot run images."""
    runtime: Runtime
    volume_files: VolumeFiles
    snapshot_files: SnapshotFiles
    prober: HealthProber
    webhook_client: WebhookClient
    """The client that sends commit statuses to Git providers."""
    notification_client: WebhookClient
    """
    The client that sends webhook notifications. It can also contact private networks that the
    operator allows.
    """
    notification_gateway: NotificationGateway
    router: Router
    router_supervisor: RouterSupervisor | None = None
    """The supervisor of the router, or None if this process does not run the router."""
    route_table_text: SerializeRouteTable | None = None
    """
    A function that serializes the route table for routers that fetch it, or None if none does.
    """
    has_router: bool = True
    """Whether the instance has a router."""
    resolver: DnsResolver
    host: Host
    failpoints: Failpoints
    hasher: PasswordHasher
    signer: TokenSigner
    cipher: SecretCipher
    key_pair_generator: KeyPairGenerator
    clock: Clock
    stopwatch: Stopwatch = current_time
    new_id: IdGenerator
    rate_counters: RateCounters | None = None
    """Rate limit counters shared by all processes, or None if each process counts separately."""
    redis_check: HealthCheck | None = None
    """
    A function that checks the connection to Redis, or None if the instance does not use Redis.
    """
    engine_check: HealthCheck | None = None
    """
    A function that checks the connection to the Docker Engine, or None if the runtime has none.
    """
    list_cluster_nodes: ListClusterNodes | None = None
    """A function that lists the nodes of the cluster, or None if everything runs on one machine."""
    schema_check: HealthCheck | None = None
    """
    A function that checks that the database schema is compatible with this program, or None if the
    storage has no schema.
    """
    instance_id: UUID = field(factory=uuid4)
    """The id that distinguishes this instance from others that use the same Redis."""


@frozen(kw_only=True)
class Options:
    """
    The operator's choices for an instance. The defaults are the same as those of the
    settings.
    """

    public_urls: PublicUrls = field(factory=PublicUrls)
    source_policy: SourcePolicy = field(factory=SourcePolicy)
    registration: RegistrationPolicy = RegistrationPolicy.OPEN
    """Who can register an account over a direct connection."""
    forwarded_registration: RegistrationPolicy = field(
        default=Factory(lambda self: self.registration, takes_self=True)
    )
    """Who can register an account through a router or proxy."""
    token_lifetime: timedelta = _ACCESS.token_lifetime
    """The lifetime of access tokens."""
    timeouts: Timeouts = field(factory=Timeouts)
    adapter_names: AdapterNames = field(factory=AdapterNames)
    node: Node = field(factory=partial(Node, runtime="memory", name="local"))
    """The node of this process, if it is a worker."""
    node_address: str = _ROUTING.node_address
    """The address that instances listen on."""
    concurrency: int = _WORK.concurrency
    """The maximum number of concurrent deployments of a worker."""
    max_concurrent_starts: int = 16
    """The maximum number of instances that are restarted at the same time."""
    instance_ports: range = _RUNTIME.instance_ports
    """The ports that instances can use."""
    max_releases: int = _RETENTION.releases_kept
    """The number of releases kept per project."""
    log_retention: timedelta = timedelta(days=_RETENTION.logs_kept)
    """How long logs are kept after the deployment has ended."""
    max_previews: int = _RETENTION.previews
    """The maximum number of previews per project."""
    preview_retention: timedelta = timedelta(days=_RETENTION.preview_idle)
    """How long a preview is kept after its last deployment."""
    quotas: Quotas = field(factory=Quotas)
    min_free_capacity: HostCapacity = _MIN_FREE_CAPACITY
    """The minimum free disk space and memory to start a deployment."""
    api_upstreams: tuple[Upstream, ...] = ()
    """The addresses that the router sends API requests to."""
    router_secret: str = field(default="", repr=False)
    """The secret that routers add to requests to the API."""
