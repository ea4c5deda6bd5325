"""Programs of a project cannot connect to the platform's ports."""

import json
import os
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import anyio
import pytest
from anyio import to_thread
from anyio.abc import SocketAttribute
from attrs import evolve, frozen
from httpx import AsyncClient
from tests.machine.file_descriptors import no_descriptor_left
from tests.served_instance import PASSWORD, UNSET, ServedInstance, open_served

from pushpaka_core.adapters.files.first_start_choices import FirstStartChoices
from pushpaka_core.adapters.files.instance_ids import read_instance_id
from pushpaka_core.adapters.iptables import packet_filters
from pushpaka_core.adapters.iptables.packet_filters import port_filter
from pushpaka_core.bootstrap.platform_ports import platform_ports
from pushpaka_core.settings.settings import Settings
from pushpaka_core.testing.repositories import Repository

pytestmark = pytest.mark.anyio

needs_iptables = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("iptables") is None, reason="needs root and iptables"
)
UIDS = range(30_000, 60_000)
REACHING = """\
import json, os, socket, urllib.error, urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Reaching(BaseHTTPRequestHandler):
    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = registered(asked) if "router" in asked else reached(*asked["place"])
        body = str(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.send_response(200)
        self.end_headers()


def reached(host, port):
    try:
        socket.create_connection((host, port), timeout=5).close()
    except OSError as error:
        return type(error).__name__
    return "connected"


def registered(asked):
    headers = {"Host": "api.localhost", "Content-Type": "application/json"}
    request = urllib.request.Request(
        f"http://127.0.0.1:{asked['router']}/api/v1/auth/register",
        json.dumps(asked["person"]).encode(), headers,
    )
    try:
        return urllib.request.urlopen(request, timeout=10).status
    except urllib.error.HTTPError as error:
        return error.code


ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Reaching).serve_forever()
"""


@frozen
class Application:
    """A deployed program that connects to the addresses in requests."""

    served_instance: ServedInstance
    url: str

    async def connect(self, host: str, port: int) -> str:
        """Let the program try to connect, and return `connected` or the name of the error."""
        return await self._post({"place": [host, port]})

    async def register(self, email: str) -> str:
        """Let the program try to sign up through the router, and return the status."""
        person = {"email": email, "name": "Eve", "password": PASSWORD}
        return await self._post({"router": self.served_instance.router_port, "person": person})

    async def _post(self, body: dict[str, Any]) -> str:
        headers = {"Host": self.url.removeprefix("http://")}
        url = f"http://127.0.0.1:{self.served_instance.router_port}"
        async with AsyncClient(timeout=30, trust_env=False) as http:
            return (await http.post(url, content=json.dumps(body), headers=headers)).text


@needs_iptables
@pytest.mark.timeout(300)
@pytest.mark.needs("traefik")
async def test_an_application_cannot_connect_to_the_ports_of_the_platform() -> None:
    """Firewall rules cover IPv4 and IPv6, and survive a restart. `down` removes the rules."""
    async with open_served() as served:
        await served.start()
        application = await _deploy(served)
        choices = json.loads((served.data_directory / "choices.json").read_text())
        internal, page = choices["router_internal_port"], choices["router_page_port"]
        async with (
            _listen("127.0.0.1") as other,
            _listen("::1", served.port),
            _listen(_own_address(), served.port),
        ):
            reached = {
                place: await application.connect(*place)
                for place in (
                    ("127.0.0.1", served.port),
                    ("::1", served.port),
                    ("::ffff:127.0.0.1", served.port),
                    (_own_address(), served.port),
                    ("127.0.0.1", internal),
                    ("127.0.0.1", page),
                    ("127.0.0.1", other),
                    ("127.0.0.1", served.router_port),
                )
            }
        await served.stop()
        await served.start()
        again = await application.connect("127.0.0.1", served.port)
        id_ = await to_thread.run_sync(read_instance_id, served.data_directory)
        assert id_ is not None
        before = _rules(id_)
        await served.stop()
        down = await served.run("down")
        after = _rules(id_)

    assert [*["ConnectionRefusedError"] * 6, "connected", "connected"] == [*reached.values()]
    assert "ConnectionRefusedError" == again
    assert 0 == down.code, down.errors
    assert before
    assert [] == after


@pytest.mark.needs("traefik")
async def test_an_application_cannot_sign_up_through_the_router() -> None:
    async with open_served(PUSHPAKA_REGISTRATION=UNSET) as served:
        await served.start()
        application = await _deploy(served)

        through_the_router = await application.register("eve@example.com")
        await served.sign_up("bob@example.com")

    assert "403" == through_the_router


