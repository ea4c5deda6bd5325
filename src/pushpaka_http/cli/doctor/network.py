"""Checks of ports, DNS and host names."""

import errno
import socket
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

from anyio import to_thread

from pushpaka_core.adapters.files.first_start_choices import FirstStartChoices
from pushpaka_core.domain.accounts.users import RegistrationPolicy
from pushpaka_core.domain.routing.hosts import ANY_HOST
from pushpaka_core.host.listening import require_bindable
from pushpaka_core.settings.settings import RouterChoice, Settings
from pushpaka_http.cli.doctor.findings import Finding, ok, problem, warning
from pushpaka_http.cli.doctor.probes import is_router_running, read_api_health

_EPHEMERAL_PORTS = Path("/proc/sys/net/ipv4/ip_local_port_range")
_DEFAULT_ROUTER_PORTS = (80, 8000)
_BIND_ERRNOS = frozenset({errno.EADDRINUSE, errno.EACCES, errno.EADDRNOTAVAIL})


async def check_ports(settings: Settings) -> Finding:
    """Check that the ports of the API and the router are free or used by this instance."""
    taken: list[str] = []
    forbidden: list[str] = []
    choices = await to_thread.run_sync(_saved_choices, settings)
    router = await to_thread.run_sync(_router_addresses, settings, choices)
    addresses = {"the API": (settings.host, settings.port), **router}
    ours = await _listening_parts(settings, choices)
    for whose, (host, port) in addresses.items():
        if whose.partition(",")[0] in ours:
            continue
        match await to_thread.run_sync(_bind_errno, host, port):
            case errno.EADDRINUSE:
                taken.append(f"port {port} of {whose}")
            case errno.EACCES:
                forbidden.append(f"port {port} of {whose}")
            case errno.EADDRNOTAVAIL:
                return problem(
                    f"{host} is not an address of this machine.", f"Correct the address of {whose}."
                )
    if taken:
        message = f"Another program already uses {', '.join(taken)}."
        return problem(message, "Stop that program (find it with `ss -ltnp`), or set another port.")
    if forbidden:
        message = f"This user cannot listen on {', '.join(forbidden)}."
        advice = (
            "Run as root, grant the capability CAP_NET_BIND_SERVICE, or set a port of 1024 or "
            "above."
        )
        return problem(message, advice)
    numbers = ", ".join(f"{port} ({whose})" for whose, (_, port) in addresses.items())
    return ok(f"{numbers}: free, or used by this instance.")


def _saved_choices(settings: Settings) -> FirstStartChoices | None:
    """Return the saved choices of the first start, or None before the first start. Save nothing."""
    path = settings.data_directory / "choices.json"
    return (
        FirstStartChoices.load_or_create(path, host=settings.router_host) if path.exists() else None
    )


def _router_addresses(
    settings: Settings, choices: FirstStartChoices | None
) -> Mapping[str, tuple[str, int]]:
    if settings.router is not RouterChoice.TRAEFIK or settings.router_urls:
        return {}
    host = settings.router_host
    chosen = choices.router_port if choices else None
    port = settings.router_port or chosen or _default_router_port(host)
    secure = {"the router, for HTTPS": (host, settings.https_port)} if settings.https_port else {}
    return {"the router": (host, port), **secure}


def _default_router_port(host: str) -> int:
    return next(
        (port for port in _DEFAULT_ROUTER_PORTS if _bind_errno(host, port) is None),
        _DEFAULT_ROUTER_PORTS[-1],
    )


async def _listening_parts(settings: Settings, choices: FirstStartChoices | None) -> set[str]:
    """
    Return which parts of this instance are listening.

    The router may run while the API is stopped.
    """
    ours: set[str] = set()
    with suppress(ValueError):
        if await read_api_health(settings):
            ours.add("the API")
    if choices and await is_router_running(choices.router_internal_port):
        ours.add("the router")
    return ours


def _bind_errno(host: str, port: int) -> int | None:
    """Try to bind *host* and *port*. Return the errno of the failure, or None on success."""
    try:
        require_bindable(host, port)
    except OSError as error:
        if error.errno not in _BIND_ERRNOS:
            raise
        return error.errno
    return None


async def check_port_range(settings: Settings) -> Finding:
    """Check that the ports of applications do not overlap with the kernel's ephemeral ports."""
    first, last = settings.instance_ports[0], settings.instance_ports[-1]
    with suppress(OSError, ValueError):
        low, high = map(int, (await to_thread.run_sync(_EPHEMERAL_PORTS.read_text)).split())
        if low <= last and first <= high:
            return warning(
                f"Applications use the ports {first} to {last}, which overlap with the range for "
                f"outgoing connections, {low} to {high}. Some of these ports may already be in "
                "use.",
                "Change PUSHPAKA_INSTANCE_PORTS, or net.ipv4.ip_local_port_range with sysctl.",
            )
    return ok(f"Applications use the ports {first} to {last}.")


async def check_base_domain(settings: Settings) -> Finding:
    """Check that a name below the base domain resolves."""
    domain = settings.base_domain
    if domain == "localhost" or domain.endswith(".localhost"):
        return ok(f"*.{domain} is only reachable from this machine.")
    look_up = partial(socket.getaddrinfo, f"doctor.{domain}", None, type=socket.SOCK_STREAM)
    try:
        found = await to_thread.run_sync(look_up, abandon_on_cancel=True)
    except OSError:
        return problem(
            f"doctor.{domain} does not resolve, so applications cannot be reached.",
            f"Add the DNS records *.{domain} (A, AAAA) with the addresses of the router.",
        )
    return ok(f"*.{domain} resolves to {', '.join(sorted({str(each[4][0]) for each in found}))}.")


async def check_host_names(settings: Settings) -> Finding:
    """Warn if web pages can reach the API through DNS rebinding."""
    if ANY_HOST not in settings.allowed_hosts:
        more = ", ".join(["localhost", f"api.{settings.base_domain}", *settings.allowed_hosts])
        return ok(f"The API accepts the host names {more}, and its IP addresses.")
    if settings.registration_policy is RegistrationPolicy.OPEN:
        return warning(
            "The API accepts any host name, and registration is open: a web page that you visit "
            "can register and deploy through DNS rebinding.",
            'List your host names in PUSHPAKA_ALLOWED_HOSTS instead of "*".',
        )
    return ok("The API accepts any host name.")
