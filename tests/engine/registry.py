"""Image registries that tests start, and an address that never responds."""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from attrs import define, field
from tests.served_instance import free_port
from tests.wait_until import wait_until

USER, PASSWORD = "pushpaka", "of-the-tests"
_USERS = "pushpaka:$2y$05$abcdefghijklmnopqrstuuuZed5HUPv8ETIZGTOl1S2yYkDII01Ei\n"
"""USER and the bcrypt hash of PASSWORD, in the format of htpasswd."""
_CONFIG = """\
version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {directory}/data}}, delete: {{enabled: true}}}}
http: {{addr: "{address}"}}
auth: {{{auth}}}
"""
_STOP_SECONDS = 30


def registry_unavailable_reason() -> str | None:
    """Return why no image registry can be started here, or None."""
    return None if shutil.which("docker-registry") else "there is no docker-registry"


@define
class RegistryServer:
    """A registry that tests can stop and start."""

    address: str
    directory: Path
    _process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)

    @property
    def host(self) -> str:
        return self.address.partition(":")[0]

    def tags(self, repository: str) -> list[str]:
        """Return the tags of a repository, read from the registry's files."""
        repositories = self.directory / "data/docker/registry/v2/repositories"
        return sorted(tag.name for tag in (repositories / repository).glob("_manifests/tags/*"))

    def start(self) -> None:
        """Start the registry, and return once it responds."""
        config, log = self.directory / "registry.yml", self.directory / "registry.log"
        with log.open("ab") as file:
            command = ["docker-registry", "serve", str(config)]
            self._process = subprocess.Popen(command, stdout=file, stderr=file)
        wait_until(self._responds, log.read_text)

    def kill(self) -> None:
        """Kill the registry if it is running."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(_STOP_SECONDS)

    def _responds(self) -> bool:
        try:
            httpx.get(f"http://{self.address}/v2/", trust_env=False)
        except httpx.TransportError:
            return False
        return True


@contextmanager
def open_registry(
    directory: Path, host: str = "127.0.0.1", *, auth: str = ""
) -> Iterator[RegistryServer]:
    """Yield a running registry on *host*, with the authentication that *auth* configures."""
    server = RegistryServer(f"{host}:{free_port()}", directory)
    config = _CONFIG.format(directory=directory, address=server.address, auth=auth)
    (directory / "registry.yml").write_text(config)
    try:
        server.start()
        yield server
    finally:
        server.kill()


def password_auth(directory: Path) -> str:
    """Return the `auth` configuration of a registry that requires USER and PASSWORD."""
    users = directory / "users"
    users.write_text(_USERS)
    return f"htpasswd: {{realm: tests, path: {users}}}"


@contextmanager
def unresponsive_registry() -> Iterator[str]:
    """Yield an address that accepts connections and never responds."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"
