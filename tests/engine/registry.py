"""A registry of images of a test's own, as an operator would run one; and what looks like one."""

import shutil
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from threading import Thread

import httpx
from anyio import fail_after, open_process, sleep, to_thread
from tests.certificates import certify
from tests.served import answers, free_port

_CONFIG = """\
version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {directory}}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""


def lacks_registry() -> str | None:
    """Say why no registry can be started here."""
    return None if shutil.which("docker-registry") else "there is no docker-registry"


@asynccontextmanager
async def open_registry(directory: Path) -> AsyncIterator[str]:
    """Yield the address of a registry, which engines of this host believe without TLS."""
    port = free_port()
    config = directory / "registry.yml"
    text = _CONFIG.format(directory=directory, port=port)
    await to_thread.run_sync(config.write_text, text)
    async with await open_process(["docker-registry", "serve", str(config)]) as process:
        try:
            async with httpx.AsyncClient(trust_env=False) as client:
                with fail_after(30):
                    while not await answers(client, f"http://127.0.0.1:{port}/v2/"):
                        await sleep(0.05)
            yield f"127.0.0.1:{port}"
        finally:
            process.terminate()


@contextmanager
def mute_registry() -> Iterator[str]:
    """Yield the address of what takes connections, and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@contextmanager
def silent_registry(directory: Path) -> Iterator[str]:
    """Yield the address of what agrees on TLS, and then never answers."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certify(directory, "registry")
    context.load_cert_chain(directory / "registry.crt", directory / "registry.key")
    with socket.create_server(("127.0.0.1", 0), backlog=128) as server:
        Thread(target=_greet, args=(server, context), daemon=True).start()
        try:
            yield f"127.0.0.1:{server.getsockname()[1]}"
        finally:
            server.shutdown(socket.SHUT_RDWR)


def _greet(server: socket.socket, context: ssl.SSLContext) -> None:
    with ExitStack() as held:
        while True:
            try:
                connection = held.enter_context(server.accept()[0])
            except OSError:
                return
            connection.settimeout(10)
            with suppress(OSError):
                held.enter_context(context.wrap_socket(connection, server_side=True))
