"""Every route of the API, as it is called by those who may and by those who may not."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from attrs import evolve, frozen
from litestar import Litestar
from tests.http.clients import NOBODY, UNLIMITED, Person, speaking_to
from tests.http.instances import Instance
from tests.http.operations import (
    API,
    HIDDEN,
    Operation,
    described,
    holdings,
    joined,
    rows,
    served,
)

from pushpaka_core.domain.access import PLATFORM, Scope
from pushpaka_core.domain.members import ProjectRole
from pushpaka_core.domain.users import Role, UserId
from pushpaka_http.app import create_app

pytestmark = pytest.mark.anyio

OPERATIONS = list(rows())
GUARDED = [each for each in OPERATIONS if each.scope is not None]
ABOUT_THINGS = [each for each in GUARDED if each.things]
SMALLER = {
    Scope.DEPLOY: [Scope.READ],
    Scope.FULL: [Scope.READ, Scope.DEPLOY],
    Scope.SIGNED_IN: [Scope.READ, Scope.DEPLOY, Scope.FULL],
}
FORGED = {
    "role": "admin",
    "id": NOBODY,
    "user_id": NOBODY,
    "status": "running",
    "active_deployment_id": NOBODY,
}
NO_IDS = [
    "x",
    "null",
    "%00",
    "..%2F",
    "%2e%2e%2f",
    "%ff",
    "1" * 1000,
    "{" + NOBODY + "}",
    NOBODY.replace("-", ""),
    f"urn:uuid:{NOBODY}",
]


def each(operations: list[Operation]) -> pytest.MarkDecorator:
    """Run a test for each of *operations*."""
    return pytest.mark.parametrize("operation", operations, ids=lambda operation: operation.name)


def body_of(answer: httpx.Response) -> dict[str, Any]:
    """Return the body without what is different for each request."""
    return {name: value for name, value in answer.json().items() if name != "request_id"}


@frozen
class Stage:
    """An instance on which one person has everything, and others want some of it."""

    instance: Instance
    app: Litestar
    client: httpx.AsyncClient
    owner: Person
    stranger: Person
    team: Mapping[ProjectRole, Person]
    """Others in the owner's projects."""
    things: Mapping[str, str]
    """What the owner has."""

    @classmethod
    async def set(cls, instance: Instance, app: Litestar, client: httpx.AsyncClient) -> "Stage":
        """Return a new one."""
        owner = await Person.registered(client, "ann@example.com")
        stranger = await Person.registered(client, "bob@example.com")
        things = await holdings(instance, owner)
        team = {
            role: await Person.registered(client, f"{role}@example.com")
            for role in (ProjectRole.VIEWER, ProjectRole.MEMBER)
        }
        for role, person in team.items():
            for project in ("project_id", "stopped_project_id"):
                await joined(owner, person, things[project], role)
        return cls(instance, app, client, owner, stranger, team, things)

    async def token(self, scope: Scope) -> str:
        """Return a token of the owner that may as much, and no more."""
        if scope is Scope.SIGNED_IN:
            return self.owner.token
        body = {"name": scope.name, "scope": scope.name.lower()}
        return str((await self.owner.post("/tokens", body)).json()["token"])

    async def ended_tokens(self) -> dict[str, str]:
        """Return tokens that are good no more, by what happened to them."""
        world = self.instance.world
        disabled = await Person.registered(self.client, "zoe@example.com")
        signed_out = await Person.registered(self.client, "out@example.com")
        await world.accounts.disable(PLATFORM, "zoe@example.com")
        await signed_out.post("/auth/logout")
        deleted = (await self.owner.post("/tokens", {"name": "x", "scope": "full"})).json()
        await self.owner.ask("DELETE", f"/tokens/{deleted['id']}")
        past, hour = world.clock() - timedelta(hours=2), timedelta(hours=1)
        expired = world.signer.sign(UserId(UUID(self.owner.user["id"])), 1, at=past, lifetime=hour)
        return {
            "of a disabled account": disabled.token,
            "signed out": signed_out.token,
            "deleted": deleted["token"],
            "expired": expired,
            "malformed": self.owner.token[1:],
            "no API token": "ppk_" + "0" * 64,
        }

    async def changes(self) -> int:
        """Return how much was done here."""
        return (await self.instance.application.audit.page(PLATFORM, limit=1)).total