@needs_iptables
async def test_rules_are_installed_once_and_again_after_a_flush() -> None:
    """Applying rules again adds no duplicates, and removing them keeps those of other instances."""
    id_, other_id = uuid4(), uuid4()
    first, second = (port_filter(id_, uids=UIDS, ports={port, 70}) for port in (80, 81))
    other = port_filter(other_id, uids=UIDS, ports={80})
    try:
        await other.apply()
        before = _rules(id_, other_id)
        await first.apply()
        await port_filter(id_, uids=UIDS, ports={80, 70}).apply()
        once = _rules(id_, other_id)
        await second.apply()
        changed = _rules(id_, other_id)
        chain = next(rule.split()[1] for rule in once if rule not in before and "70" in rule)
        await anyio.run_process(["iptables", "--wait", "-F", chain])
        await port_filter(id_, uids=UIDS, ports={81, 70}).apply()
        repaired = _rules(id_, other_id)
    finally:
        await first.remove()
        await first.remove()
        after = _rules(id_, other_id)
        await other.remove()

    assert 2 * (2 + 2) == len(once) - len(before)
    assert len(once) == len(changed)
    assert sorted(changed) == sorted(repaired)
    assert before == after


async def test_a_host_without_iptables_is_logged_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(packet_filters, "_SEARCH_PATH", str(tmp_path))
    now = [0.0]
    wall = evolve(port_filter(uuid4(), uids=UIDS, ports={80}), now=lambda: now[0])

    await wall.apply()
    now[0] += 61
    await wall.apply()

    assert 1 == caplog.text.count("Install iptables")


async def test_a_failed_start_of_iptables_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """A failure is logged instead of raised, so the platform and deployments continue."""
    wall = port_filter(uuid4(), uids=UIDS, ports={80})

    with no_descriptor_left():
        await wall.apply()

    assert "could not be installed" in caplog.text


@pytest.mark.parametrize(
    ("settings", "ports"),
    [
        ({}, {8080}),
        ({"host": "0.0.0.0", "port": 9000}, {9000}),
        ({"api_urls": ("http://127.0.0.1:81", "http://203.0.113.1:82", "http://[::1]")}, {80, 81}),
        ({"database_url": "postgresql://me:a%40b@localhost/pushpaka"}, {8080, 5432}),
        ({"database_url": "postgresql://me@127.0.0.1:1,[::1]:2,203.0.113.1:3/x"}, {8080, 1, 2}),
        ({"database_url": "postgresql:///x?host=/run/postgresql"}, {8080}),
        ({"database_url": "sqlite:////a:1/b", "redis_url": "unix:///run/redis"}, {8080}),
        ({"redis_url": "redis://:hush@127.0.0.1"}, {8080, 6379}),
        ({"redis_url": "rediss://nobody.invalid:7000/0"}, {8080}),
    ],
)
def test_the_ports_of_the_platform_are_those_on_this_host(
    settings: dict[str, Any], ports: set[int]
) -> None:
    choices = FirstStartChoices(
        node="n",
        data_directory_id="h",
        place="p",
        router_port=8000,
        router_internal_port=3,
        router_page_port=4,
        router_gate_port=5,
    )

    assert ports | {3, 4, 5} == platform_ports(Settings(**settings), choices)


async def _deploy(served_instance: ServedInstance) -> Application:
    repository = await to_thread.run_sync(
        Repository.create, served_instance.repositories / "reaching"
    )
    files = {"requirements.txt": "", "Procfile": "web: python reach.py", "reach.py": REACHING}
    await to_thread.run_sync(repository.commit, "Begin", files)
    async with served_instance.api(await served_instance.sign_up()) as api:
        body = {"name": "Reaching", "repo_url": str(repository.path)}
        project = (await api.post("/projects", json=body)).json()
        deployment = await served_instance.deploy(api, project["id"])
    assert "running" == deployment["status"], deployment["error"]
    return Application(served_instance, project["url"])


@asynccontextmanager
async def _listen(host: str, port: int = 0) -> AsyncIterator[int]:
    async with await anyio.create_tcp_listener(local_host=host, local_port=port) as listener:
        yield listener.extra(SocketAttribute.local_port)  # noqa: S610 - it is no database


def _own_address() -> str:
    """Return an address of this machine other than loopback, without sending a packet."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("203.0.113.1", 9))
        return str(probe.getsockname()[0])


def _rules(*instance_ids: UUID) -> list[str]:
    """Return the IPv4 and IPv6 firewall rules of the given instances, but not of others."""
    listed = [
        subprocess.run([program, "--wait", "-S"], check=True, capture_output=True, text=True)
        for program in ("iptables", "ip6tables")
    ]
    chains = [f"pushpaka-{id_.hex[:16]}" for id_ in instance_ids]
    lines = [line for each in listed for line in each.stdout.splitlines()]
    return [line for line in lines if any(chain in line for chain in chains)]
