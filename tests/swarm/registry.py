"""The registry of a Swarm of tests: it asks for a password, and lets images be deleted."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

import httpx
from attrs import define, field
from tests.served import free_port

USER, PASSWORD = "pushpaka", "of-the-tests"
_USERS = "pushpaka:$2y$05$abcdefghijklmnopqrstuuuZed5HUPv8ETIZGTOl1S2yYkDII01Ei\n"
"""As htpasswd writes them."""
_CONFIG = """\
version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {directory}/data}}, delete: {{enabled: true}}}}
http: {{addr: "{address}"}}
auth: {{{auth}}}
"""
_PATIENCE = 30


@define
class RegistryServer:
    """A registry that runs, unless it is down."""

    address: str
    directory: Path
    _process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)

    @property
    def host(self) -> str:
        return self.address.partition(":")[0]

    def tags(self, repository: str) -> list[str]:
        """Return the tags that are kept of a repository, as files."""
        kept = self.directory / "data/docker/registry/v2/repositories" / repository
        return sorted(path.name for path in (kept / "_manifests/tags").glob("*"))

    def start(self) -> None:
        """Start it, and return once it answers."""
        config, log = self.directory / "registry.yml", self.directory / "registry.log"
        with log.open("ab") as file:
            command = ["docker-registry", "serve", str(config)]
            self._process = subprocess.Popen(command, stdout=file, stderr=file)
        end = monotonic() + _PATIENCE
        while not _answers(self.address):
            assert monotonic() < end, log.read_text()
            sleep(0.05)

    def kill(self) -> None:
        """Let it answer nobody any more. Harmless to repeat."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(_PATIENCE)


@contextmanager
def open_registry(directory: Path, host: str, *, auth: str = "") -> Iterator[RegistryServer]:
    """Yield a registry at an address of this host, which asks for a password, or as *auth* says."""
    server = RegistryServer(f"{host}:{free_port()}", directory)
    (directory / "users").write_text(_USERS)
    auth = auth or f"htpasswd: {{realm: tests, path: {directory}/users}}"
    config = _CONFIG.format(directory=directory, address=server.address, auth=auth)
    (directory / "registry.yml").write_text(config)
    try:
        server.start()
        yield server
    finally:
        server.kill()


def _answers(address: str) -> bool:
    try:
        httpx.get(f"http://{address}/v2/")
    except httpx.TransportError:
        return False
    return True
