"""Reads from the route table of Traefik which instance serves a held request."""

import asyncio
import json
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

from attrs import define, field

from pushpaka_core.adapters.traefik.gate.configuration import SERVICE_HEADER

_POLL_SECONDS = 0.02

Address = tuple[str, int]
"""A host and a port."""


@define
class RouteFile:
    """
    Traefik's dynamic configuration, which is replaced as a whole.

    The file is the only state of the gate, so a new gate continues where a killed one stopped. It
    is never older than the configuration that Traefik uses.
    """

    _path: Path
    _version: tuple[int, int] | None = field(default=None, init=False)
    _servers: Mapping[str, Address] = field(factory=dict, init=False)
    _held: Collection[str] = field(factory=set, init=False)
    _waiting: int = field(default=0, init=False)
    _has_waiting: asyncio.Event = field(factory=asyncio.Event, init=False)
    _changed: asyncio.Event = field(factory=asyncio.Event, init=False)

    async def watch(self) -> NoReturn:
        """Read the file again when it changes, while requests wait for a change."""
        while True:
            await self._has_waiting.wait()
            self._refresh()
            await asyncio.sleep(_POLL_SECONDS)

    async def wait_for_server(self, service: str) -> Address | None:
        """
        Return the address of the instance behind *service* as soon as the file contains it.

        Return None if the requests of *service* are no longer held, for example because the
        application was stopped.
        """
        self._waiting += 1
        self._has_waiting.set()
        try:
            # Nothing has read the file since the last request.
            self._refresh()
            while service in self._held:
                await self._changed.wait()
            return self._servers.get(service)
        finally:
            self._waiting -= 1
            if not self._waiting:
                self._has_waiting.clear()

    def _refresh(self) -> None:
        with suppress(OSError, ValueError, KeyError, TypeError):
            status = self._path.stat()
            version = (status.st_ino, status.st_mtime_ns)
            if version != self._version:
                http = json.loads(self._path.read_text())["http"]
                self._servers, self._held = _servers(http), _held_services(http)
                self._version = version
                self._changed.set()
                self._changed = asyncio.Event()


def _servers(http: dict[str, Any]) -> Mapping[str, Address]:
    """Return the address of the first server of each service."""
    found = {n: service["loadBalancer"]["servers"] for n, service in http["services"].items()}
    return {name: _address(servers[0]["url"]) for name, servers in found.items() if servers}


def _held_services(http: dict[str, Any]) -> Collection[str]:
    """Return the services whose requests go to the gate."""
    headers = (each.get("headers", {}) for each in http["middlewares"].values())
    requests = (each.get("customRequestHeaders", {}) for each in headers)
    return {each[SERVICE_HEADER] for each in requests if SERVICE_HEADER in each}


def _address(url: str) -> Address:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or 80
