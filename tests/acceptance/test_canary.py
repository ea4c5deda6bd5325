"""Secrets go through a whole deployment, and are seen nowhere but where they do their work."""

import base64
import gzip
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from resource import RLIMIT_CORE, prlimit
from urllib.parse import quote
from uuid import UUID, uuid4

import pytest
from anyio import Path as AsyncPath
from anyio import fail_after, sleep, to_thread
from attrs import frozen
from tests.acceptance.apps import repository_of, server
from tests.acceptance.canaries import Ears, Places, database_url, unread_output
from tests.acceptance.people import PATIENCE, Json, Person
from tests.deliveries import push
from tests.receivers import Receiver, open_http_receiver
from tests.redis_server import RedisServer
from tests.served import PASSWORD, Served

from pushpaka_core.adapters.files.instance_ids import known_instance_id
from pushpaka_core.adapters.security.key_file import cipher_of
from pushpaka_core.adapters.security.keys import KEY_FILE, Keys
from pushpaka_core.adapters.sql.storage import open_storage
from pushpaka_core.domain.access import PLATFORM
from pushpaka_core.domain.projects import ProjectId
from pushpaka_core.domain.webhooks import Forge as Kind
from pushpaka_core.testing.forges import TOKEN, Forge, open_forge

pytestmark = [pytest.mark.anyio, pytest.mark.needs("traefik")]

_TELLTALE = """
import base64, json, os, sys, time, urllib.parse

def tell(secret):
    raw = secret.encode()
    spelt = [secret, json.dumps(secret), urllib.parse.quote(secret, safe=""), raw.hex()]
    for text in [*spelt, *(base64.b64encode(b"u" * n + raw).decode() for n in range(3))]:
        print(f"key={text};", flush=True)
        for part in (text[:7], text[7:], "\\n"):
            sys.stderr.write(part)
            sys.stderr.flush()

tell(os.environ["API_KEY"])
"""
_ROUTES = (
    *("/auth/me", "/tokens", "/projects", "/deployments", "/domains", "/webhooks"),
    *("/notifications", "/audit", "/system", "/health", "/ready", "/metrics", "/openapi.json"),
)


@frozen
class World:
    """Who knows secrets beside the instance: a forge, a service that is told, and a Redis."""

    forge: Forge
    receiver: Receiver
    redis: RedisServer | None


@pytest.fixture
def world(request: pytest.FixtureRequest, shared: Served, repositories: Path) -> Iterator[World]:
    has_redis = "PUSHPAKA_REDIS_URL" in shared.env
    redis = request.getfixturevalue("shared_redis") if has_redis else None
    with open_forge(repositories) as forge, open_http_receiver() as receiver:
        forge.wants_token = True
        yield World(forge, receiver, redis)


@pytest.mark.timeout(240)
async def test_no_secret_is_seen_but_where_it_works(
    ann: Person, shared: Served, repositories: Path, world: World
) -> None:
    """In no row, file, answer, command line, message, image or export, however it is spelt."""
    canary, control = _odd("canary"), _odd("control")
    files = server("v1") | {"telltale.py": _TELLTALE}
    files["app.py"] = f"import telltale\nprint({control!r}, flush=True)\n" + files["app.py"]
    repository = repository_of(repositories / "shop", files)
    build = f"python3 telltale.py && echo {control.encode().hex()}"

    async with Ears.open(world.redis) as ears:
        project = await ann.project(
            world.forge.url, name="shop", git_token=TOKEN, build_command=build
        )
        given = await _give_secrets(ann, project, world.receiver, canary)
        async with ann.watching(await ann.begin(project)) as watch:
            begun = await watch.line()
        running = await ann.outcome(await ann.ask("GET", f"/deployments/{begun['deployment_id']}"))
        read = await ann.read(project, "/env/API_KEY")
        files["telltale.py"] += "\nsys.exit(f'It failed: {os.environ[\"API_KEY\"]}')\n"
        delivery = push(Kind.GITLAB, "main", repository.commit("Break it", files))
        (failed_id,) = (await ann.deliver(given["webhook"], delivery))["deployment_ids"]
        failed = await ann.outcome(await ann.ask("GET", f"/deployments/{failed_id}"))
        with fail_after(PATIENCE):
            while len(world.receiver.received) < 2:
                await sleep(0.05)
        said = await _answers(ann, project, running, failed)
        _leave_traces(shared.directory, control, world.redis)
    secrets = {
        "env var": canary,
        "git token": TOKEN,
        "notification address": f"/{canary.encode().hex()}",
        "webhook secret": given["webhook"]["secret"],
        "notification secret": given["channel"]["secret"],
        "deploy key": await _private_key(shared, project),
        "access token": ann.token,
        "API token": given["token"]["token"],
        "password": PASSWORD,
    }
    export = shared.directory / "export"
    exported = await shared.run("export", str(export))
    said["export"] = gzip.decompress(export.read_bytes())
    said["export's words"] = f"{exported.output}{exported.errors}".encode()

    places = await to_thread.run_sync(Places.of, shared, database_url(shared), ears, said)
    instance_id = await to_thread.run_sync(known_instance_id, shared.data_directory)
    assert instance_id is not None
    unread = await to_thread.run_sync(unread_output, shared, canary)
    await ann.ask("DELETE", f"/projects/{project['id']}")
    with fail_after(PATIENCE):
        while await to_thread.run_sync(unread_output, shared, canary):
            await sleep(0.1)

    assert canary == read
    assert ("running", "failed") == (running["status"], failed["status"])
    assert "It failed: ***" in failed["error"]
    assert {} == {name: found for name, each in secrets.items() if (found := places.holding(each))}
    found = places.holding(control)
    assert {"argv", "table log_lines", "export", "/logs"} <= set(found)
    assert {f"{name} of the control" for name in ("base64", "address", "json")} <= {
        Path(name).name for name in found
    }
    assert (world.redis is not None) == ("redis" in found)
    labelled = {name.partition(" ")[0] for name in places.holding(instance_id.hex)}
    assert bool(shared.engines) == ({"image", "container"} <= labelled)
    assert {0} >= set(unread)
    assert (0, 0) == prlimit(shared.pid, RLIMIT_CORE)


