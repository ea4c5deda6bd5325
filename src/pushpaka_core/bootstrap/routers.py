"""The router that settings choose: one beside the platform, ones on other machines, or none."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from anyio import to_thread

from pushpaka_core.bootstrap.ground import SEARCH_PATH, Ground
from pushpaka_core.domain.hosts import Addresses
from pushpaka_core.ports.processes import Processes
from pushpaka_core.ports.router import Router, RouterSupervisor, RouteTableText
from pushpaka_core.settings import RouterChoice, Settings

if TYPE_CHECKING:
    from pushpaka_core.adapters.traefik.https import Acme, Https


@asynccontextmanager
async def opened_router(
    settings: Settings, ground: Ground, processes: Processes
) -> AsyncIterator[tuple[Router, RouterSupervisor | None]]:
    """Open what the settings choose, with what runs it where that is this process's business."""
    if settings.router is not RouterChoice.TRAEFIK:
        yield _other_router(settings.router), None
        return
    if settings.router_urls:
        from pushpaka_core.adapters.traefik.routers import open_traefik_routers

        async with open_traefik_routers(settings.router_urls) as routers:
            yield routers, None
        return
    from pushpaka_core.adapters.traefik.binary import Binaries
    from pushpaka_core.adapters.traefik.configuration import EntryPoints
    from pushpaka_core.adapters.traefik.directory import TraefikDirectory
    from pushpaka_core.adapters.traefik.router import open_traefik_router
    from pushpaka_core.adapters.traefik.supervisor import TraefikSupervisor

    directory = TraefikDirectory(settings.data_directory / "router")
    entry_points = EntryPoints(
        host=settings.router_host,
        port=ground.router_port,
        internal_port=ground.choices.router_internal_port,
        page_port=ground.choices.router_page_port,
        trusted_proxies=tuple(map(str, settings.trusted_proxies)),
        https=_https(settings, ground.addresses),
    )
    binaries = await to_thread.run_sync(Binaries.find, SEARCH_PATH)
    async with open_traefik_router(directory, entry_points) as router:
        yield router, TraefikSupervisor(processes, directory, entry_points, binaries)


def route_table_text(settings: Settings, addresses: Addresses) -> RouteTableText | None:
    """Return how the table is written for routers that fetch it, or None where none does."""
    if not settings.router_urls:
        return None
    from pushpaka_core.adapters.traefik.configuration import dynamic_configuration

    return partial(dynamic_configuration, page=None, https=_https(settings, addresses))


def _https(settings: Settings, addresses: Addresses) -> "Https | None":
    from pushpaka_core.adapters.traefik.https import Https

    if settings.https_port is None:
        return None
    return Https(
        port=settings.https_port,
        public_port=addresses.port if addresses.scheme == "https" else None,
        acme=None if settings.acme_email is None else _acme(settings, settings.acme_email),
        own_directory=settings.certificates_directory,
        hsts=None if settings.hsts is None else timedelta(seconds=settings.hsts),
    )


def _acme(settings: Settings, email: str) -> "Acme":
    from pushpaka_core.adapters.traefik.https import Acme

    return Acme(
        email=email,
        url=settings.acme_url,
        authority_file=settings.acme_ca_file,
        challenge=settings.acme_challenge,
    )


def _other_router(choice: RouterChoice) -> Router:
    from pushpaka_core.adapters.memory.router import MemoryRouter
    from pushpaka_core.adapters.none.router import NoRouter

    return NoRouter() if choice is RouterChoice.NONE else MemoryRouter()
