"""A container that boots systemd, with Pushpaka and its units installed."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
from typing import Any

import httpx
from attrs import frozen
from tests.packages.components import ROOT
from tests.wait_until import wait_until

_UNWANTED = (
    *("console-getty", "dev-hugepages.mount", "getty.target", "kmod-static-nodes"),
    *("systemd-binfmt", "systemd-journal-flush", "systemd-logind", "systemd-modules-load"),
    *("systemd-network-generator", "systemd-random-seed", "systemd-remount-fs"),
    *("sys-fs-fuse-connections.mount", "systemd-sysctl"),
)
"""Units to leave out, such as those that configure the kernel, which is that of the host."""
_DOCKERFILE = """\
FROM {image}
USER root
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends systemd
COPY *.service /etc/systemd/system/
COPY docker.conf pushpaka.env /usr/share/doc/pushpaka/
COPY sysusers.conf /usr/lib/sysusers.d/pushpaka.conf
COPY tmpfiles.conf /usr/lib/tmpfiles.d/pushpaka.conf
RUN /usr/sbin/userdel pushpaka && systemctl mask {unwanted}
COPY boot /boot.sh
HEALTHCHECK NONE
ENTRYPOINT ["sh", "/boot.sh"]
"""
_BOOT = """\
for group in /sys/fs/cgroup /sys/fs/cgroup/*; do
    mountpoint -q "$group" && mount -o remount,bind,rw "$group"
done
unified=$([ -e /sys/fs/cgroup/cgroup.controllers ] && echo 1 || echo 0)
cmdline="SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1 systemd.unified_cgroup_hierarchy=$unified"
exec env -i container=docker SYSTEMD_PROC_CMDLINE="$cmdline" /lib/systemd/systemd
"""


@frozen
class Machine:
    """A container that has booted systemd."""

    name: str
    address: str

    def run(self, script: str, *, stdin: str = "") -> str:
        """Run a shell script as root, require that it succeeds, and return its output."""
        command = ["docker", "exec", "--interactive", self.name, "bash", "-euc", script]
        ended = subprocess.run(command, check=False, capture_output=True, text=True, input=stdin)
        assert 0 == ended.returncode, f"{ended.stderr}\n{self.journal()}"
        return ended.stdout.strip()

    def journal(self) -> str:
        """Return the last lines of the journal."""
        command = ["docker", "exec", self.name, "journalctl", "--no-pager", "--lines=40"]
        return subprocess.run(command, check=False, capture_output=True, text=True).stdout

    @contextmanager
    def api(self, port: int = 8080) -> Iterator[httpx.Client]:
        """Wait for an API on the machine, and yield a client of that API."""
        url = f"http://{self.address}:{port}/api/v1"
        with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
            wait_until(lambda: _responds(client), self.journal)
            yield client

    def visit(self, host: str) -> httpx.Response:
        """Request the application at *host* from the router on the machine."""
        url = f"http://{self.address}:8000/"
        return httpx.get(url, headers={"Host": host}, timeout=20, trust_env=False)


@contextmanager
def boot_machine(image: str) -> Iterator[Machine]:
    """Boot a machine with the programs of *image*, and remove the machine after the block."""
    name = f"pushpaka-test-{token_hex(3)}"
    with TemporaryDirectory() as directory:
        context = Path(directory)
        shutil.copytree(ROOT / "packaging" / "systemd", context, dirs_exist_ok=True)
        dockerfile = _DOCKERFILE.format(image=image, unwanted=" ".join(_UNWANTED))
        (context / "Dockerfile").write_text(dockerfile)
        (context / "boot").write_text(_BOOT)
        _docker("build", "--quiet", "--tag", name, str(context))
    try:
        _docker(
            *("run", "--detach", "--name", name, "--cap-add=ALL", "--cgroupns=private"),
            *("--security-opt=seccomp=unconfined", "--security-opt=apparmor=unconfined"),
            *("--security-opt=systempaths=unconfined", "--tmpfs=/run", "--tmpfs=/tmp:exec"),
            *("--volume=/var/run/docker.sock:/var/run/docker.sock", name),
        )
        described: Any = json.loads(_docker("inspect", name))[0]
        address = described["NetworkSettings"]["IPAddress"]
        machine = Machine(name, address)
        machine.run(
            "until systemctl is-system-running 2>&1 | grep -E 'running|degraded'; do :; done"
        )
        yield machine
    finally:
        for what in (("container", "rm", "--volumes"), ("image", "rm")):
            command = ["docker", *what, "--force", name]
            subprocess.run(command, check=False, capture_output=True)


def _responds(client: httpx.Client) -> bool:
    try:
        return client.get("/health").is_success
    except httpx.TransportError:
        return False


def _docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True)
    return done.stdout
