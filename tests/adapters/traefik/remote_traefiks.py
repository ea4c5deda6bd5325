"""Traefik on other machines, configured as the documentation says."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from anyio import fail_after, open_process, sleep, to_thread
from anyio.abc import Process
from attrs import frozen
from litestar import Litestar

from pushpaka_core.adapters.traefik.binaries import find_traefik
from pushpaka_core.adapters.traefik.configuration import EntryPoints
from pushpaka_http.cli.server.http_server import open_listener, open_server

TOKEN = "x7Qm-a-token-of-the-routers-0123456789"
_DOCUMENT = Path(__file__).parents[3] / "docs/operate/routers.md"


@frozen
class RemoteTraefik:
    """A Traefik that fetches its route table over HTTP."""

    entry_points: EntryPoints
    process: Process

    @property
    def url(self) -> str:
        """The URL at which Traefik shows the table in use."""
        return f"http://{self.entry_points.internal_address}"

    async def wait_until_generation(self, is_wanted: Callable[[str | None], bool]) -> None:
        """Wait until *is_wanted* accepts the generation in use, or None if there is none yet."""
        async with httpx.AsyncClient(base_url=self.url, trust_env=False) as client:
            with fail_after(60):
                while not is_wanted(await _route_generation(client)):
                    await sleep(0.02)


@asynccontextmanager
async def serve(app: Litestar) -> AsyncIterator[int]:
    """Serve *app* on a free port, and yield the port."""
    with open_listener("127.0.0.1", 0) as listener:
        async with open_server(app, listener):
            yield listener.getsockname()[1]


@asynccontextmanager
async def run_remote_traefik(
    directory: Path, entry_points: EntryPoints, api_port: int
) -> AsyncIterator[RemoteTraefik]:
    """Run a Traefik that fetches its table from the API on *api_port*."""
    file = directory / f"{entry_points.internal_port}.yml"
    await to_thread.run_sync(file.write_text, _documented_configuration(entry_points, api_port))
    binary = await to_thread.run_sync(find_traefik, "")
    argv = [str(binary), f"--configFile={file}"]
    async with await open_process(argv, stdout=None, stderr=None) as process:
        try:
            traefik = RemoteTraefik(entry_points, process)
            await traefik.wait_until_generation(lambda shown: shown is not None)
            yield traefik
        finally:
            process.kill()


def _documented_configuration(entry_points: EntryPoints, api_port: int) -> str:
    """Return the documented configuration with the addresses of the test."""
    text = _DOCUMENT.read_text().split("```yaml\n")[1].partition("```")[0]
    for documented, own in {
        '":80"': f'"{entry_points.address}"',
        "10.0.0.5:8081": entry_points.internal_address,
        "10.0.0.4:8080": f"127.0.0.1:{api_port}",
        "<PUSHPAKA_ROUTER_TOKEN>": TOKEN,
        "pollInterval: 500ms": "pollInterval: 50ms",
    }.items():
        assert documented in text
        text = text.replace(documented, own)
    return text


async def _route_generation(client: httpx.AsyncClient) -> str | None:
    try:
        answer = await client.get("/generation")
    except httpx.TransportError:
        return None
    shown: str | None = answer.headers.get("X-Pushpaka-Generation")
    return shown
