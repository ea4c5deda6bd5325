"""Every route of the API, called by users who may use it and by others."""

from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from attrs import evolve, frozen
from litestar import Litestar
from tests.http.clients import UNKNOWN_ID, UNLIMITED, Person, refused_fields, speaking_to
from tests.http.instances import Instance
from tests.http.operations import (
    API,
    HIDDEN,
    Operation,
    add_member,
    create_resources,
    documented_routes,
    rows,
    served_routes,
)

from pushpaka_core.domain.accounts.access import PLATFORM, Scope
from pushpaka_core.domain.accounts.members import ProjectRole
from pushpaka_core.domain.accounts.users import Role
from pushpaka_core.domain.ids import UserId
from pushpaka_http.app import create_app

pytestmark = pytest.mark.anyio

OPERATIONS = list(rows())
GUARDED = [each for each in OPERATIONS if each.scope is not None]
ABOUT_THINGS = [each for each in GUARDED if each.resource_ids]
SMALLER = {
    Scope.DEPLOY: [Scope.READ],
    Scope.FULL: [Scope.READ, Scope.DEPLOY],
    Scope.SIGNED_IN: [Scope.READ, Scope.DEPLOY, Scope.FULL],
}
FORGED = {
    "role": "admin",
    "id": UNKNOWN_ID,
    "user_id": UNKNOWN_ID,
    "status": "running",
    "active_deployment_id": UNKNOWN_ID,
}
MALFORMED_IDS = [
    *("x", "null", "%00", "..%2F", "%2e%2e%2f", "%ff", "1" * 1000),
    *("{" + UNKNOWN_ID + "}", UNKNOWN_ID.replace("-", ""), f"urn:uuid:{UNKNOWN_ID}"),
]


def for_each_operation(operations: list[Operation]) -> pytest.MarkDecorator:
    """Return a decorator that runs a test for each of *operations*."""
    return pytest.mark.parametrize("operation", operations, ids=lambda operation: operation.name)


def body_of(response: httpx.Response) -> dict[str, Any]:
    """Return the decoded body of *response* without the request id."""
    return {name: value for name, value in response.json().items() if name != "request_id"}


@frozen
class ApiFixture:
    """An instance in which one user owns a resource of each kind, and has a team."""

    instance: Instance
    app: Litestar
    client: httpx.AsyncClient
    owner: Person
    stranger: Person
    team: Mapping[ProjectRole, Person]
    """A viewer and a member of the owner's projects, by role."""
    resource_ids: Mapping[str, str]
    """The ids of the owner's resources, by name."""
    tokens: Mapping[Scope, str]
    """A token of the owner for each scope."""
    invalid_tokens: Mapping[str, str]
    """Invalid tokens, by the reason for which they are invalid."""

    @classmethod
    async def create(
        cls, instance: Instance, app: Litestar, client: httpx.AsyncClient
    ) -> "ApiFixture":
        """Create the users, the resources and the tokens."""
        owner = await Person.register(client, "ann@example.com")
        stranger = await Person.register(client, "bob@example.com")
        resource_ids = await create_resources(instance, owner)
        team = {
            role: await Person.register(client, f"{role}@example.com")
            for role in (ProjectRole.VIEWER, ProjectRole.MEMBER)
        }
        for role, person in team.items():
            for project in ("project_id", "stopped_project_id"):
                await add_member(owner, person, resource_ids[project], role)
        tokens = {Scope.SIGNED_IN: owner.token}
        for scope in (Scope.READ, Scope.DEPLOY, Scope.FULL):
            body = {"name": scope.name, "scope": scope.name.lower()}
            tokens[scope] = (await owner.post("/tokens", body)).json()["token"]
        invalid_tokens = await _create_invalid_tokens(instance, owner)
        return cls(
            instance, app, client, owner, stranger, team, resource_ids, tokens, invalid_tokens
        )

    async def count_changes(self) -> int:
        """Return the number of entries in the audit log, which each change increases."""
        return (await self.instance.application.audit.page(PLATFORM, limit=1)).total


async def _create_invalid_tokens(instance: Instance, owner: Person) -> dict[str, str]:
    services = instance.services
    disabled = await Person.register(owner.client, "disabled@example.com")
    signed_out = await Person.register(owner.client, "out@example.com")
    await services.accounts.disable(PLATFORM, "disabled@example.com")
    await signed_out.post("/auth/logout")
    deleted = (await owner.post("/tokens", {"name": "x", "scope": "full"})).json()
    await owner.ask("DELETE", f"/tokens/{deleted['id']}")
    past, hour = services.clock() - timedelta(hours=2), timedelta(hours=1)
    expired = services.signer.sign(UserId(UUID(owner.user["id"])), 1, now=past, lifetime=hour)
    return {
        "of a disabled account": disabled.token,
        "signed out": signed_out.token,
        "deleted": deleted["token"],
        "expired": expired,
        "malformed": owner.token[1:],
        "unknown": "ppk_" + "0" * 64,
    }


