"""What the settings say to the services, in the services' own words."""

from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from attrs import evolve

from pushpaka_core.domain.hosts import USUAL_PORTS, Addresses
from pushpaka_core.domain.nodes import Node
from pushpaka_core.domain.sources import SourcePolicy
from pushpaka_core.parts import Options
from pushpaka_core.ports.host import Room
from pushpaka_core.ports.router import Upstream
from pushpaka_core.services.admission import MEBIBYTE
from pushpaka_core.services.system import Technologies
from pushpaka_core.settings import Settings


def utc_now() -> datetime:
    """Return the present time."""
    return datetime.now(UTC)


def options_of(settings: Settings, addresses: Addresses, node: Node) -> Options:
    """Return what the operator decided."""
    return Options(
        addresses=addresses,
        technologies=_technologies(settings, node),
        node=node,
        node_address=settings.node_address,
        source_policy=source_policy_of(settings),
        registration=settings.registration_policy,
        token_lifetime=settings.token_lifetime,
        timings=settings.timings,
        concurrency=settings.concurrency,
        instance_ports=settings.instance_ports,
        releases_kept=settings.releases_kept,
        logs_kept=timedelta(days=settings.logs_kept),
        previews=settings.previews,
        preview_idle=timedelta(days=settings.preview_idle),
        quotas=settings.quotas,
        least_room=Room(
            disk=settings.min_free_disk * MEBIBYTE, memory=settings.min_free_memory * MEBIBYTE
        ),
        apis=_apis(settings),
    )


def addresses_of(settings: Settings, port: int, *, has_wildcard: bool = False) -> Addresses:
    """
    Return under which names everything answers.

    *port* is that of a router here, where none is set; *has_wildcard* says whether it has a
    certificate for all names below the base domain.
    """
    usual = 80 if settings.router_urls else port
    plain = Addresses(base_domain=settings.base_domain, port=settings.router_port or usual)
    if scheme := settings.public_scheme:
        addresses = evolve(plain, scheme=scheme, port=USUAL_PORTS[scheme])
    elif has_wildcard and settings.https_port:
        addresses = evolve(plain, scheme="https", port=settings.https_port, is_certified=True)
    else:
        addresses = plain
    return evolve(addresses, port=settings.public_port or addresses.port)


def source_policy_of(settings: Settings) -> SourcePolicy:
    """Return which repositories may be fetched."""
    return SourcePolicy(
        allow_http=settings.git_allow_http,
        local_repo_root=settings.local_root,
        allow_nets=settings.git_allow_nets,
    )


def _apis(settings: Settings) -> tuple[Upstream, ...]:
    if not settings.api_urls:
        return (Upstream(host=settings.host, port=settings.port),)
    urls = map(urlsplit, settings.api_urls)
    return tuple(Upstream(host=str(url.hostname), port=url.port or 80) for url in urls)


def _technologies(settings: Settings, node: Node) -> Technologies:
    return Technologies(
        runtime=node.runtime,
        router=settings.router,
        database=settings.database,
        redis=settings.redis_url is not None,
    )