def _odd(word: str) -> str:
    """Return something with characters that are spelt in other ways elsewhere."""
    return f'{word}/{uuid4().hex}+"x&y z~é'


async def _give_secrets(
    ann: Person, project: Json, receiver: Receiver, canary: str
) -> Mapping[str, Json]:
    project_id = project["id"]
    await ann.ask("POST", "/env", {"project_id": project_id, "key": "API_KEY", "value": canary})
    await ann.ask("POST", f"/projects/{project_id}/deploy-key")
    url = f"http://127.0.0.1:{receiver.port}/{canary.encode().hex()}"
    return {
        "token": await ann.ask("POST", "/tokens", {"name": "CI", "scope": "read"}),
        "channel": await ann.ask("POST", "/notifications", {"project_id": project_id, "url": url}),
        "webhook": await ann.ask(
            "POST", "/webhooks", {"project_id": project_id, "provider": "gitlab"}
        ),
    }


async def _answers(ann: Person, project: Json, *deployments: Json) -> dict[str, bytes]:
    """Return all that can be read of what has happened, by what was asked for."""
    said = {path: await ann.text(path) for path in _ROUTES}
    said["/env"] = await ann.text(f"/env?project_id={project['id']}")
    said["/login"] = await ann.text("/auth/login", {"email": "ann@example.org", "password": 7})
    said["/logs"] = said["/events"] = ""
    for deployment in deployments:
        said["/logs"] += await ann.text(f"/logs/{deployment['id']}")
        said["/events"] += await ann.text(f"/deployments/{deployment['id']}/events")
    return {path: text.encode() for path, text in said.items()}


def _leave_traces(directory: Path, control: str, redis: RedisServer | None) -> None:
    """Leave what is to be found, spelt in other ways."""
    spelt = {
        "base64": base64.b64encode(b"u:" + control.encode()).decode(),
        "address": quote(control, safe=""),
        "json": json.dumps({"key": control}),
    }
    for name, text in spelt.items():
        (directory / f"{name} of the control").write_text(text)
    if redis is not None:
        with redis.client() as client:
            client.set("control", control, ex=60)


async def _private_key(served: Served, project: Json) -> str:
    """Return what nobody is ever shown: a line of it that says who it is."""
    keys = Keys.parse(await AsyncPath(served.data_directory / KEY_FILE).read_text())
    cipher = cipher_of(keys)
    async with (
        open_storage(database_url(served), migrate=False) as storage,
        storage.snapshot() as uow,
    ):
        kept = await uow.projects.visible_to(PLATFORM).get(ProjectId(UUID(project["id"])))
        key = await uow.deploy_keys.find(kept)
    assert key is not None
    return cipher.decrypt(key.private_key, context=key.secret_context).splitlines()[3]
