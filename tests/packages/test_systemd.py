"""The systemd units are valid and confined, and Pushpaka works in them."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.packages.booted import Machine, boot_machine
from tests.packages.components import ROOT
from tests.served_instance import PASSWORD

SYSTEMD = ROOT / "packaging" / "systemd"
PROBE = """\
import json, os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def tried(function, *arguments):
    try:
        function(*arguments)
    except OSError as error:
        return error.strerror
    return "done"


class Probe(BaseHTTPRequestHandler):
    def do_GET(self):
        body = {
            "uid": os.getuid(),
            "keys": tried(open, "/var/lib/pushpaka/keys.json"),
            "settings": tried(open, "/etc/pushpaka/pushpaka.env"),
            "homes": tried(os.listdir, "/root"),
            "the system": tried(open, "/usr/bin/mine", "w"),
            "the scratch": tried(open, "/tmp/mine", "w"),
            "others": len([name for name in os.listdir("/proc") if name.isdigit()]) > 9,
            "init": tried(open, "/proc/1/cmdline"),
        }
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())


ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Probe).serve_forever()
"""
ENV = """\
PUSHPAKA_HOST=0.0.0.0
PUSHPAKA_ROUTER_HOST=0.0.0.0
PUSHPAKA_ROUTER_PORT=8000
PUSHPAKA_ACCEPT_UNSANDBOXED=true
PUSHPAKA_LOCAL_REPO_ROOT=/srv
PUSHPAKA_DRAIN_TIMEOUT=1
PUSHPAKA_RUNTIME=process
"""


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """Return a directory with the units, changed to run Pushpaka from the tests' environment."""
    program = str(Path(sys.prefix) / "bin" / "pushpaka")
    for unit in SYSTEMD.glob("*.service"):
        text = unit.read_text().replace("/opt/pushpaka/bin/pushpaka", program)
        (tmp_path / unit.name).write_text(text)
    return tmp_path


@pytest.mark.needs("systemd")
@pytest.mark.parametrize(
    ("unit", "drop_in", "exposure"),
    [
        ("pushpaka", "", 36),
        ("pushpaka", "docker.conf", 34),
        ("pushpaka-worker", "", 36),
        ("pushpaka-api", "", 11),
    ],
)
def test_unit_is_valid_and_confined(unit: str, drop_in: str, exposure: int, units: Path) -> None:
    """Systemd accepts the unit, and rates its exposure no higher than the documented number."""
    file = units / f"{unit}.service"
    if drop_in:
        directory = units / f"{unit}.service.d"
        directory.mkdir()
        shutil.copy(SYSTEMD / drop_in, directory)

    verified = _analyze("verify", "--man=no", file)
    judged = _analyze("security", "--offline=true", f"--threshold={exposure}", file)

    assert (0, "") == (verified.returncode, verified.stderr)
    assert 0 == judged.returncode, judged.stdout


@pytest.fixture(scope="module")
def machine(own_image: str) -> Iterator[Machine]:
    with boot_machine(own_image) as machine:
        yield machine


@pytest.mark.needs("docker")
@pytest.mark.timeout(400)
def test_unit_serves_and_deploys(machine: Machine) -> None:
    """Applications are confined, have separate users, and survive a restart and a stop."""
    machine.run("mkdir -p /srv/probe && cat > /srv/probe/main.py", stdin=PROBE)
    machine.run("systemd-sysusers && systemd-tmpfiles --create")
    machine.run(
        "cat > /etc/pushpaka/pushpaka.env && chmod 640 /etc/pushpaka/pushpaka.env", stdin=ENV
    )
    machine.run(
        "cd /srv/probe && touch requirements.txt && git init -qb main && git add ."
        " && git -c user.name=Jane -c user.email=jane@example.com commit -qm Begin"
    )
    machine.run("systemctl start pushpaka")
    with machine.api() as api:
        deployment = _deploy(api)
        assert "running" == deployment["status"], f"{deployment['error']}\n{machine.journal()}"
        host = httpx.URL(deployment["url"]).netloc.decode()
        seen = json.loads(machine.visit(host).text)
        machine.run("systemctl restart pushpaka")
        while_it_begins = machine.visit(host).status_code
    with machine.api():
        machine.run("systemctl stop pushpaka")
    while_it_is_away = machine.visit(host).status_code
    listed = machine.run("ls /sys/fs/cgroup/memory/system.slice/pushpaka.service || true")

    assert seen["uid"] >= 30_000
    assert {
        "keys": "Permission denied",
        "settings": "Permission denied",
        "homes": "Permission denied",
        "the system": "Read-only file system",
        "the scratch": "done",
        "others": False,
        "init": "No such file or directory",
    } == {name: value for name, value in seen.items() if name != "uid"}
    assert (200, 200) == (while_it_begins, while_it_is_away)
    assert re.search(r"^pushpaka\.", listed, re.MULTILINE)


