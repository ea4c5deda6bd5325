"""Translates settings into the options of the services."""

import os
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from attrs import evolve

from pushpaka_core.container.adapters import Options
from pushpaka_core.domain.platform.nodes import Node
from pushpaka_core.domain.projects.sources import SourcePolicy
from pushpaka_core.domain.routing.hosts import DEFAULT_PORTS, PublicUrls
from pushpaka_core.ports.router import Upstream
from pushpaka_core.ports.runtime import HostCapacity
from pushpaka_core.services.disk_reserve import MEBIBYTE
from pushpaka_core.services.platform.system import AdapterNames
from pushpaka_core.settings.settings import Settings

_STARTS_PER_CORE = 8
"""
The maximum number of concurrent starts per CPU core. Some starts wait for
the disk or for probes.
"""


def utc_now() -> datetime:
    """Return the current time as an aware datetime in UTC."""
    return datetime.now(UTC)


def make_options(
    settings: Settings, public_urls: PublicUrls, node: Node, *, router_secret: str = ""
) -> Options:
    """Return the options for the services."""
    return Options(
        public_urls=public_urls,
        adapter_names=_technologies(settings, node),
        node=node,
        node_address=settings.node_address,
        source_policy=source_policy(settings),
        registration=settings.registration_policy,
        forwarded_registration=settings.forwarded_registration_policy,
        token_lifetime=settings.token_lifetime,
        timeouts=settings.timings,
        concurrency=settings.concurrency,
        max_concurrent_starts=_STARTS_PER_CORE * (os.cpu_count() or 1),
        instance_ports=settings.instance_ports,
        max_releases=settings.releases_kept,
        log_retention=timedelta(days=settings.logs_kept),
        max_previews=settings.previews,
        preview_retention=timedelta(days=settings.preview_idle),
        quotas=settings.quotas,
        min_free_capacity=HostCapacity(
            disk=settings.min_free_disk * MEBIBYTE, memory=settings.min_free_memory * MEBIBYTE
        ),
        api_upstreams=_apis(settings),
        router_secret=router_secret,
    )


def public_urls(settings: Settings, port: int, *, has_wildcard: bool = False) -> PublicUrls:
    """
    Return the public host names and URLs of the instance.

    Args:
        settings: The settings of the instance.
        port: The port of a router on this machine, if no port is set.
        has_wildcard: Whether the router has a wildcard certificate for the base domain.
    """
    usual = 80 if settings.router_urls else port
    plain = PublicUrls(base_domain=settings.base_domain, port=settings.router_port or usual)
    if scheme := settings.public_scheme:
        addresses = evolve(plain, scheme=scheme, port=DEFAULT_PORTS[scheme])
    elif has_wildcard and settings.https_port:
        addresses = evolve(
            plain, scheme="https", port=settings.https_port, has_wildcard_certificate=True
        )
    else:
        addresses = plain
    return evolve(addresses, port=settings.public_port or addresses.port)


def source_policy(settings: Settings) -> SourcePolicy:
    """Return the policy that determines which repositories can be fetched."""
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


def _technologies(settings: Settings, node: Node) -> AdapterNames:
    return AdapterNames(
        runtime=node.runtime,
        router=settings.router,
        database=settings.database,
        redis=settings.redis_url is not None,
    )