@asynccontextmanager
async def staged() -> AsyncIterator[Stage]:
    """Set the stage where nobody asks too often."""
    instance = Instance.empty()
    app = create_app(instance.application, limits=UNLIMITED, router_token=uuid4().hex)
    async with speaking_to(app) as client:
        yield await Stage.set(instance, app, client)


@pytest.fixture(scope="module")
async def stage() -> AsyncIterator[Stage]:
    """One for all who are refused, as they change nothing."""
    async with staged() as stage:
        yield stage


@pytest.fixture
async def own_stage() -> AsyncIterator[Stage]:
    """One that a test may change."""
    async with staged() as stage:
        yield stage


@pytest.fixture(scope="module")
async def ended_tokens(stage: Stage) -> dict[str, str]:
    return await stage.ended_tokens()


@pytest.fixture(scope="module")
async def tokens(stage: Stage) -> dict[Scope, str]:
    return {scope: await stage.token(scope) for scope in Scope}


async def test_the_table_has_a_row_for_every_route(stage: Stage) -> None:
    """No route is described, or served at all, of which nobody has said who may use it."""
    table = [(operation.method, operation.path) for operation in OPERATIONS]

    assert sorted(described(stage.app)) == sorted(table)
    assert HIDDEN == served(stage.app) - set(table)


def test_every_change_needs_more_than_to_read() -> None:
    """But to end one's own token."""
    changes = [each for each in GUARDED if each.method != "GET"]

    assert ["POST /auth/logout"] == [each.name for each in changes if each.scope is Scope.READ]


@each(OPERATIONS)
async def test_who_may_is_let_in(own_stage: Stage, operation: Operation) -> None:
    """By the smallest token that does."""
    stage = own_stage
    token = None if operation.scope is None else await stage.token(operation.scope)
    if operation.admin:
        await stage.instance.world.accounts.set_role(PLATFORM, "ann@example.com", Role.ADMIN)

    answer = await operation.call(stage.client, token, stage.things)

    assert operation.answers == answer.status_code, answer.text


@each(GUARDED)
async def test_without_a_good_token_nobody_is(
    stage: Stage, ended_tokens: dict[str, str], operation: Operation
) -> None:
    """Whatever was good about it once; the answer says how to do it right."""
    before = await stage.changes()

    for why, token in {"none": None, **ended_tokens}.items():
        answer = await operation.call(stage.client, token, stage.things)
        assert 401 == answer.status_code, why
        assert "Bearer" == answer.headers["WWW-Authenticate"]

    assert before == await stage.changes()


@each(GUARDED)
async def test_in_an_address_a_token_is_none(stage: Stage, operation: Operation) -> None:
    """Addresses are written to logs."""
    in_query = evolve(operation, query={**operation.query, "token": stage.owner.token})

    answer = await in_query.call(stage.client, None, stage.things)

    assert 401 == answer.status_code


@each([each for each in GUARDED if each.scope in SMALLER])
async def test_a_smaller_token_is_refused(
    stage: Stage, tokens: dict[Scope, str], operation: Operation
) -> None:
    """With 403, about what its owner has as well."""
    before = await stage.changes()

    for scope in SMALLER[operation.scope or Scope.READ]:
        answer = await operation.call(stage.client, tokens[scope], stage.things)
        assert (403, "not_allowed") == (answer.status_code, answer.json()["code"]), scope

    assert before == await stage.changes()


@each([each for each in GUARDED if each.role in {ProjectRole.MEMBER, ProjectRole.OWNER}])
async def test_too_small_a_role_is_refused(stage: Stage, operation: Operation) -> None:
    """With 403, and the role that it takes: who is in the team knows that it is there."""
    before = await stage.changes()

    for role, person in stage.team.items():
        if operation.role and not role.includes(operation.role):
            answer = await operation.call(stage.client, person.token, stage.things)
            assert (403, "not_allowed") == (answer.status_code, answer.json()["code"]), role
            assert f'this takes the role "{operation.role}"' in answer.json()["error"]

    assert before == await stage.changes()


@each([each for each in GUARDED if each.role is ProjectRole.VIEWER])
async def test_a_viewer_reads(stage: Stage, operation: Operation) -> None:
    """The same as the owner; a project also tells them that they are a viewer."""
    viewer = stage.team[ProjectRole.VIEWER]

    seen = await operation.call(stage.client, viewer.token, stage.things)
    owners = await operation.call(stage.client, stage.owner.token, stage.things)

    told = owners.text
    if operation.path == f"{API}/projects/{{project_id}}":
        told = told.replace('"role":"owner"', '"role":"viewer"')
    assert (200, told) == (seen.status_code, seen.text)


