"""The router that settings choose: one beside the platform, ones on other machines, or none."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from anyio import to_thread

from pushpaka_core.bootstrap.ground import SEARCH_PATH, Ground
from pushpaka_core.ports.processes import Processes
from pushpaka_core.ports.router import Router, RouterSupervisor, RouteTableText
from pushpaka_core.settings import RouterChoice, Settings


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
        port=ground.addresses.port,
        internal_port=ground.choices.router_internal_port,
        page_port=ground.choices.router_page_port,
        trusted_proxies=tuple(map(str, settings.trusted_proxies)),
    )
    binaries = await to_thread.run_sync(Binaries.find, SEARCH_PATH)
    async with open_traefik_router(directory, entry_points) as router:
        yield router, TraefikSupervisor(processes, directory, entry_points, binaries)


def route_table_text(settings: Settings) -> RouteTableText | None:
    """Return how the table is written for routers that fetch it, or None where none does."""
    if not settings.router_urls:
        return None
    from pushpaka_core.adapters.traefik.configuration import dynamic_configuration

    return partial(dynamic_configuration, page=None)


def _other_router(choice: RouterChoice) -> Router:
    from pushpaka_core.adapters.memory.router import MemoryRouter
    from pushpaka_core.adapters.none.router import NoRouter

    return NoRouter() if choice is RouterChoice.NONE else MemoryRouter()
