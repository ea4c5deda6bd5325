"""Secrets that are used in a deployment appear only where they are needed."""

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
from tests.acceptance.tools.apps import repository_of, server
from tests.acceptance.tools.canaries import (
    InstanceData,
    TransientDataRecorder,
    database_url,
    unread_output,
)
from tests.acceptance.tools.people import PATIENCE, Json, Person
from tests.acceptance.tools.variants import ON_SERVERS, on
from tests.engine.opened import DOCKER
from tests.served_instance import PASSWORD, ServedInstance
from tests.servers.notification_receivers import Receiver, open_http_receiver
from tests.servers.redis import RedisServer
from tests.swarm.opened import SWARM
from tests.webhook_deliveries import push

from pushpaka_core.adapters.files.instance_ids import read_instance_id
from pushpaka_core.adapters.security.key_file import make_cipher
from pushpaka_core.adapters.security.keys import KEY_FILE, PlatformKeys
from pushpaka_core.adapters.sql.storage import open_storage
from pushpaka_core.domain.accounts.access import PLATFORM
from pushpaka_core.domain.ids import ProjectId
from pushpaka_core.domain.integrations.webhooks import GitProvider as Kind
from pushpaka_core.testing.git_server import TOKEN, GitServer, open_git_server

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
class ExternalServices:
    """The services outside the instance that receive secrets."""

    git_server: GitServer
    receiver: Receiver
    redis: RedisServer | None


@pytest.fixture
def external_services(
    request: pytest.FixtureRequest, shared_instance: ServedInstance, repositories: Path
) -> Iterator[ExternalServices]:
    has_redis = "PUSHPAKA_REDIS_URL" in shared_instance.env
    redis = request.getfixturevalue("shared_redis") if has_redis else None
    with open_git_server(repositories) as git_server, open_http_receiver() as receiver:
        git_server.requires_token = True
        yield ExternalServices(git_server, receiver, redis)


@on(ON_SERVERS, DOCKER, SWARM)
@pytest.mark.timeout(300)
async def test_no_secret_leaks_outside_the_application(
    ann: Person,
    shared_instance: ServedInstance,
    repositories: Path,
    external_services: ExternalServices,
) -> None:
    """No table, file, response, message, command line, image or export contains a secret."""
    canary, control = (
        _text_with_special_characters("canary"),
        _text_with_special_characters("control"),
    )
    files = server("v1") | {"telltale.py": _TELLTALE}
    files["app.py"] = f"import telltale\nprint({control!r}, flush=True)\n" + files["app.py"]
    repository = repository_of(repositories / "shop", files)
    build = f"python3 telltale.py && echo {control.encode().hex()}"

    async with TransientDataRecorder.open(external_services.redis) as recorder:
        project = await ann.project(
            external_services.git_server.url, name="shop", git_token=TOKEN, build_command=build
        )
        given = await _store_secrets(ann, project, external_services.receiver, canary)
        async with ann.watch_log(await ann.begin(project)) as watch:
            begun = await watch.line()
        running = await ann.outcome(await ann.ask("GET", f"/deployments/{begun['deployment_id']}"))
        read = await ann.read(project, "/env/API_KEY")
        files["telltale.py"] += "\nsys.exit(f'It failed: {os.environ[\"API_KEY\"]}')\n"
        broken = repository.commit("Break it", files)
        delivery = push(Kind.GITLAB, "main", broken).of_repository(external_services.git_server.url)
        (failed_id,) = (await ann.deliver(given["webhook"], delivery))["deployment_ids"]
        failed = await ann.outcome(await ann.ask("GET", f"/deployments/{failed_id}"))
        with fail_after(PATIENCE):
            while len(external_services.receiver.received) < 2:
                await sleep(0.05)
        responses = await _api_responses(ann, project, running, failed)
        _write_control(shared_instance.directory, control, external_services.redis)
    secrets = {
        "environment variable": canary,
        "Git token": TOKEN,
        "notification URL": f"/{canary.encode().hex()}",
        "webhook secret": given["webhook"]["secret"],
        "notification secret": given["channel"]["secret"],
        "deploy key": await _private_key(shared_instance, project),
        "access token": ann.token,
        "API token": given["token"]["token"],
        "password": PASSWORD,
    }
    export = shared_instance.directory / "export"
    exported = await shared_instance.run("export", str(export))
    responses["export"] = gzip.decompress(export.read_bytes())
    responses["export's output"] = f"{exported.output}{exported.errors}".encode()

    instance_data = await to_thread.run_sync(
        InstanceData.of, shared_instance, database_url(shared_instance), recorder, responses
    )
    instance_id = await to_thread.run_sync(read_instance_id, shared_instance.data_directory)
    assert instance_id is not None
    unread = await to_thread.run_sync(unread_output, shared_instance, canary)
    await ann.ask("DELETE", f"/projects/{project['id']}")
    with fail_after(PATIENCE):
        while await to_thread.run_sync(unread_output, shared_instance, canary):
            await sleep(0.1)

    assert canary == read
    assert ("running", "failed") == (running["status"], failed["status"])
    assert "It failed: ***" in failed["error"]
    assert {} == {
        name: found for name, each in secrets.items() if (found := instance_data.places_with(each))
    }
    found = instance_data.places_with(control)
    assert {"argv", "table log_lines", "export", "/logs"} <= set(found)
    assert {f"{name} of the control" for name in ("base64", "address", "json")} <= {
        Path(name).name for name in found
    }
    assert (external_services.redis is not None) == ("redis" in found)
    labelled = {name.partition(" ")[0] for name in instance_data.places_with(instance_id.hex)}
    assert bool(shared_instance.engines) == ({"image", "container"} <= labelled)
    assert {0} >= set(unread)
    assert (0, 0) == prlimit(shared_instance.pid, RLIMIT_CORE)


def _text_with_special_characters(prefix: str) -> str:
    """Return a unique text with characters that encodings change."""
    return f'{prefix}/{uuid4().hex}+"x&y z~é'


async def _store_secrets(
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


async def _api_responses(ann: Person, project: Json, *deployments: Json) -> dict[str, bytes]:
    """Return the API's responses about the project, by path."""
    responses = {path: await ann.text(path) for path in _ROUTES}
    responses["/env"] = await ann.text(f"/env?project_id={project['id']}")
    responses["/login"] = await ann.text("/auth/login", {"email": "ann@example.org", "password": 7})
    responses["/logs"] = responses["/events"] = ""
    for deployment in deployments:
        responses["/logs"] += await ann.text(f"/logs/{deployment['id']}")
        responses["/events"] += await ann.text(f"/deployments/{deployment['id']}/events")
    return {path: text.encode() for path, text in responses.items()}


def _write_control(directory: Path, control: str, redis: RedisServer | None) -> None:
    """Write *control* in several encodings, to verify that the search finds them."""
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


async def _private_key(served_instance: ServedInstance, project: Json) -> str:
    """Return a line of the private deploy key, which the API never returns."""
    keys = PlatformKeys.parse(
        await AsyncPath(served_instance.data_directory / KEY_FILE).read_text()
    )
    cipher = make_cipher(keys)
    async with (
        open_storage(database_url(served_instance), migrate=False) as storage,
        storage.snapshot() as uow,
    ):
        kept = await uow.projects.visible_to(PLATFORM).get(ProjectId(UUID(project["id"])))
        key = await uow.deploy_keys.find(kept)
    assert key is not None
    return cipher.decrypt(key.private_key, context=key.secret_context).splitlines()[3]
