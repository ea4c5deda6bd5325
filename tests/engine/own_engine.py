"""An engine of a test's own, which may be killed and stopped, beside the one that all share."""

import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from secrets import randbelow, token_hex
from signal import SIGCONT, SIGKILL, SIGSTOP, SIGTERM
from tempfile import mkdtemp

import psutil
from anyio import CancelScope, fail_after, open_process, run_process, sleep, to_thread
from anyio.abc import Process
from attrs import define, field
from tests.engine import base_images

_PATIENCE = 60


@define(kw_only=True)
class OwnEngine:
    """
    A dockerd with its own containerd, data and default bridge.

    It sets no rules of the firewall: those of the shared engine have the same names, and whoever
    starts last throws the others' away. So its containers reach nobody, which tests can do without.
    """

    directory: Path
    """Has a short name: sockets are in it."""
    bridge: str = field(factory=lambda: f"pkt{token_hex(4)}", init=False)
    pool: str = field(init=False)
    """The addresses of its containers, which no other engine of this host has."""
    _process: Process | None = field(default=None, init=False)

    @pool.default
    def _pool(self) -> str:
        return f"10.{215 + randbelow(32)}.{16 * randbelow(16)}.0/20"

    @property
    def settings(self) -> Mapping[str, str]:
        """Return what tells an instance to use it."""
        return {
            "PUSHPAKA_RUNTIME": "docker",
            "PUSHPAKA_DOCKER_URL": self.url,
            "PUSHPAKA_NETWORK_POOL": self.pool,
        }

    @property
    def url(self) -> str:
        return f"unix://{self.directory}/docker.sock"

    @property
    def log(self) -> str:
        """What it has printed, over all its starts."""
        return self._log.read_text()

    async def start(self) -> None:
        """Start it, and return once it answers."""
        with self._log.open("ab") as log:
            self._process = await open_process(self._command, stdout=log, stderr=log)
        with fail_after(_PATIENCE):
            while not await self.answers():
                assert self._process.returncode is None, self.log
                await sleep(0.05)

    async def kill(self) -> None:
        """Kill it with its containerd; what runs in containers is left to itself."""
        containerd = await to_thread.run_sync(self._containerd)
        assert self._process is not None
        self._process.send_signal(SIGKILL)
        await self._process.wait()
        with suppress(psutil.NoSuchProcess):
            containerd.kill()
            await to_thread.run_sync(containerd.wait)
        for file in (self._pid_file, self._exec / "containerd" / "containerd.pid"):
            # Another process may bear the number by now, and then no engine would start.
            file.unlink(missing_ok=True)

    async def restart(self) -> None:
        """End it as a host's operator does, and start it again."""
        await self._end()
        await self.start()

    def pause(self) -> None:
        """Let it hang: it takes connections and answers nothing."""
        assert self._process is not None
        self._process.send_signal(SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        assert self._process is not None
        self._process.send_signal(SIGCONT)

    async def revive(self) -> None:
        """Let it answer again, whatever was done to it."""
        if self._process is not None and self._process.returncode is None:
            self.resume()
        else:
            await self.start()

    async def answers(self) -> bool:
        """Tell whether it does."""
        return (await self._docker("version", check=False)).returncode == 0

    async def load(self, image: str) -> None:
        """Copy an image from the engine that everybody shares."""
        await to_thread.run_sync(base_images.ensure, image)
        await run_process(f"docker save {image} | docker --host {self.url} load")

    async def clean_up(self) -> None:
        """Leave nothing of it: no container, process, mount, file or bridge."""
        await self.revive()
        containers = (await self._docker("ps", "--all", "--quiet")).stdout.decode().split()
        if containers:
            await self._docker("rm", "--force", "--volumes", *containers)
        await self._docker("network", "prune", "--force")
        await self._end()
        await to_thread.run_sync(self._remove_files)
        await run_process(["ip", "link", "delete", self.bridge])
        await self._remove_rules()

    async def prepare(self) -> None:
        """Make the bridge of its default network, whose usual name is the shared engine's."""
        address = f"10.214.{randbelow(256)}.1/24"
        await run_process(["ip", "link", "add", self.bridge, "type", "bridge"])
        await run_process(["ip", "address", "add", address, "dev", self.bridge])

    async def _remove_rules(self) -> None:
        """Remove what the firewall was told of the bridge."""
        rules = (await run_process(["iptables", "--wait", "-S"])).stdout.decode().splitlines()
        for rule in rules:
            if self.bridge in rule:
                await run_process(["iptables", "--wait", "-D", *rule.split()[1:]])

    async def _end(self) -> None:
        assert self._process is not None
        self._process.send_signal(SIGTERM)
        with fail_after(_PATIENCE):
            await self._process.wait()

    async def _docker(
        self, *arguments: str, check: bool = True
    ) -> "subprocess.CompletedProcess[bytes]":
        return await run_process(["docker", "--host", self.url, *arguments], check=check)

    def _containerd(self) -> psutil.Process:
        assert self._process is not None
        dockerd = psutil.Process(self._process.pid)
        return next(one for one in dockerd.children() if one.name() == "containerd")

    def _remove_files(self) -> None:
        unmount(self.directory)
        shutil.rmtree(self.directory)

    @property
    def _command(self) -> Sequence[str]:
        return [
            "dockerd",
            *("--host", self.url, "--bridge", self.bridge, "--pidfile", str(self._pid_file)),
            *("--data-root", str(self.directory / "data"), "--exec-root", str(self._exec)),
            *("--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false"),
            "--shutdown-timeout=5",
        ]

    @property
    def _exec(self) -> Path:
        return self.directory / "exec"

    @property
    def _pid_file(self) -> Path:
        return self.directory / "docker.pid"

    @property
    def _log(self) -> Path:
        return self.directory / "dockerd.log"


def lacks_own_engine() -> str | None:
    """Say why no engine can be started here."""
    return lacks_engines("ip", "iptables")


def lacks_engines(*programs: str) -> str | None:
    """Say why none can be started here by the help of *programs*."""
    if os.geteuid() != 0:
        return "only root can start an engine"
    wanted = ("dockerd", "containerd", *programs)
    missing = [name for name in wanted if shutil.which(name) is None]
    return f"there is no {missing[0]}" if missing else None


def unmount(directory: Path) -> None:
    """Unmount all that is mounted at *directory*, or below it."""
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for mount in sorted(mounts, reverse=True):
        if Path(mount).is_relative_to(directory):
            subprocess.run(["umount", "--lazy", mount], check=False)


@asynccontextmanager
async def open_own_engine(*images: str) -> AsyncIterator[OwnEngine]:
    """Yield an engine that has *images*, and leave nothing of it."""
    engine = OwnEngine(directory=Path(mkdtemp(prefix="pkt-")))
    await engine.prepare()
    try:
        await engine.start()
        for image in images:
            await engine.load(image)
        yield engine
    finally:
        with CancelScope(shield=True):
            await engine.clean_up()
