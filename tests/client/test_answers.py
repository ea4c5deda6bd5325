"""Tests that every client method decodes a real response of the API."""

import re
from collections.abc import Mapping
from contextlib import aclosing
from inspect import isasyncgen
from operator import attrgetter
from typing import Any, get_origin

import httpx
import pytest
from litestar import Litestar
from tests.client.operations import methods
from tests.http.clients import BASE_URL, PASSWORD, REPO, UNLIMITED, Person, speaking_to
from tests.http.instances import shared_app
from tests.http.operations import Operation, create_resources, rows

from pushpaka_core.domain.accounts.access import PLATFORM
from pushpaka_core.domain.accounts.users import Role
from pushpaka_http.base_path import BASE_PATH
from pushpaka_http.client import AsyncClient, Ready, RetryPolicy
from pushpaka_http.schemas.logs import DeploymentLogResponse

pytestmark = pytest.mark.anyio

METHODS = {method.key: method for method in methods()}
SIGNED = "POST /webhooks/{webhook_id}/receive"
"""An operation that only a Git provider can call, because the request must be signed."""
OPERATIONS = [row for row in rows() if row.path.startswith(BASE_PATH) and row.name != SIGNED]
STREAMED = {"logs.follow": DeploymentLogResponse, "events.follow": Ready, "volumes.download": bytes}
FIRST = "POST /deployments/{deployment_id}/cancel"
"""An operation that runs first, because it works only until another deployment is queued."""
LEAVE = "DELETE /projects/{project_id}/members/{user_id}"
OTHERS = {
    "DELETE /invitations/{invitation_id}": {"invitation_id": "other_invitation_id"},
    "DELETE /projects/{project_id}": {"project_id": "stopped_project_id"},
    LEAVE: {"user_id": "own_id"},
    "DELETE /projects/{project_id}/env/{key}": {"key": "other_key"},
    "DELETE /snapshots/{snapshot_id}": {"snapshot_id": "other_snapshot_id"},
}
"""Other resources for operations whose usual resource is gone or in use after earlier ones."""
LAST = (
    "POST /projects/{project_id}/transfer",
    LEAVE,
    "DELETE /projects/{project_id}",
    "POST /auth/password",
    "POST /auth/logout",
    "POST /auth/register",
)
"""Operations that run last, because they remove resources or sign in as another user."""


async def test_every_method_returns_its_object() -> None:
    """The response is decoded as the declared type of the method."""
    client_app = shared_app(UNLIMITED)
    instance, app = client_app.clear(), client_app.app
    async with speaking_to(app) as http:
        person = await Person.register(http, "ann@example.com")
        await instance.services.accounts.set_role(PLATFORM, "ann@example.com", Role.ADMIN)
        resource_ids = await create_resources(instance, person)
        resource_ids |= {"own_id": person.user["id"], "other_key": "OTHER"}
        env_var = {
            "project_id": resource_ids["project_id"],
            "key": resource_ids["other_key"],
            "value": "1",
        }
        await person.post("/env", env_var)
        other_snapshot = await person.post(f"/volumes/{resource_ids['volume_id']}/snapshots")
        resource_ids["other_snapshot_id"] = other_snapshot.json()["id"]
        await instance.take_snapshots()
        await instance.say(resource_ids["older_deployment_id"], "Hello.")
    async with _client(app) as guest:
        await guest.auth.register(email="bob@example.com", name="Bob", password=PASSWORD)
        orchard = await guest.projects.create(name="orchard", repo_url=REPO)
        offered = await guest.members.invite(orchard.id, email="ann@example.com", role="viewer")
        resource_ids["other_invitation_id"] = str(offered.id)
    async with _client(app, person.token) as client:
        for operation in sorted(OPERATIONS, key=_harmfulness):
            method = METHODS[operation.method, re.sub(r"{\w+}", "{}", operation.path)]

            answer = await _method_result(client, method.name, operation, resource_ids)

            promised = STREAMED.get(method.name, method.returns)
            assert isinstance(answer, get_origin(promised) or promised), operation.name


def _client(app: Litestar, token: str | None = None) -> AsyncClient:
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type]  # Litestar's ASGI is its own
    return AsyncClient(
        BASE_URL, token=token, transport=transport, retry_policy=RetryPolicy(total_seconds=0)
    )


async def _method_result(
    client: AsyncClient, name: str, operation: Operation, resource_ids: Mapping[str, str]
) -> Any:
    """Return the result of the method for *operation*, or the first item of its stream."""
    stands_for = {**operation.of, **OTHERS.get(operation.name, {})}
    meant = {**resource_ids, **{name: resource_ids[of] for name, of in stands_for.items()}}
    ids = [meant[name] for name in re.findall(r"{(\w+)}", operation.path)]
    given: dict[str, Any] = {**operation.query, **(operation.body or {})}
    if operation.content is not None:
        given["content"] = operation.content
    filled = {
        name: value.format_map(meant) if isinstance(value, str) else value
        for name, value in given.items()
    }
    asked = attrgetter(name)(client)(*ids, **filled)
    if not isasyncgen(asked):
        return await asked
    async with aclosing(asked) as stream:
        return await anext(stream)


def _harmfulness(operation: Operation) -> tuple[int, bool]:
    if operation.name == FIRST:
        return -1, False
    harm = LAST.index(operation.name) + 1 if operation.name in LAST else 0
    return harm, operation.method == "DELETE"
