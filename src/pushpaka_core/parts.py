"""What an instance is made of: an adapter for every port, and what its operator decides."""

from datetime import timedelta
from functools import partial
from uuid import UUID, uuid4

from anyio import current_time
from attrs import field, frozen

from pushpaka_core.domain.hosts import Addresses
from pushpaka_core.domain.nodes import Node
from pushpaka_core.domain.quotas import Quotas
from pushpaka_core.domain.sources import SourcePolicy
from pushpaka_core.domain.timings import Timings
from pushpaka_core.domain.users import RegistrationPolicy
from pushpaka_core.ports.builder import Builder
from pushpaka_core.ports.dns import Resolver
from pushpaka_core.ports.events import EventBus
from pushpaka_core.ports.failpoints import Failpoints
from pushpaka_core.ports.host import Host, Room
from pushpaka_core.ports.machines import Machines
from pushpaka_core.ports.messenger import Messenger
from pushpaka_core.ports.poster import Poster
from pushpaka_core.ports.prober import Prober
from pushpaka_core.ports.queue import DeploymentQueue
from pushpaka_core.ports.rate_counters import RateCounters
from pushpaka_core.ports.router import Router, RouterSupervisor, RouteTableText, Upstream
from pushpaka_core.ports.runtime import Runtime
from pushpaka_core.ports.security import Cipher, Hasher, KeyMaker, Signer
from pushpaka_core.ports.source import Source
from pushpaka_core.ports.storage import Storage
from pushpaka_core.ports.system import Clock, IdGenerator, Stopwatch
from pushpaka_core.ports.unpacker import Unpacker
from pushpaka_core.ports.workspaces import Workspaces
from pushpaka_core.services.admission import MEBIBYTE
from pushpaka_core.services.health import HealthCheck
from pushpaka_core.services.system import Technologies

_LEAST_ROOM = Room(disk=1024 * MEBIBYTE, memory=256 * MEBIBYTE)


@frozen(kw_only=True)
class Adapters:
    """One adapter for every port. Swap any of them with `attrs.evolve`."""

    storage: Storage
    queue: DeploymentQueue
    events: EventBus
    source: Source
    unpacker: Unpacker
    workspaces: Workspaces
    builder: Builder
    runtime: Runtime
    prober: Prober
    poster: Poster
    """For forges."""
    notification_poster: Poster
    """For whoever else is to be told, which the operator may let be somewhere else."""
    messenger: Messenger
    router: Router
    router_supervisor: RouterSupervisor | None = None
    """None where the router is somebody else's to run."""
    route_table_text: RouteTableText | None = None
    """None where no router fetches its table."""
    is_routed: bool = True
    """Whether there is a router at all."""
    resolver: Resolver
    host: Host
    failpoints: Failpoints
    hasher: Hasher
    signer: Signer
    cipher: Cipher
    key_maker: KeyMaker
    now: Clock
    stopwatch: Stopwatch = current_time
    new_id: IdGenerator
    rate_counters: RateCounters | None = None
    """None where every process counts for itself."""
    redis_check: HealthCheck | None = None
    """None where this instance was not told to use Redis."""
    engine_check: HealthCheck | None = None
    """None where no Docker Engine builds and runs."""
    machines: Machines | None = None
    """None where everything runs on one machine."""
    schema_check: HealthCheck | None = None
    """None where the storage has no schema."""
    instance_id: UUID = field(factory=uuid4)
    """Tells this instance from others that use the same Redis."""


@frozen(kw_only=True)
class Options:
    """What an operator decides about an instance, as far as the services care."""

    addresses: Addresses = field(factory=Addresses)
    source_policy: SourcePolicy = field(factory=SourcePolicy)
    registration: RegistrationPolicy = RegistrationPolicy.OPEN
    token_lifetime: timedelta = timedelta(hours=24)
    timings: Timings = field(factory=Timings)
    technologies: Technologies = field(factory=Technologies)
    node: Node = field(factory=partial(Node, runtime="memory", name="local"))
    """The machine of this process, should it be a worker."""
    node_address: str = "127.0.0.1"
    """Where its instances listen."""
    concurrency: int = 2
    instance_ports: range = range(20_000, 30_000)
    releases_kept: int = 5
    logs_kept: timedelta = timedelta(days=30)
    previews: int = 10
    """That a project may have at a time."""
    preview_idle: timedelta = timedelta(days=7)
    """How long a preview is kept after its last deployment."""
    quotas: Quotas = field(factory=Quotas)
    least_room: Room = _LEAST_ROOM
    """What has to be free for a deployment to begin."""
    apis: tuple[Upstream, ...] = ()
    """Where the API listens, to be routed as well."""
