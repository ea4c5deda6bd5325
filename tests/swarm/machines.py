"""Machines of a Swarm of a test's own: engines in network namespaces of their own, on one wire."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from secrets import randbelow, token_hex
from signal import SIGKILL, SIGTERM
from tempfile import TemporaryDirectory, mkdtemp
from time import monotonic, sleep

import psutil
import pytest
from attrs import define, field, frozen
from tests.engine import base_images
from tests.engine.own_engine import lacks_engines, unmount
from tests.served import ENGINES
from tests.swarm.registry import PASSWORD, USER, RegistryServer, open_registry

from pushpaka_core.adapters.docker.swarm.registry import RegistryAccount, RegistryPlace

_PATIENCE = 60
_DISK = "4g"
"""At most; what is not written takes no memory."""
_CGROUPS = Path("/sys/fs/cgroup")


def lacks_swarm() -> str | None:
    """Say why no Swarm can be made here."""
    return lacks_engines("ip", "nsenter", "unshare", "iptables", "docker-registry")


@frozen
class Wire:
    """What connects the machines with each other and with this host, which is the first on it."""

    key: str = field(factory=lambda: token_hex(3))
    _net: str = field(factory=lambda: f"10.{248 + randbelow(7)}.{randbelow(256)}")
    """Three parts of all addresses, which nothing else of this host has."""

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
        """Return what the namespace of a machine is called; the first is that of the switch."""
        return f"pks{self.key}-{number}"

    def lay(self) -> None:
        """
        Make the switch, and connect this host to it.

        It is in a namespace too: what this host's firewall says of bridges is not for it.
        """
        _ip("netns", "add", self.name(0))
        _ip("-n", self.name(0), "link", "add", "switch", "type", "bridge")
        _ip("-n", self.name(0), "link", "set", "switch", "up")
        _ip("link", "add", self.name(1), "type", "veth", "peer", "p1", "netns", self.name(0))
        self._plug(1)
        _ip("address", "add", f"{self.host}/24", "dev", self.name(1))
        _ip("link", "set", self.name(1), "up")
        for rule in self._ways_out:
            _iptables("--insert", *rule)

    def connect(self, number: int) -> None:
        """Give a machine its namespace, and connect it."""
        name, peer = self.name(number), f"p{number}"
        _ip("netns", "add", name)
        _ip("-n", name, "link", "set", "lo", "up")
        _ip("-n", name, "link", "add", "eth0", "type", "veth", "peer", peer, "netns", self.name(0))
        self._plug(number)
        _ip("-n", name, "address", "add", f"{self.address(number)}/24", "dev", "eth0")
        _ip("-n", name, "link", "set", "eth0", "up")
        _ip("-n", name, "route", "add", "default", "via", self.host)

    def cut(self, number: int) -> None:
        """Pull the cable of a machine: nothing comes through, and nobody is told."""
        _ip("-n", self.name(0), "link", "set", f"p{number}", "nomaster")

    def mend(self, number: int) -> None:
        """Plug it in again."""
        self._plug(number)

    def remove(self) -> None:
        """Remove all namespaces, what is in them, and what this host was told about them."""
        for rule in self._ways_out:
            with suppress(subprocess.CalledProcessError):
                _iptables("--delete", *rule)
        for name in _namespaces():
            if name.startswith(self.name(0)[:-1]):
                subprocess.run(["ip", "netns", "delete", name], check=False)
        subprocess.run(["ip", "link", "delete", self.name(1)], check=False, capture_output=True)

    @property
    def _ways_out(self) -> Sequence[Sequence[str]]:
        """Return the rules by which builds reach what they install."""
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
    """A machine: an engine with data, processes and a network of its own."""

    _wire: Wire
    _number: int
    directory: Path = field(factory=lambda: Path(mkdtemp(prefix="pks-")), init=False)
    """Its disk, which is in memory: it has thousands of files, and is gone after the tests."""
    _process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)

    @property
    def name(self) -> str:
        """What it calls itself."""
        return self._wire.name(self._number)

    @property
    def url(self) -> str:
        return f"unix://{self.directory}/docker.sock"

    @property
    def address(self) -> str:
        return self._wire.address(self._number)

    @property
    def id(self) -> str:
        return self.docker("info", "--format", "{{.Swarm.NodeID}}").strip()

    @property
    def log(self) -> str:
        return self._log.read_text()

    def prepare(self) -> None:
        """Give it its disk."""
        mount = ["mount", "-t", "tmpfs", "-o", f"size={_DISK}", "tmpfs", str(self.directory)]
        subprocess.run(mount, check=True)

    def start(self) -> None:
        """Start its engine, and return once that answers."""
        for file in (self._pid_file, self._exec / "containerd" / "containerd.pid"):
            file.unlink(missing_ok=True)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        end = monotonic() + _PATIENCE
        while not self.answers():
            assert self._process.poll() is None, self.log
            assert monotonic() < end, self.log
            sleep(0.1)

    def until_it_manages(self, *, wanted: bool) -> None:
        """Wait until it is a manager, or is none any more."""
        end = monotonic() + _PATIENCE
        told = "{{.Swarm.ControlAvailable}}"
        while self.docker("info", "--format", told).strip() != str(wanted).lower():
            assert monotonic() < end, self.log
            sleep(0.1)

    def answers(self) -> bool:
        return self._run("version").returncode == 0

    def has(self, image: str) -> bool:
        """Tell whether an image was loaded into it."""
        return self._run("image", "inspect", image).returncode == 0

    def docker(self, *arguments: str) -> str:
        """Run the docker command on it, and return what it prints."""
        ended = self._run(*arguments)
        assert 0 == ended.returncode, ended.stderr.decode()
        return ended.stdout.decode()

    def kill(self) -> None:
        """Kill everything that runs on it, as a loss of power would."""
        assert self._process is not None
        self._process.send_signal(SIGKILL)
        self._process.wait(_PATIENCE)
        self._kill_the_rest()

    @contextmanager
    def cut_off(self) -> Iterator[None]:
        """Let nobody reach it, and it nobody, while it runs on."""
        self._wire.cut(self._number)
        try:
            yield
        finally:
            self._wire.mend(self._number)

    def stop(self) -> None:
        """End its engine as an operator does."""
        assert self._process is not None
        self._process.send_signal(SIGTERM)
        self._process.wait(_PATIENCE)

    def remove(self) -> None:
        """Leave nothing of it: no process, mount or file."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(_PATIENCE)
        self._kill_the_rest()
        unmount(self.directory)
        self.directory.rmdir()
        for group in sorted(_CGROUPS.glob(f"*{self._group}/**/"), reverse=True):
            with suppress(OSError):
                group.rmdir()

    def _kill_the_rest(self) -> None:
        """Kill its containerd, the shims of that, and all that runs in containers."""
        while found := list(self._rest()):
            for process in found:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs(found, timeout=5)

    def _rest(self) -> Iterator[psutil.Process]:
        files = [f for g in _CGROUPS.glob(f"*{self._group}") for f in g.rglob("cgroup.procs")]
        pids = {int(pid) for file in files for pid in file.read_text().split()}
        for process in psutil.process_iter():
            with suppress(psutil.NoSuchProcess):
                is_ours = any(str(self.directory) in word for word in process.cmdline())
                if is_ours or process.pid in pids:
                    yield process

    def _run(self, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
        command = ["docker", "--host", self.url, *arguments]
        return subprocess.run(command, check=False, capture_output=True)

    @property
    def _command(self) -> Sequence[str]:
        return [
            "nsenter", f"--net=/run/netns/{self.name}",
            "unshare", "--uts", "sh", "-c", 'hostname "$1" && shift && exec "$@"', "sh", self.name,
            "dockerd", "--host", self.url, "--pidfile", str(self._pid_file),
            "--data-root", str(self.directory / "data"), "--exec-root", str(self._exec),
            "--cgroup-parent", self._group, "--insecure-registry", self._wire.network,
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
    """A manager and a worker, and the registry from which both fetch."""

    manager: Node
    worker: Node
    registry: RegistryServer

    @property
    def settings(self) -> dict[str, str]:
        """Return what tells an instance to use it."""
        return {
            "PUSHPAKA_RUNTIME": "swarm",
            "PUSHPAKA_DOCKER_URL": self.manager.url,
            "PUSHPAKA_REGISTRY": f"http://{self.registry.address}/apps",
            "PUSHPAKA_REGISTRY_USER": USER,
            "PUSHPAKA_REGISTRY_PASSWORD": PASSWORD,
            ENGINES: ",".join(node.url for node in (self.manager, self.worker)),
        }

    @property
    def place(self) -> RegistryPlace:
        """Return the same for adapters."""
        account = RegistryAccount(user=USER, password=PASSWORD)
        return RegistryPlace(url=f"http://{self.registry.address}/apps", account=account)

    def load(self, *images: str, node: Node | None = None) -> None:
        """Copy images from the engine that everybody shares to where images are built."""
        node = node or self.manager
        for image in images:
            base_images.ensure(image)
        missing = [image for image in images if not node.has(image)]
        if not missing:
            return
        load = ["docker", "--host", node.url, "load"]
        with subprocess.Popen(["docker", "save", *missing], stdout=subprocess.PIPE) as saved:
            subprocess.run(load, stdin=saved.stdout, check=True, capture_output=True)
        assert 0 == saved.returncode
        self._push(node, missing)

    def _push(self, node: Node, images: Sequence[str]) -> None:
        """Compress images for the registry now, so that no deployment has to wait for that."""
        with TemporaryDirectory() as config:
            account = ("--username", USER, "--password", PASSWORD)
            node.docker("--config", config, "login", *account, self.registry.address)
            for image in images:
                name = f"{self.registry.address}/base/{image}"
                node.docker("tag", image, name)
                node.docker("--config", config, "push", "--quiet", name)
                node.docker("rmi", name)


@contextmanager
def open_swarm() -> Iterator[Swarm]:
    """Yield a Swarm of two machines, and leave nothing of it."""
    wire = Wire()
    manager, worker = nodes = [Node(wire, 2), Node(wire, 3)]
    with ExitStack() as left:
        left.callback(wire.remove)
        wire.lay()
        directory = Path(left.enter_context(TemporaryDirectory(prefix="pks-registry-")))
        registry = left.enter_context(open_registry(directory, wire.host))
        for number, node in enumerate(nodes, 2):
            left.callback(node.remove)
            wire.connect(number)
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
    """Return the Swarm that all tests of a process share."""
    with open_swarm() as opened:
        opened.load(base_images.DEBIAN)
        yield opened


def _ip(*arguments: str) -> None:
    ended = subprocess.run(["ip", *arguments], check=False, capture_output=True)
    assert 0 == ended.returncode, (arguments, ended.stderr.decode())


def _iptables(do: str, table: str, *rule: str) -> None:
    command = ["iptables", "--wait", "--table", table, do, *rule]
    subprocess.run(command, check=True, capture_output=True)


def _namespaces() -> list[str]:
    told = subprocess.run(["ip", "netns", "list"], check=True, capture_output=True).stdout.decode()
    return [line.split()[0] for line in told.splitlines() if line]
