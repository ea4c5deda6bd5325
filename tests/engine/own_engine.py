"""A separate Docker Engine for a test, which the test can kill, suspend and restart."""

import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from secrets import randbelow, token_hex
from signal import SIGCONT, SIGKILL, SIGTERM
from tempfile import mkdtemp

import psutil
from anyio import CancelScope, fail_after, open_process, run_process, sleep, to_thread
from anyio.abc import Process
from attrs import define, field
from tests.engine import base_images
from tests.suspension import suspend

_LIMIT_SECONDS = 60


@define(kw_only=True)
class OwnEngine:
    """A dockerd with its own containerd, data and default bridge.

    It sets no firewall rules, because they would have the same names as those of the shared engine
    and would replace them. Therefore, its containers can only reach this host.
    """

    directory: Path
    """The directory of the engine's files. Its path is short, because socket paths are limited."""
    bridge: str = field(factory=lambda: f"pkt{token_hex(4)}", init=False)
    pool: str = field(init=False)
    """The address range of the containers' networks."""
    _process: Process | None = field(default=None, init=False)

    @pool.default
    def _free_pool(self) -> str:
        return f"10.{215 + randbelow(32)}.{16 * randbelow(16)}.0/20"

    @property
    def settings(self) -> Mapping[str, str]:
        """Return the settings of a Pushpaka instance that uses the engine."""
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
        """The log of the engine, over all its starts."""
        return self._log.read_text()

    async def start(self) -> None:
        """Start the engine, and return once it responds."""
        with self._log.open("ab") as log:
            self._process = await open_process(self._command, stdout=log, stderr=log)
        with fail_after(_LIMIT_SECONDS):
            while not await self.is_responding():
                assert self._process.returncode is None, self.log
                await sleep(0.05)

    async def kill(self) -> None:
        """Kill the engine along with its containerd. Containers keep running."""
        containerd = await to_thread.run_sync(self._containerd)
        assert self._process is not None
        self._process.send_signal(SIGKILL)
        await self._process.wait()
        with suppress(psutil.NoSuchProcess):
            containerd.kill()
            await to_thread.run_sync(containerd.wait)
        for file in (self._pid_file, self._exec / "containerd" / "containerd.pid"):
            # Another process may have the same id by now, and then no engine would start.
            file.unlink(missing_ok=True)

    async def restart(self) -> None:
        """Stop the engine with SIGTERM, and start it again."""
        await self._end()
        await self.start()

    def pause(self) -> None:
        """Suspend the engine, so that it accepts connections but does not respond."""
        assert self._process is not None
        suspend(self._process.pid)

    def resume(self) -> None:
        """Resume the engine after `pause`."""
        assert self._process is not None
        self._process.send_signal(SIGCONT)

    async def revive(self) -> None:
        """Resume or start the engine, as needed."""
        if self._process is not None and self._process.returncode is None:
            self.resume()
        else:
            await self.start()

    async def is_responding(self) -> bool:
        """Return True if the engine responds."""
        return (await self._docker("version", check=False)).returncode == 0

    async def load(self, image: str) -> None:
        """Copy an image from the engine that tests share to this one."""
        await to_thread.run_sync(base_images.ensure, image)
        await run_process(f"docker save {image} | docker --host {self.url} load")

    async def clean_up(self) -> None:
        """Remove the engine with its containers, processes, files, bridge and firewall rules."""
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
        """Create the engine's default bridge. The shared engine already uses the name "docker0"."""
        address = f"10.214.{randbelow(256)}.1/24"
        await run_process(["ip", "link", "add", self.bridge, "type", "bridge"])
        await run_process(["ip", "address", "add", address, "dev", self.bridge])

    async def _remove_rules(self) -> None:
        """Remove the firewall rules for the bridge of the engine."""
        rules = (await run_process(["iptables", "--wait", "-S"])).stdout.decode().splitlines()
        for rule in rules:
            if self.bridge in rule:
                await run_process(["iptables", "--wait", "-D", *rule.split()[1:]])

    async def _end(self) -> None:
        assert self._process is not None
        self._process.send_signal(SIGTERM)
        with fail_after(_LIMIT_SECONDS):
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


def own_engine_unavailable_reason() -> str | None:
    """Return why no `OwnEngine` can be started here, or None."""
    return engines_unavailable_reason("ip", "iptables")


def engines_unavailable_reason(*programs: str) -> str | None:
    """Return why no dockerd that needs *programs* as well can be started here, or None."""
    if os.geteuid() != 0:
        return "only root can start an engine"
    wanted = ("dockerd", "containerd", *programs)
    missing = [name for name in wanted if shutil.which(name) is None]
    return f"there is no {missing[0]}" if missing else None


def unmount(directory: Path) -> None:
    """Unmount everything at or below *directory*."""
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for mount in sorted(mounts, reverse=True):
        if Path(mount).is_relative_to(directory):
            subprocess.run(["umount", "--lazy", mount], check=False)


@asynccontextmanager
async def open_own_engine(*images: str) -> AsyncIterator[OwnEngine]:
    """Yield an engine that has *images*, and remove the engine afterwards."""
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
