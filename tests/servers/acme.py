"""
A certificate authority on the loopback interface: Caddy's ACME server.

It validates domains through the router of a test.
"""

import os
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from json import dumps
from pathlib import Path

import httpx
from anyio import CancelScope, fail_after, open_file, open_process, sleep, to_thread
from anyio import Path as AsyncPath
from attrs import frozen

from pushpaka_core.adapters.traefik.binaries import find_caddy


@frozen(kw_only=True)
class AcmeServer:
    """A running certificate authority."""

    root_file: Path
    """The file of the authority's root certificate, which clients have to trust."""


def own_names_unavailable_reason() -> str | None:
    """Return why tests cannot listen on port 443 or replace /etc/hosts, or None."""
    try:
        with socket.create_server(("127.4.4.3", 443)):
            pass
        subprocess.run(["unshare", "--mount", "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        return f"it takes root: {error}"
    return None


@asynccontextmanager
async def open_acme_server(
    directory: Path, *, port: int, router_port: int | None = None, names: str = ""
) -> AsyncIterator[AcmeServer]:
    """
    Run a certificate authority that issues certificates for names below example.com.

    For HTTP-01 it uses the router on *router_port* of the loopback interface as a proxy, whatever
    the DNS records of a name say, because a test cannot listen on port 80. For TLS-ALPN-01 it has
    to connect to port 443 at the addresses in *names*, which replace its /etc/hosts.
    """
    proxy = {} if router_port is None else {"HTTP_PROXY": f"http://127.0.0.1:{router_port}"}
    env = {
        **proxy,
        "PATH": os.environ["PATH"],
        "XDG_CONFIG_HOME": str(directory),
        "XDG_DATA_HOME": str(directory),
    }
    argv = await to_thread.run_sync(_prepare, directory, port, names)
    root_file = directory / "pki" / "authorities" / "local" / "root.crt"
    async with await open_file(directory / "caddy.log", "wb") as log:
        caddy = await open_process(argv, env=env, stdout=log.wrapped, stderr=log.wrapped)
    try:
        with fail_after(60):
            await _wait_until_responding(
                f"https://localhost:{port}/acme/local/directory", root_file
            )
        yield AcmeServer(root_file=root_file)
    finally:
        with CancelScope(shield=True):
            caddy.kill()
            await caddy.wait()


def _prepare(directory: Path, port: int, names: str) -> list[str]:
    file, hosts = directory / "caddy.json", directory / "hosts"
    file.write_text(dumps(_configuration(directory, port)))
    argv = [str(find_caddy("")), "run", "--config", str(file)]
    if not names:
        return argv
    hosts.write_text(f"127.0.0.1 localhost\n{names}\n")
    seen = 'mount --bind "$0" /etc/hosts && exec "$@"'
    return ["unshare", "--mount", "sh", "-c", seen, str(hosts), *argv]


def _configuration(directory: Path, port: int) -> object:
    acme = {
        "handler": "acme_server",
        "challenges": ["http-01", "tls-alpn-01"],
        "policy": {"allow": {"domains": ["*.example.com"]}},
    }
    route = {"match": [{"host": ["localhost"]}], "handle": [acme], "terminal": True}
    server = {
        "listen": [f"127.0.0.1:{port}"],
        "routes": [route],
        "automatic_https": {"disable_redirects": True},
    }
    internal = {"subjects": ["localhost"], "issuers": [{"module": "internal"}]}
    return {
        "admin": {"disabled": True},
        "storage": {"module": "file_system", "root": str(directory)},
        "apps": {
            "http": {"servers": {"acme": server}},
            "pki": {"certificate_authorities": {"local": {"install_trust": False}}},
            "tls": {"automation": {"policies": [internal]}},
        },
    }


async def _wait_until_responding(url: str, root_file: Path) -> None:
    while not await AsyncPath(root_file).exists():
        await sleep(0.05)
    context = await to_thread.run_sync(_ssl_context, root_file)
    async with httpx.AsyncClient(trust_env=False, verify=context, timeout=10) as http:
        while True:
            # The server listens before it has its own certificate.
            with suppress(httpx.TransportError):
                await http.get(url)
                return
            await sleep(0.05)


def _ssl_context(root_file: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(root_file))