@pytest.mark.needs("docker")
def test_unit_with_containers_is_healthy(machine: Machine) -> None:
    """With the drop-in for the runtime `docker`, the database, engine and router are healthy."""
    machine.run(
        "systemctl stop pushpaka && set -a && . /etc/pushpaka/pushpaka.env && pushpaka down"
        " && mkdir -p /etc/systemd/system/pushpaka.service.d"
        " && cp /usr/share/doc/pushpaka/docker.conf /etc/systemd/system/pushpaka.service.d/"
        " && sed -i /RUNTIME/d /etc/pushpaka/pushpaka.env"
        " && echo PUSHPAKA_DATA_DIRECTORY=/var/lib/pushpaka/docker >> /etc/pushpaka/pushpaka.env"
        " && systemctl daemon-reload && systemctl start pushpaka"
    )
    with machine.api() as api:
        checks = api.get("/health").json()["checks"]
    machine.run("systemctl stop pushpaka")

    assert {"database": True, "docker": True, "router": True} == {
        name: checks[name] for name in ("database", "docker", "router")
    }


@pytest.mark.needs("docker")
def test_unit_of_the_api_needs_no_privileges(machine: Machine) -> None:
    """As the user `pushpaka`, the API serves the dashboard, and plans a cloned repository."""
    machine.run("mkdir -p /etc/systemd/system/pushpaka-api.service.d")
    machine.run(
        "cat > /etc/systemd/system/pushpaka-api.service.d/test.conf",
        stdin="[Service]\nEnvironmentFile=\nEnvironment=PUSHPAKA_HOST=0.0.0.0 PUSHPAKA_PORT=8090"
        " PUSHPAKA_ROUTER=none PUSHPAKA_RUNTIME=process PUSHPAKA_ACCEPT_UNSANDBOXED=true"
        " PUSHPAKA_LOCAL_REPO_ROOT=/srv\n",
    )
    machine.run("systemctl daemon-reload && systemctl start pushpaka-api")
    with machine.api(8090) as api:
        page = api.get(f"http://{machine.address}:8090/")
        project = _project(api)
        planned = api.post(f"/projects/{project['id']}/plan", json={})
        user = machine.run("stat -c %U /proc/$(systemctl show --value -p MainPID pushpaka-api)")

    assert (200, 200) == (page.status_code, planned.status_code), planned.text
    assert "pushpaka" == user


def _deploy(api: httpx.Client) -> dict[str, str]:
    project = _project(api)
    begun = api.post("/deployments", json={"project_id": project["id"]}).raise_for_status().json()
    while True:
        found: dict[str, str] = api.get(f"/deployments/{begun['id']}?wait=20").json()
        if found["status"] not in {"queued", "building", "deploying"}:
            return found


def _project(api: httpx.Client) -> dict[str, str]:
    person = {"email": "jane@example.com", "name": "Jane", "password": PASSWORD}
    token = api.post("/auth/register", json=person).raise_for_status().json()["token"]
    api.headers["Authorization"] = f"Bearer {token}"
    body = {"name": "probe", "repo_url": "/srv/probe", "memory_limit": 200}
    project: dict[str, str] = api.post("/projects", json=body).raise_for_status().json()
    return project


def _analyze(*arguments: "str | Path") -> "subprocess.CompletedProcess[str]":
    command = ["systemd-analyze", "--no-pager", *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True)
