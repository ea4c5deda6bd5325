"""The ports on which Pushpaka and applications listen, and the names that lead to them."""

import errno
import socket
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

import httpx
from anyio import to_thread

from pushpaka_core.adapters.files.choices import Choices
from pushpaka_core.adapters.traefik.configuration import GENERATION_HEADER, GENERATION_PATH
from pushpaka_core.adapters.traefik.ports import bind_once
from pushpaka_core.settings import RouterChoice, Settings
from pushpaka_http.cli.examination.findings import Finding, ok, problem, warning
from pushpaka_http.cli.examination.instance import api_url

_SECONDS = 2
_OUTGOING = Path("/proc/sys/net/ipv4/ip_local_port_range")
_USUAL_PORTS = (80, 8000)
_REFUSALS = frozenset({errno.EADDRINUSE, errno.EACCES, errno.EADDRNOTAVAIL})


async def ports(settings: Settings) -> Finding:
    """Try the ports of the API and of the router, unless this instance has them already."""
    taken: list[str] = []
    forbidden: list[str] = []
    choices = await to_thread.run_sync(_choices, settings)
    router = await to_thread.run_sync(_of_the_router, settings, choices)
    wanted = {"the API": (settings.host, settings.port), **router}
    ours = await _listening_already(settings, choices)
    for whose, (host, port) in wanted.items():
        if whose.partition(",")[0] in ours:
            continue
        match await to_thread.run_sync(_refusal, host, port):
            case errno.EADDRINUSE:
                taken.append(f"{port} of {whose}")
            case errno.EACCES:
                forbidden.append(f"{port} of {whose}")
            case errno.EADDRNOTAVAIL:
                return problem(
                    f"{host} is no address of this machine.", f"Correct that of {whose}."
                )
    if taken:
        told = f"Somebody else listens on {', '.join(taken)}."
        return problem(told, "End it (`ss -ltnp` tells who), or set another port.")
    if forbidden:
        told = f"This user may not listen on {', '.join(forbidden)}."
        return problem(told, "Run as root, give CAP_NET_BIND_SERVICE, or set a port from 1024 on.")
    numbers = ", ".join(f"{port} ({whose})" for whose, (_, port) in wanted.items())
    return ok(f"{numbers}: free, or this instance's")


def _choices(settings: Settings) -> Choices | None:
    """Return what the first start has chosen, where there was one; none is made."""
    path = settings.data_directory / "choices.json"
    return Choices.load_or_make(path, host=settings.router_host) if path.exists() else None


def _of_the_router(settings: Settings, choices: Choices | None) -> Mapping[str, tuple[str, int]]:
    if settings.router is not RouterChoice.TRAEFIK or settings.router_urls:
        return {}
    host = settings.router_host
    chosen = choices.router_port if choices else None
    port = settings.router_port or chosen or _usual_port(host)
    secure = {"the router, for HTTPS": (host, settings.https_port)} if settings.https_port else {}
    return {"the router": (host, port), **secure}


def _usual_port(host: str) -> int:
    return next((port for port in _USUAL_PORTS if _refusal(host, port) is None), _USUAL_PORTS[-1])


async def _listening_already(settings: Settings, choices: Choices | None) -> set[str]:
    """Return which parts of this instance answer now: the router does while nothing else runs."""
    ours: set[str] = set()
    async with httpx.AsyncClient(timeout=_SECONDS, trust_env=False) as http:
        with suppress(httpx.HTTPError, ValueError):
            if "checks" in (await http.get(f"{api_url(settings)}/health")).json():
                ours.add("the API")
        with suppress(httpx.HTTPError):
            port = choices.router_internal_port if choices else 0
            answer = await http.get(f"http://127.0.0.1:{port}{GENERATION_PATH}")
            if GENERATION_HEADER in answer.headers:
                ours.add("the router")
    return ours


def _refusal(host: str, port: int) -> int | None:
    """Return why nothing could listen there, as the kernel numbers it; None where it could."""
    try:
        bind_once(host, port)
    except OSError as error:
        if error.errno not in _REFUSALS:
            raise
        return error.errno
    return None


async def port_range(settings: Settings) -> Finding:
    """Look whether the kernel gives the applications' ports to outgoing connections."""
    first, last = settings.instance_ports[0], settings.instance_ports[-1]
    with suppress(OSError, ValueError):
        low, high = map(int, (await to_thread.run_sync(_OUTGOING.read_text)).split())
        if low <= last and first <= high:
            return warning(
                f"Outgoing connections get ports from {low} to {high}, applications from {first} to"
                f" {last}: some will be found in use.",
                "Set PUSHPAKA_INSTANCE_PORTS, or net.ipv4.ip_local_port_range by sysctl.",
            )
    return ok(f"Applications have {first} to {last}.")


async def base_domain(settings: Settings) -> Finding:
    """Look up a name below the base domain."""
    domain = settings.base_domain
    if domain == "localhost" or domain.endswith(".localhost"):
        return ok(f"Browsers know *.{domain} as this machine; nobody else can come.")
    look_up = partial(socket.getaddrinfo, f"doctor.{domain}", None, type=socket.SOCK_STREAM)
    try:
        found = await to_thread.run_sync(look_up, abandon_on_cancel=True)
    except OSError:
        return problem(
            f"doctor.{domain} leads nowhere, and so does every application.",
            f"Add a record *.{domain} (A, AAAA) with the address of the router.",
        )
    return ok(f"*.{domain} leads to {', '.join(sorted({str(each[4][0]) for each in found}))}.")
