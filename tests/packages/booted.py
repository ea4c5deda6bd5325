"""A machine that systemd has booted, in a container, with what is installed for it."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import Any

import httpx
from attrs import frozen
from tests.packages.places import ROOT

_UNWANTED = (
    *("console-getty", "dev-hugepages.mount", "getty.target", "kmod-static-nodes"),
    *("systemd-binfmt", "systemd-journal-flush", "systemd-logind", "systemd-modules-load"),
    *("systemd-network-generator", "systemd-random-seed", "systemd-remount-fs"),
    *("sys-fs-fuse-connections.mount", "systemd-sysctl"),
)
"""What would see to the kernel, which is not the container's alone."""
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
    """One that is up."""

    name: str
    address: str

    def run(self, script: str, *, stdin: str = "") -> str:
        """Run a script as root, and return what it prints."""
        command = ["docker", "exec", "--interactive", self.name, "bash", "-euc", script]
        ended = subprocess.run(command, check=False, capture_output=True, text=True, input=stdin)
        assert 0 == ended.returncode, f"{ended.stderr}\n{self.journal()}"
        return ended.stdout.strip()

    def journal(self) -> str:
        """Return what services have said last."""
        command = ["docker", "exec", self.name, "journalctl", "--no-pager", "--lines=40"]
        return subprocess.run(command, check=False, capture_output=True, text=True).stdout

    @contextmanager
    def api(self, port: int = 8080) -> Iterator[httpx.Client]:
        """Yield a client of an API on the machine, once it answers."""
        url = f"http://{self.address}:{port}/api/v1"
        with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
            deadline = monotonic() + 60
            while not _answers(client):
                assert monotonic() < deadline, self.journal()
                sleep(0.2)
            yield client

    def visit(self, host: str) -> httpx.Response:
        """Ask the router for an application."""
        url = f"http://{self.address}:8000/"
        return httpx.get(url, headers={"Host": host}, timeout=20, trust_env=False)


@contextmanager
def booted(image: str) -> Iterator[Machine]:
    """Boot a machine that has the image's programs, and leave nothing of it."""
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


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/health").is_success
    except httpx.TransportError:
        return False


def _docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True)
    return done.stdout