@each([each for each in GUARDED if each.role is ProjectRole.MEMBER])
async def test_a_member_deploys(own_stage: Stage, operation: Operation) -> None:
    """And does all that goes with it."""
    member = own_stage.team[ProjectRole.MEMBER]

    answer = await operation.call(own_stage.client, member.token, own_stage.things)

    assert operation.answers == answer.status_code, answer.text


def test_every_row_about_a_project_says_a_role() -> None:
    """But those of one's own things: tokens, and what one is invited to."""
    without = {each.name for each in GUARDED if each.things and each.role is None}

    assert without == {
        "DELETE /tokens/{token_id}",
        "POST /invitations/{invitation_id}/accept",
        "DELETE /invitations/{invitation_id}",
    }


@each(ABOUT_THINGS)
async def test_things_of_others_are_a_true_miss(stage: Stage, operation: Operation) -> None:
    """To whoever asks for them they are as what there is not."""
    before = await stage.changes()

    foreign = await operation.call(stage.client, stage.stranger.token, stage.things)
    missing = await operation.call(
        stage.client, stage.stranger.token, dict.fromkeys(stage.things, NOBODY)
    )

    assert (404, 404) == (foreign.status_code, missing.status_code)
    assert body_of(missing) == body_of(foreign)
    assert before == await stage.changes()


@each([each for each in GUARDED if not each.things and each.method == "GET"])
async def test_what_is_listed_is_ones_own(stage: Stage, operation: Operation) -> None:
    """Nothing that somebody else has is named in it, nor counted."""
    answer = await operation.call(stage.client, stage.stranger.token, stage.things)

    body = answer.json()
    assert not any(thing in answer.text for thing in stage.things.values())
    assert body.get("total", 0) == len(body.get("data", ()))


@each([each for each in ABOUT_THINGS if "{" in each.path])
async def test_what_is_no_id_is_a_true_miss(stage: Stage, operation: Operation) -> None:
    """In an address it is answered as one that nothing has, to its owner too."""
    token = stage.owner.token
    missing = await operation.call(stage.client, token, dict.fromkeys(stage.things, NOBODY))

    for no_id in NO_IDS:
        answer = await operation.call(stage.client, token, dict.fromkeys(stage.things, no_id))
        assert (404, "not_found") == (answer.status_code, answer.json()["code"]), no_id
        if "%" not in no_id:
            assert body_of(missing) == body_of(answer)
    endless = await operation.call(stage.client, token, dict.fromkeys(stage.things, "1" * 10_000))

    assert 404 == missing.status_code
    assert 414 == endless.status_code


@each([each for each in ABOUT_THINGS if "{" not in each.path])
async def test_what_is_no_id_is_told_by_its_field(stage: Stage, operation: Operation) -> None:
    """In a query or a body it is a mistake of whoever wrote it, and not repeated at length."""
    for no_id in NO_IDS:
        answer = await operation.call(
            stage.client, stage.owner.token, dict.fromkeys(stage.things, no_id)
        )
        assert 400 == answer.status_code, no_id
        assert operation.things == {problem["field"] for problem in answer.json()["details"]}
        assert len(answer.text) < 500


@each([each for each in OPERATIONS if each.admin])
async def test_pages_for_administrators_are_there_for_nobody_else(
    stage: Stage, tokens: dict[Scope, str], operation: Operation
) -> None:
    """As if there was no such page."""
    for token in (stage.stranger.token, *tokens.values()):
        answer = await operation.call(stage.client, token, stage.things)
        assert (404, "not_found") == (answer.status_code, answer.json()["code"])


@each([each for each in GUARDED if each.method != "GET" and each.content is None])
async def test_fields_that_nobody_may_set_are_refused(stage: Stage, operation: Operation) -> None:
    """Each is told by its name, beside a body that is sound otherwise, and nothing is done."""
    before = await stage.changes()
    extended = evolve(operation, body={**(operation.body or {}), **FORGED})

    answer = await extended.call(stage.client, stage.owner.token, stage.things)

    assert 400 == answer.status_code, answer.text
    assert set(FORGED) <= {problem["field"] for problem in answer.json()["details"]}
    assert before == await stage.changes()
