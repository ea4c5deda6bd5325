"""Traefiks as on other machines, configured as the documentation says."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from anyio import fail_after, open_process, sleep, to_thread
from anyio.abc import Process
from attrs import frozen
from litestar import Litestar

from pushpaka_core.adapters.traefik.binary import find_traefik
from pushpaka_core.adapters.traefik.configuration import EntryPoints
from pushpaka_http.cli.http_server import listening, serving

TOKEN = "x7Qm-a-token-of-the-routers-0123456789"
_DOCUMENT = Path(__file__).parents[3] / "docs" / "routers.md"


@frozen
class Elsewhere:
    """One Traefik that fetches its table."""

    entry_points: EntryPoints
    process: Process

    @property
    def url(self) -> str:
        """Where it shows which table it uses."""
        return f"http://{self.entry_points.internal_address}"

    async def until_it_shows(self, is_wanted: Callable[[str | None], bool]) -> None:
        """Wait until the generation that it shows, if any, is as wanted."""
        async with httpx.AsyncClient(base_url=self.url, trust_env=False) as client:
            with fail_after(30):
                while not is_wanted(await _shown(client)):
                    await sleep(0.02)


@asynccontextmanager
async def served(app: Litestar) -> AsyncIterator[int]:
    """Serve *app* on a free port, and yield the port."""
    with listening("127.0.0.1", 0) as listener:
        async with serving(app, listener):
            yield listener.getsockname()[1]


@asynccontextmanager
async def traefik_elsewhere(
    directory: Path, entry_points: EntryPoints, api_port: int
) -> AsyncIterator[Elsewhere]:
    """Run a Traefik that has a table from the API on *api_port*."""
    file = directory / f"{entry_points.internal_port}.yml"
    await to_thread.run_sync(file.write_text, _documented(entry_points, api_port))
    binary = await to_thread.run_sync(find_traefik, "")
    argv = [str(binary), f"--configFile={file}"]
    async with await open_process(argv, stdout=None, stderr=None) as process:
        try:
            traefik = Elsewhere(entry_points, process)
            await traefik.until_it_shows(lambda shown: shown is not None)
            yield traefik
        finally:
            process.kill()


def _documented(entry_points: EntryPoints, api_port: int) -> str:
    """Return the configuration in the documentation, with other addresses."""
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


async def _shown(client: httpx.AsyncClient) -> str | None:
    try:
        answer = await client.get("/generation")
    except httpx.TransportError:
        return None
    shown: str | None = answer.headers.get("X-Pushpaka-Generation")
    return shown
