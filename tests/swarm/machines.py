"""A Swarm of two machines: engines in network namespaces that a switch connects."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from secrets import randbelow, token_hex
from signal import SIGKILL, SIGTERM
from tempfile import TemporaryDirectory, mkdtemp

import psutil
import pytest
from attrs import define, field, frozen
from tests.engine import base_images
from tests.engine.own_engine import engines_unavailable_reason, unmount
from tests.engine.registry import (
    PASSWORD,
    USER,
    RegistryServer,
    open_registry,
    password_auth,
)
from tests.served_instance import ENGINES
from tests.wait_until import wait_until

from pushpaka_core.adapters.swarm.registry import RegistryLocation
from pushpaka_core.domain.projects.images import RegistryCredentials

_LIMIT_SECONDS = 60
_DISK = "4g"
"""The maximum size of a machine's disk. Only written data takes up memory."""
_CGROUPS = Path("/sys/fs/cgroup")


def swarm_unavailable_reason() -> str | None:
    """Return why no Swarm can be started here, or None."""
    return engines_unavailable_reason("ip", "nsenter", "unshare", "iptables", "docker-registry")


@frozen
class MachineNetwork:
    """A network of this host, which has the number 1, and of the Swarm's machines."""

    key: str = field(factory=lambda: token_hex(3))
    _net: str = field(factory=lambda: f"10.{248 + randbelow(7)}.{randbelow(256)}")
    """The first three octets of all addresses. The fourth one is the number of the machine."""

    @property
    def host(self) -> str:
        """The address of this host."""
        return self.address(1)

    @property
    def network(self) -> str:
        return f"{self._net}.0/24"

    def address(self, number: int) -> str:
        return f"{self._net}.{number}"

    def name(self, number: int) -> str:
        """Return the name of a machine's network namespace. The switch has the number 0."""
        return f"pks{self.key}-{number}"

    def create(self) -> None:
        """
        Create the switch, and connect this host to it.

        The switch has a separate namespace, because this host's firewall has rules for bridges.
        """
        _ip("netns", "add", self.name(0))
        _ip("-n", self.name(0), "link", "add", "switch", "type", "bridge")
        _ip("-n", self.name(0), "link", "set", "switch", "up")
        _ip("link", "add", self.name(1), "type", "veth", "peer", "p1", "netns", self.name(0))
        self._plug(1)
        _ip("address", "add", f"{self.host}/24", "dev", self.name(1))
        _ip("link", "set", self.name(1), "up")
        for rule in self._outbound_rules:
            _iptables("--insert", *rule)

    def connect(self, number: int) -> None:
        """Create the network namespace of a machine, and connect it to the switch."""
        name, peer = self.name(number), f"p{number}"
        _ip("netns", "add", name)
        _ip("-n", name, "link", "set", "lo", "up")
        _ip("-n", name, "link", "add", "eth0", "type", "veth", "peer", peer, "netns", self.name(0))
        self._plug(number)
        _ip("-n", name, "address", "add", f"{self.address(number)}/24", "dev", "eth0")
        _ip("-n", name, "link", "set", "eth0", "up")
        _ip("-n", name, "route", "add", "default", "via", self.host)

    def disconnect(self, number: int) -> None:
        """Disconnect a machine, so that packets are silently lost."""
        _ip("-n", self.name(0), "link", "set", f"p{number}", "nomaster")

    def reconnect(self, number: int) -> None:
        """Reconnect a machine."""
        self._plug(number)

    def remove(self) -> None:
        """Remove all namespaces, links and firewall rules."""
        for rule in self._outbound_rules:
            with suppress(subprocess.CalledProcessError):
                _iptables("--delete", *rule)
        for name in _namespaces():
            if name.startswith(self.name(0)[:-1]):
                subprocess.run(["ip", "netns", "delete", name], check=False)
        subprocess.run(["ip", "link", "delete", self.name(1)], check=False, capture_output=True)

    @property
    def _outbound_rules(self) -> Sequence[Sequence[str]]:
        """The firewall rules that let builds connect to package registries."""
        net, link = self.network, self.name(1)
        answers = ("--match", "conntrack", "--ctstate", "RELATED,ESTABLISHED")
        return [
            ("nat", "POSTROUTING", "-s", net, "!", "-d", net, "-j", "MASQUERADE"),
            ("filter", "FORWARD", "-i", link, "-j", "ACCEPT"),
            ("filter", "FORWARD", "-o", link, *answers, "-j", "ACCEPT"),
        ]

    def _plug(self, number: int) -> None:
        _ip("-n", self.name(0), "link", "set", f"p{number}", "master", "switch", "up")


