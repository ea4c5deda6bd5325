"""Opens the router that the settings select: one on this machine, several elsewhere, or none."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from uuid import UUID

from anyio import to_thread
from anyio.lowlevel import checkpoint

from pushpaka_core.bootstrap.data_directory import SEARCH_PATH, DataDirectory
from pushpaka_core.domain.routing.hosts import PublicUrls
from pushpaka_core.ports.processes import ProcessManager
from pushpaka_core.ports.router import Router, RouterSupervisor, SerializeRouteTable
from pushpaka_core.settings.settings import RouterChoice, Settings

if TYPE_CHECKING:
    from pushpaka_core.adapters.traefik.https import Acme, Https


@asynccontextmanager
async def open_router(
    settings: Settings,
    data_directory: DataDirectory,
    process_manager: ProcessManager,
    instance_id: UUID,
) -> AsyncIterator[tuple[Router, RouterSupervisor | None]]:
    """Open the router, and its supervisor if this process runs the router."""
    if settings.router is not RouterChoice.TRAEFIK:
        yield _other_router(settings.router), None
        return
    if settings.router_urls:
        from pushpaka_core.adapters.traefik.remote_routers import open_traefik_routers

        async with open_traefik_routers(settings.router_urls) as routers:
            yield routers, None
        return
    from pushpaka_core.adapters.traefik.binaries import Binaries
    from pushpaka_core.adapters.traefik.configuration import EntryPoints
    from pushpaka_core.adapters.traefik.directory import TraefikDirectory
    from pushpaka_core.adapters.traefik.router import open_traefik_router
    from pushpaka_core.adapters.traefik.supervisor import TraefikSupervisor

    directory = TraefikDirectory(settings.data_directory / "router")
    entry_points = EntryPoints(
        host=settings.router_host,
        port=data_directory.router_port,
        internal_port=data_directory.first_start_choices.router_internal_port,
        error_page_port=data_directory.first_start_choices.router_page_port,
        gate_port=data_directory.first_start_choices.router_gate_port,
        trusted_proxies=tuple(map(str, settings.trusted_proxies)),
        https=_https(settings, data_directory.public_urls),
    )
    binaries = await to_thread.run_sync(Binaries.find, SEARCH_PATH)
    async with open_traefik_router(directory, entry_points) as router:
        yield (
            router,
            TraefikSupervisor(
                process_manager,
                directory,
                entry_points,
                binaries,
                limit_clients=_client_limit(settings, data_directory, instance_id),
            ),
        )


def _client_limit(
    settings: Settings, data_directory: DataDirectory, instance_id: UUID
) -> Callable[[], Awaitable[None]]:
    """
    Return a function that limits the connections of each client.

    The function does nothing without root.
    """
    if os.geteuid() != 0:
        return checkpoint
    from pushpaka_core.adapters.iptables.packet_filters import connection_filter

    return connection_filter(
        instance_id,
        ports={data_directory.router_port, *filter(None, [settings.https_port])},
        limit=settings.router_connections,
        exempt_networks=settings.trusted_proxies,
    ).apply


def route_table_serializer(
    settings: Settings, public_urls: PublicUrls
) -> SerializeRouteTable | None:
    """
    Return the serializer for routers that fetch the route table, or None if routers do not fetch
    it.
    """
    if not settings.router_urls:
        return None
    from pushpaka_core.adapters.traefik.configuration import dynamic_configuration

    pages = [urlsplit(url).netloc for url in settings.router_page_urls]
    return partial(
        dynamic_configuration, error_page_addresses=pages, https=_https(settings, public_urls)
    )


def _https(settings: Settings, public_urls: PublicUrls) -> "Https | None":
    from pushpaka_core.adapters.traefik.https import Https

    if settings.https_port is None:
        return None
    return Https(
        port=settings.https_port,
        public_port=public_urls.port if public_urls.scheme == "https" else None,
        acme=None if settings.acme_email is None else _acme(settings, settings.acme_email),
        certificate_directory=settings.certificates_directory,
        hsts=None if settings.hsts is None else timedelta(seconds=settings.hsts),
    )


def _acme(settings: Settings, email: str) -> "Acme":
    from pushpaka_core.adapters.traefik.https import Acme

    return Acme(
        email=email,
        url=settings.acme_url,
        ca_file=settings.acme_ca_file,
        challenge=settings.acme_challenge,
    )


def _other_router(choice: RouterChoice) -> Router:
    from pushpaka_core.adapters.memory.router import MemoryRouter
    from pushpaka_core.adapters.none.router import NoRouter

    return NoRouter() if choice is RouterChoice.NONE else MemoryRouter()
