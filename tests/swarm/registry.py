"""The registry of a Swarm of tests: it asks for a password, and lets images be deleted."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

import httpx
from attrs import frozen
from tests.served import free_port

USER, PASSWORD = "pushpaka", "of-the-tests"
_USERS = "pushpaka:$2y$05$abcdefghijklmnopqrstuuuZed5HUPv8ETIZGTOl1S2yYkDII01Ei\n"
"""As htpasswd writes them."""
_CONFIG = """\
version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {directory}/data}}, delete: {{enabled: true}}}}
http: {{addr: "{address}"}}
auth: {{htpasswd: {{realm: tests, path: {directory}/users}}}}
"""
_PATIENCE = 30


@frozen
class RegistryServer:
    """A registry that runs."""

    address: str
    directory: Path

    @property
    def host(self) -> str:
        return self.address.partition(":")[0]

    def tags(self, repository: str) -> list[str]:
        """Return the tags that are kept of a repository, as files."""
        kept = self.directory / "data/docker/registry/v2/repositories" / repository
        return sorted(path.name for path in (kept / "_manifests/tags").glob("*"))


@contextmanager
def open_registry(directory: Path, host: str) -> Iterator[RegistryServer]:
    """Yield a registry at an address of this host."""
    server = RegistryServer(f"{host}:{free_port()}", directory)
    (directory / "users").write_text(_USERS)
    config = directory / "registry.yml"
    config.write_text(_CONFIG.format(directory=directory, address=server.address))
    with (directory / "registry.log").open("wb") as log:
        process = subprocess.Popen(
            ["docker-registry", "serve", str(config)], stdout=log, stderr=log
        )
    try:
        end = monotonic() + _PATIENCE
        while not _answers(server.address):
            assert monotonic() < end, (directory / "registry.log").read_text()
            sleep(0.05)
        yield server
    finally:
        process.terminate()
        process.wait(_PATIENCE)


def _answers(address: str) -> bool:
    try:
        return httpx.get(f"http://{address}/v2/", auth=(USER, PASSWORD)).is_success
    except httpx.TransportError:
        return False