@define
class Node:
    """A machine of the Swarm: a Docker Engine with its own data, processes and network."""

    _network: MachineNetwork
    _number: int
    directory: Path = field(factory=lambda: Path(mkdtemp(prefix="pks-")), init=False)
    """Where the disk of the machine is mounted, which is a file system in memory."""
    _process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)

    @property
    def name(self) -> str:
        """The host name of the machine."""
        return self._network.name(self._number)

    @property
    def url(self) -> str:
        return f"unix://{self.directory}/docker.sock"

    @property
    def address(self) -> str:
        return self._network.address(self._number)

    @property
    def id(self) -> str:
        return self.docker("info", "--format", "{{.Swarm.NodeID}}").strip()

    @property
    def log(self) -> str:
        return self._log.read_text()

    def prepare(self) -> None:
        """Mount the disk of the machine."""
        mount = ["mount", "-t", "tmpfs", "-o", f"size={_DISK}", "tmpfs", str(self.directory)]
        subprocess.run(mount, check=True)

    def start(self) -> None:
        """Start the engine, and return once it responds."""
        for file in (self._pid_file, self._exec / "containerd" / "containerd.pid"):
            file.unlink(missing_ok=True)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        wait_until(self._has_started, lambda: self.log)

    def wait_until_manager(self, *, is_manager: bool) -> None:
        """Wait until the machine is a manager of the Swarm, or no longer is one."""
        template, text = "{{.Swarm.ControlAvailable}}", str(is_manager).lower()
        wait_until(
            lambda: self.docker("info", "--format", template).strip() == text, lambda: self.log
        )

    def _has_started(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.log
        return self.responds()

    def responds(self) -> bool:
        return self._run("version").returncode == 0

    def has_image(self, image: str) -> bool:
        """Return True if the machine's engine has *image*."""
        return self._run("image", "inspect", image).returncode == 0

    def docker(self, *arguments: str, stdin: str = "") -> str:
        """Run a docker command on the machine's engine, and return the output."""
        ended = self._run(*arguments, stdin=stdin)
        assert 0 == ended.returncode, ended.stderr.decode()
        return ended.stdout.decode()

    def kill(self) -> None:
        """Kill all processes of the machine, as in a power failure."""
        assert self._process is not None
        self._process.send_signal(SIGKILL)
        self._process.wait(_LIMIT_SECONDS)
        self._kill_remaining_processes()

    @contextmanager
    def cut_off(self) -> Iterator[None]:
        """Disconnect the machine from the network until the block ends."""
        self._network.disconnect(self._number)
        try:
            yield
        finally:
            self._network.reconnect(self._number)

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Stop the engine until the block ends."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    def stop(self) -> None:
        """Stop the engine with SIGTERM, and wait for its end."""
        assert self._process is not None
        self._process.send_signal(SIGTERM)
        self._process.wait(_LIMIT_SECONDS)

    def remove(self) -> None:
        """Remove all processes, mounts and files of the machine."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(_LIMIT_SECONDS)
        self._kill_remaining_processes()
        unmount(self.directory)
        self.directory.rmdir()
        for group in sorted(_CGROUPS.glob(f"*{self._group}/**/"), reverse=True):
            with suppress(OSError):
                group.rmdir()

    def _kill_remaining_processes(self) -> None:
        """Kill containerd, its shims, and the processes in containers."""
        while found := list(self._remaining_processes()):
            for process in found:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs(found, timeout=5)

    def _remaining_processes(self) -> Iterator[psutil.Process]:
        files = [f for g in _CGROUPS.glob(f"*{self._group}") for f in g.rglob("cgroup.procs")]
        pids = {int(pid) for file in files for pid in file.read_text().split()}
        for process in psutil.process_iter():
            with suppress(psutil.NoSuchProcess):
                is_ours = any(str(self.directory) in word for word in process.cmdline())
                if is_ours or process.pid in pids:
                    yield process

    def _run(self, *arguments: str, stdin: str = "") -> "subprocess.CompletedProcess[bytes]":
        command = ["docker", "--host", self.url, *arguments]
        return subprocess.run(command, check=False, capture_output=True, input=stdin.encode())

    @property
    def _command(self) -> Sequence[str]:
        return [
            "nsenter", f"--net=/run/netns/{self.name}",
            "unshare", "--uts", "sh", "-c", 'hostname "$1" && shift && exec "$@"', "sh", self.name,
            "dockerd", "--host", self.url, "--pidfile", str(self._pid_file),
            "--data-root", str(self.directory / "data"), "--exec-root", str(self._exec),
            "--cgroup-parent", self._group, "--insecure-registry", self._network.network,
            "--shutdown-timeout=5",
        ]  # fmt: skip

    @property
    def _group(self) -> str:
        return f"/{self.name}"

    @property
    def _exec(self) -> Path:
        return self.directory / "exec"

    @property
    def _pid_file(self) -> Path:
        return self.directory / "docker.pid"

    @property
    def _log(self) -> Path:
        return self.directory / "dockerd.log"


@frozen
class Swarm:
    """A Swarm of a manager and a worker, and the registry that both use."""

    manager: Node
    worker: Node
    registry: RegistryServer

    @property
    def settings(self) -> dict[str, str]:
        """The settings of a Pushpaka instance that uses this Swarm."""
        return {
            "PUSHPAKA_RUNTIME": "swarm",
            "PUSHPAKA_DOCKER_URL": self.manager.url,
            "PUSHPAKA_REGISTRY": f"http://{self.registry.address}/apps",
            "PUSHPAKA_REGISTRY_USER": USER,
            "PUSHPAKA_REGISTRY_PASSWORD": PASSWORD,
            ENGINES: ",".join(node.url for node in (self.manager, self.worker)),
        }

    @property
    def registry_location(self) -> RegistryLocation:
        """The registry, in the form that the adapters use."""
        account = RegistryCredentials(user=USER, password=PASSWORD)
        return RegistryLocation(url=f"http://{self.registry.address}/apps", credentials=account)

    def wait_until_ready(self) -> None:
        """
        Wait until the manager can start tasks on both machines.

        A manager that has restarted starts none on a machine before that has reported to it.
        """
        listing = ("node", "ls", "--format", "{{.Status}}")
        wait_until(
            lambda: ["Ready", "Ready"] == self.manager.docker(*listing).split(),
            lambda: self.manager.log,
        )

    def set_availability(self, availability: str) -> None:
        """Set the availability of the worker to "active" or "drain"."""
        update = ("node", "update", "--availability", availability, self.worker.id)
        self.manager.docker(*update)

    def load(self, *images: str, node: Node | None = None) -> None:
        """Copy images from the engine that tests share to the manager, and from there to *node*."""
        for image in images:
            if not self.manager.has_image(image):
                base_images.ensure(image)
                self._load(image)
            if node is not None and not node.has_image(image):
                self._transfer("pull", image, node)

    def _load(self, image: str) -> None:
        load = ["docker", "--host", self.manager.url, "load"]
        with subprocess.Popen(["docker", "save", image], stdout=subprocess.PIPE) as saved:
            subprocess.run(load, stdin=saved.stdout, check=True, capture_output=True)
        assert 0 == saved.returncode
        # Compressed layers are uploaded once, so that no deployment has to wait for that.
        self._transfer("push", image, self.manager)

    def _transfer(self, command: str, image: str, node: Node) -> None:
        """Push an image from *node* to the registry, or pull it from there."""
        name = f"{self.registry.address}/base/{image}"
        with TemporaryDirectory() as config:
            # A test of another process looks for the password in all command lines.
            account = ("--username", USER, "--password-stdin", self.registry.address)
            node.docker("--config", config, "login", *account, stdin=PASSWORD)
            if command == "push":
                node.docker("tag", image, name)
            node.docker("--config", config, command, "--quiet", name)
            if command == "pull":
                node.docker("tag", name, image)
            node.docker("rmi", name)


@contextmanager
def open_swarm() -> Iterator[Swarm]:
    """Yield a Swarm of two machines, and remove it after the block."""
    network = MachineNetwork()
    manager, worker = nodes = [Node(network, 2), Node(network, 3)]
    with ExitStack() as left:
        left.callback(network.remove)
        network.create()
        directory = Path(left.enter_context(TemporaryDirectory(prefix="pks-registry-")))
        auth = password_auth(directory)
        registry = left.enter_context(open_registry(directory, network.host, auth=auth))
        for number, node in enumerate(nodes, 2):
            left.callback(node.remove)
            network.connect(number)
            node.prepare()
            node.start()
        manager.docker(
            *("swarm", "init", "--advertise-addr", manager.address),
            *("--dispatcher-heartbeat", "1s"),
        )
        token = manager.docker("swarm", "join-token", "--quiet", "worker").strip()
        worker.docker(
            *("swarm", "join", "--advertise-addr", worker.address),
            *("--token", token, manager.address),
        )
        yield Swarm(manager, worker, registry)


@pytest.fixture(scope="session")
def swarm() -> Iterator[Swarm]:
    """Yield the Swarm that all tests of a process share."""
    with open_swarm() as opened:
        opened.load(base_images.DEBIAN)
        yield opened


def _ip(*arguments: str) -> None:
    ended = subprocess.run(["ip", *arguments], check=False, capture_output=True)
    assert 0 == ended.returncode, (arguments, ended.stderr.decode())


def _iptables(action: str, table: str, *rule: str) -> None:
    command = ["iptables", "--wait", "--table", table, action, *rule]
    subprocess.run(command, check=True, capture_output=True)


def _namespaces() -> list[str]:
    output = subprocess.run(
        ["ip", "netns", "list"], check=True, capture_output=True
    ).stdout.decode()
    return [line.split()[0] for line in output.splitlines() if line]
