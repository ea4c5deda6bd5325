"""Every method, as it is answered by the API itself."""

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
from tests.http.instances import Instance
from tests.http.operations import Operation, holdings, rows

from pushpaka_core.domain.access import PLATFORM
from pushpaka_core.domain.users import Role
from pushpaka_http.app import create_app
from pushpaka_http.base_path import BASE_PATH
from pushpaka_http.client import AsyncClient, Ready, Retries
from pushpaka_http.schemas.logs import DeploymentLogResponse

pytestmark = pytest.mark.anyio

METHODS = {method.key: method for method in methods()}
SIGNED = "POST /webhooks/{webhook_id}/receive"
"""What nobody but a forge can ask for."""
OPERATIONS = [row for row in rows() if row.path.startswith(BASE_PATH) and row.name != SIGNED]
STREAMED = {"logs.follow": DeploymentLogResponse, "events.follow": Ready}
FIRST = "POST /deployments/{deployment_id}/cancel"
"""What is possible until another one is queued."""
LEAVE = "DELETE /projects/{project_id}/members/{user_id}"
OTHERS = {
    "DELETE /invitations/{invitation_id}": {"invitation_id": "other_invitation_id"},
    "DELETE /projects/{project_id}": {"project_id": "stopped_project_id"},
    LEAVE: {"user_id": "own_id"},
}
"""What is asked of something else than usual, as that is used up before."""
LAST = (
    "POST /projects/{project_id}/transfer",
    LEAVE,
    "DELETE /projects/{project_id}",
    "POST /auth/password",
    "POST /auth/logout",
    "POST /auth/register",
)
"""What takes away what others need, or makes the client somebody else."""


async def test_every_answer_is_read_as_what_it_is() -> None:
    """Each operation is asked for by its method, and answered with the object that it promises."""
    instance = Instance.empty()
    app = create_app(instance.application, limits=UNLIMITED)
    async with speaking_to(app) as http:
        person = await Person.registered(http, "ann@example.com")
        await instance.world.accounts.set_role(PLATFORM, "ann@example.com", Role.ADMIN)
        things = await holdings(instance, person)
        things["own_id"] = person.user["id"]
        await instance.say(things["older_deployment_id"], "Hello.")
    async with _client(app) as guest:
        await guest.auth.login(email="guest@example.com", password=PASSWORD)
        orchard = await guest.projects.create(name="orchard", repo_url=REPO)
        offered = await guest.members.invite(orchard.id, email="ann@example.com", role="viewer")
        things["other_invitation_id"] = str(offered.id)
    async with _client(app, person.token) as client:
        for operation in sorted(OPERATIONS, key=_harm):
            method = METHODS[operation.method, re.sub(r"{\w+}", "{}", operation.path)]

            answer = await _answer(client, method.name, operation, things)

            promised = STREAMED.get(method.name, method.returns)
            assert isinstance(answer, get_origin(promised) or promised), operation.name


def _client(app: Litestar, token: str | None = None) -> AsyncClient:
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type]  # Litestar's ASGI is its own
    return AsyncClient(BASE_URL, token=token, transport=transport, retries=Retries(total=0))


async def _answer(
    client: AsyncClient, name: str, operation: Operation, things: Mapping[str, str]
) -> Any:
    """Return what the method *name* answers, for a stream the first that it yields."""
    stands_for = {**operation.of, **OTHERS.get(operation.name, {})}
    meant = {**things, **{name: things[of] for name, of in stands_for.items()}}
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


def _harm(operation: Operation) -> tuple[int, bool]:
    if operation.name == FIRST:
        return -1, False
    harm = LAST.index(operation.name) + 1 if operation.name in LAST else 0
    return harm, operation.method == "DELETE"