@pytest.fixture(scope="module")
async def api_fixture() -> AsyncIterator[ApiFixture]:
    """Return the shared instance for tests that change nothing."""
    instance = Instance.empty()
    app = create_app(instance.application, limits=UNLIMITED, router_token=uuid4().hex)
    async with speaking_to(app) as client:
        yield await ApiFixture.create(instance, app, client)


@pytest.fixture
def own_api_fixture(api_fixture: ApiFixture) -> Iterator[ApiFixture]:
    """Yield the shared instance to a test that changes data, and restore its data afterwards."""
    before = api_fixture.instance.save()
    yield api_fixture
    api_fixture.instance.restore(before)


async def test_the_table_has_a_row_for_every_route(api_fixture: ApiFixture) -> None:
    table = [(operation.method, operation.path) for operation in OPERATIONS]

    assert sorted(documented_routes(api_fixture.app)) == sorted(table)
    assert HIDDEN == served_routes(api_fixture.app) - set(table)


def test_every_change_needs_more_than_the_scope_to_read() -> None:
    """The only exception is signing out, because a token can always revoke itself."""
    changes = [each for each in GUARDED if each.method != "GET"]

    assert ["POST /auth/logout"] == [each.name for each in changes if each.scope is Scope.READ]


def test_every_row_about_a_project_has_a_role() -> None:
    without = {each.name for each in GUARDED if each.resource_ids and each.role is None}

    assert without == {
        "DELETE /tokens/{token_id}",
        "POST /invitations/{invitation_id}/accept",
        "DELETE /invitations/{invitation_id}",
    }


@for_each_operation(OPERATIONS)
async def test_the_smallest_sufficient_scope_is_accepted(
    own_api_fixture: ApiFixture, operation: Operation
) -> None:
    api_fixture = own_api_fixture
    token = None if operation.scope is None else api_fixture.tokens[operation.scope]
    if operation.admin:
        await api_fixture.instance.services.accounts.set_role(
            PLATFORM, "ann@example.com", Role.ADMIN
        )

    answer = await operation.call(api_fixture.client, token, api_fixture.resource_ids)

    assert operation.answers == answer.status_code, answer.text


@for_each_operation(GUARDED)
async def test_invalid_tokens_are_refused(api_fixture: ApiFixture, operation: Operation) -> None:
    before = await api_fixture.count_changes()

    for why, token in {"none": None, **api_fixture.invalid_tokens}.items():
        answer = await operation.call(api_fixture.client, token, api_fixture.resource_ids)
        assert 401 == answer.status_code, why
        assert "Bearer" == answer.headers["WWW-Authenticate"]

    assert before == await api_fixture.count_changes()


@for_each_operation(GUARDED)
async def test_tokens_in_the_query_are_ignored(
    api_fixture: ApiFixture, operation: Operation
) -> None:
    """Query strings appear in access logs, so tokens in them are not accepted."""
    in_query = evolve(operation, query={**operation.query, "token": api_fixture.owner.token})

    answer = await in_query.call(api_fixture.client, None, api_fixture.resource_ids)

    assert 401 == answer.status_code


@for_each_operation([each for each in GUARDED if each.scope in SMALLER])
async def test_a_smaller_scope_is_refused(api_fixture: ApiFixture, operation: Operation) -> None:
    before = await api_fixture.count_changes()

    for scope in SMALLER[operation.scope or Scope.READ]:
        answer = await operation.call(
            api_fixture.client, api_fixture.tokens[scope], api_fixture.resource_ids
        )
        assert (403, "not_allowed") == (answer.status_code, answer.json()["code"]), scope

    assert before == await api_fixture.count_changes()


@for_each_operation(
    [each for each in GUARDED if each.role in {ProjectRole.MEMBER, ProjectRole.OWNER}]
)
async def test_a_smaller_role_is_refused(api_fixture: ApiFixture, operation: Operation) -> None:
    """The response names the required role, and nothing is changed."""
    before = await api_fixture.count_changes()

    for role, person in api_fixture.team.items():
        if operation.role and not role.grants(operation.role):
            answer = await operation.call(
                api_fixture.client, person.token, api_fixture.resource_ids
            )
            assert (403, "not_allowed") == (answer.status_code, answer.json()["code"]), role
            assert f'This requires the role "{operation.role}"' in answer.json()["error"]

    assert before == await api_fixture.count_changes()


