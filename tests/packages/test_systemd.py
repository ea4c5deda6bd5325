"""The units of systemd: that they are well-formed, what they close, and that Pushpaka bears it."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.packages.booted import Machine, booted
from tests.packages.places import ROOT
from tests.served import PASSWORD

SYSTEMD = ROOT / "packaging" / "systemd"
EXPOSURE = {"pushpaka": 36, "pushpaka-worker": 36, "pushpaka-api": 11}
"""Tenths of what `systemd-analyze security` gives: 100 where nothing is closed, 0 where all is."""
SIGHT = """\
import json, os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def tried(function, *arguments):
    try:
        function(*arguments)
    except OSError as error:
        return error.strerror
    return "done"


class Sight(BaseHTTPRequestHandler):
    def do_GET(self):
        told = {
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
        self.wfile.write(json.dumps(told).encode())


ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Sight).serve_forever()
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
    """Return a directory of the units, with the program of this environment."""
    program = str(Path(sys.prefix) / "bin" / "pushpaka")
    for unit in SYSTEMD.glob("*.service"):
        text = unit.read_text().replace("/opt/pushpaka/bin/pushpaka", program)
        (tmp_path / unit.name).write_text(text)
    return tmp_path


@pytest.mark.needs("systemd")
@pytest.mark.parametrize("unit", EXPOSURE)
def test_a_unit_is_understood_and_closes_what_it_can(unit: str, units: Path) -> None:
    """No word of it is passed over, and no more is left open than is said in the docs."""
    file = units / f"{unit}.service"

    verified = _analyze("verify", "--man=no", file)
    judged = _analyze("security", "--offline=true", f"--threshold={EXPOSURE[unit]}", file)

    assert (0, "") == (verified.returncode, verified.stderr)
    assert 0 == judged.returncode, judged.stdout
    shown = (ROOT / "docs" / "systemd.md").read_text()
    assert f"| `{unit}.service` | {EXPOSURE[unit] / 10} |" in shown


@pytest.mark.needs("systemd")
def test_with_containers_more_is_closed(units: Path) -> None:
    """What programs of this machine would have to bear, the worker alone can."""
    drop_ins = units / "pushpaka.service.d"
    drop_ins.mkdir()
    shutil.copy(SYSTEMD / "docker.conf", drop_ins)

    judged = _analyze("security", "--offline=true", "--threshold=34", units / "pushpaka.service")

    assert 0 == judged.returncode, judged.stdout
    assert "| with `docker.conf` | 3.4 |" in (ROOT / "docs" / "systemd.md").read_text()


def test_both_units_that_deploy_close_the_same() -> None:
    """They differ in what they run, and in what they wait for."""
    serve, worker = (_lines(f"{unit}.service") for unit in ("pushpaka", "pushpaka-worker"))

    differing = serve ^ worker
    assert {"Description", "After", "ExecStart", "TimeoutStopSec"} >= {
        line.partition("=")[0] for line in differing if not line.startswith("#")
    }


def test_the_example_of_settings_has_no_secret() -> None:
    """Whoever copies it is told how to make their own."""
    lines = (SYSTEMD / "pushpaka.env").read_text().splitlines()

    assert ["PUSHPAKA_STAGE=production"] == [line for line in lines if line[:1] != "#"]


@pytest.fixture(scope="module")
def machine(own_image: str) -> Iterator[Machine]:
    with booted(own_image) as machine:
        yield machine


@pytest.mark.needs("docker")
@pytest.mark.timeout(400)
def test_it_serves_and_deploys_within_what_its_unit_leaves_open(machine: Machine) -> None:
    """Applications see as little, each has a user, and outlive a stop and a restart."""
    machine.run("mkdir -p /srv/sight && cat > /srv/sight/main.py", stdin=SIGHT)
    machine.run("systemd-sysusers && systemd-tmpfiles --create")
    machine.run(
        "cat > /etc/pushpaka/pushpaka.env && chmod 640 /etc/pushpaka/pushpaka.env", stdin=ENV
    )
    machine.run(
        "cd /srv/sight && touch requirements.txt && git init -qb main && git add ."
        " && git -c user.name=Jane -c user.email=jane@example.com commit -qm Begin"
    )
    machine.run("systemctl start pushpaka")
    with machine.api() as api:
        deployment = _deployed(api)
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
    } == {name: told for name, told in seen.items() if name != "uid"}
    assert (200, 200) == (while_it_begins, while_it_is_away)
    assert re.search(r"^pushpaka\.", listed, re.MULTILINE)


@pytest.mark.needs("docker")
def test_with_containers_it_bears_what_is_closed_then(machine: Machine) -> None:
    """The engine, the router and the database are well; applications are not its children."""
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
def test_the_api_alone_needs_no_right_at_all(machine: Machine) -> None:
    """People sign up, look at the dashboard, and have a repository looked at, as it clones it."""
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


def _deployed(api: httpx.Client) -> dict[str, str]:
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
    body = {"name": "sight", "repo_url": "/srv/sight", "memory_limit": 200}
    project: dict[str, str] = api.post("/projects", json=body).raise_for_status().json()
    return project


def _lines(unit: str) -> set[str]:
    return set((SYSTEMD / unit).read_text().splitlines())


def _analyze(*arguments: "str | Path") -> "subprocess.CompletedProcess[str]":
    command = ["systemd-analyze", "--no-pager", *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True)