@for_each_operation([each for each in GUARDED if each.role is ProjectRole.VIEWER])
async def test_a_viewer_reads_the_same_as_the_owner(
    api_fixture: ApiFixture, operation: Operation
) -> None:
    """Responses to a viewer differ from the owner's only in the viewer's role."""
    viewer = api_fixture.team[ProjectRole.VIEWER]

    seen = await operation.call(api_fixture.client, viewer.token, api_fixture.resource_ids)
    owners = await operation.call(
        api_fixture.client, api_fixture.owner.token, api_fixture.resource_ids
    )

    expected = owners.text
    if operation.path == f"{API}/projects/{{project_id}}":
        expected = expected.replace('"role":"owner"', '"role":"viewer"')
    assert (200, expected) == (seen.status_code, seen.text)


@for_each_operation([each for each in GUARDED if each.role is ProjectRole.MEMBER])
async def test_a_member_is_accepted(own_api_fixture: ApiFixture, operation: Operation) -> None:
    member = own_api_fixture.team[ProjectRole.MEMBER]

    answer = await operation.call(
        own_api_fixture.client, member.token, own_api_fixture.resource_ids
    )

    assert operation.answers == answer.status_code, answer.text


@for_each_operation(ABOUT_THINGS)
async def test_resources_of_other_users_look_like_missing_ones(
    api_fixture: ApiFixture, operation: Operation
) -> None:
    before = await api_fixture.count_changes()

    foreign = await operation.call(
        api_fixture.client, api_fixture.stranger.token, api_fixture.resource_ids
    )
    missing = await operation.call(
        api_fixture.client,
        api_fixture.stranger.token,
        dict.fromkeys(api_fixture.resource_ids, UNKNOWN_ID),
    )

    assert (404, 404) == (foreign.status_code, missing.status_code)
    assert body_of(missing) == body_of(foreign)
    assert before == await api_fixture.count_changes()


@for_each_operation([each for each in GUARDED if not each.resource_ids and each.method == "GET"])
async def test_lists_have_own_resources_only(api_fixture: ApiFixture, operation: Operation) -> None:
    """Neither the items nor the totals include resources of other users."""
    answer = await operation.call(
        api_fixture.client, api_fixture.stranger.token, api_fixture.resource_ids
    )

    body = answer.json()
    assert not any(thing in answer.text for thing in api_fixture.resource_ids.values())
    assert body.get("total", 0) == len(body.get("data", ()))


@for_each_operation([each for each in ABOUT_THINGS if "{" in each.path])
async def test_malformed_ids_in_paths_look_like_missing_ones(
    api_fixture: ApiFixture, operation: Operation
) -> None:
    token = api_fixture.owner.token
    missing = await operation.call(
        api_fixture.client, token, dict.fromkeys(api_fixture.resource_ids, UNKNOWN_ID)
    )

    for malformed in MALFORMED_IDS:
        answer = await operation.call(
            api_fixture.client, token, dict.fromkeys(api_fixture.resource_ids, malformed)
        )
        assert (404, "not_found") == (answer.status_code, answer.json()["code"]), malformed
        if "%" not in malformed:
            assert body_of(missing) == body_of(answer)
    endless = await operation.call(
        api_fixture.client, token, dict.fromkeys(api_fixture.resource_ids, "1" * 10_000)
    )

    assert (404, 414) == (missing.status_code, endless.status_code)


@for_each_operation([each for each in ABOUT_THINGS if "{" not in each.path])
async def test_malformed_ids_in_queries_and_bodies_are_named(
    api_fixture: ApiFixture, operation: Operation
) -> None:
    for malformed in MALFORMED_IDS:
        answer = await operation.call(
            api_fixture.client,
            api_fixture.owner.token,
            dict.fromkeys(api_fixture.resource_ids, malformed),
        )
        assert operation.resource_ids == refused_fields(answer)
        assert len(answer.text) < 500


@for_each_operation([each for each in OPERATIONS if each.admin])
async def test_pages_for_administrators_look_missing_to_others(
    api_fixture: ApiFixture, operation: Operation
) -> None:
    for token in (api_fixture.stranger.token, *api_fixture.tokens.values()):
        answer = await operation.call(api_fixture.client, token, api_fixture.resource_ids)
        assert (404, "There is no such page, or you do not have access to it.") == (
            answer.status_code,
            answer.json()["error"],
        )


@for_each_operation([each for each in GUARDED if each.method != "GET" and each.content is None])
async def test_unknown_fields_are_named(api_fixture: ApiFixture, operation: Operation) -> None:
    before = await api_fixture.count_changes()
    extended = evolve(operation, body={**(operation.body or {}), **FORGED})

    answer = await extended.call(
        api_fixture.client, api_fixture.owner.token, api_fixture.resource_ids
    )

    assert set(FORGED) <= refused_fields(answer)
    assert before == await api_fixture.count_changes()
