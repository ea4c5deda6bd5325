"""Teams: invitations, members, roles and transfers of projects."""

from typing import Any

import anyio
import pytest
from attrs import frozen
from litestar import Litestar
from tests.http.clients import Person, log_stream_path, open_websocket, statuses_of
from tests.http.instances import Instance
from tests.http.operations import add_member

from pushpaka_core.domain.accounts.members import ProjectRole

pytestmark = pytest.mark.anyio

MEMBER_FIELDS = ["project_id", "user_id", "email", "name", "role", "created_at"]
INVITATION_FIELDS = [
    "id", "project_id", "project_name", "email", "role", "invited_by", "created_at", "expires_at",
]  # fmt: skip


@frozen
class Team:
    """A project that Ann owns and Bob can view."""

    project: dict[str, Any]
    ann: Person
    bob: Person

    @property
    def path(self) -> str:
        """The API path of the project."""
        return f"/projects/{self.project['id']}"

    @property
    def membership_path(self) -> str:
        """The API path of Bob's membership."""
        return f"{self.path}/members/{self.bob.user['id']}"


@pytest.fixture
async def team(ann: Person, bob: Person) -> Team:
    project = await ann.project()
    await add_member(ann, bob, project["id"], ProjectRole.VIEWER)
    return Team(project, ann, bob)


async def test_a_project_has_the_role_of_the_caller(team: Team) -> None:
    people = team.ann, team.bob

    listed = [(await person.get("/projects")).json()["data"][0] for person in people]
    shown = [(await person.get(team.path)).json() for person in people]

    assert ["owner", "viewer"] == [project["role"] for project in listed]
    assert listed == shown


async def test_an_invited_user_can_accept(ann: Person, bob: Person) -> None:
    project = await ann.project()
    path = f"/projects/{project['id']}"

    invited = await ann.post(f"{path}/invitations", {"email": "Bob@Example.com", "role": "member"})
    listed = (await ann.get(f"{path}/invitations")).json()
    found = (await bob.get("/invitations")).json()
    before = await bob.get(path)
    accepted = await bob.post(f"/invitations/{invited.json()['id']}/accept")
    members = (await bob.get(f"{path}/members")).json()["data"]

    assert (201, INVITATION_FIELDS) == (invited.status_code, list(invited.json()))
    assert ("shop", "bob@example.com", "member", "ann@example.com") == tuple(
        invited.json()[name] for name in ("project_name", "email", "role", "invited_by")
    )
    assert {"data": [invited.json()]} == listed == found
    assert [404, 200] == statuses_of(before, accepted)
    assert MEMBER_FIELDS == list(accepted.json())
    assert [("ann@example.com", "owner"), ("bob@example.com", "member")] == [
        (member["email"], member["role"]) for member in members
    ]
    assert {"data": []} == (await bob.get("/invitations")).json()
    assert [project["id"]] == [p["id"] for p in (await bob.get("/projects")).json()["data"]]


async def test_no_secret_is_shown_to_a_team(team: Team) -> None:
    project_id = team.project["id"]
    await team.ann.post("/env", {"project_id": project_id, "key": "A", "value": "hunter2"})
    webhook = (
        await team.ann.post("/webhooks", {"project_id": project_id, "provider": "github"})
    ).json()
    hook = {"project_id": project_id, "url": "https://hooks.example.com/hunter2"}
    channel = (await team.ann.post("/notifications", hook)).json()
    await team.ann.ask("PATCH", team.path, {"git_token": "hunter2"})

    paths = [f"/env?project_id={project_id}", "/webhooks", "/notifications", "/projects"]
    answers = [await team.bob.get(path) for path in paths]

    assert [1, 1, 1, 1] == [len(answer.json()["data"]) for answer in answers]
    for secret in ("hunter2", webhook["secret"], channel["secret"]):
        assert not [answer.text for answer in answers if secret in answer.text]


async def test_the_log_streams_of_a_removed_member_end(
    app: Litestar, team: Team, instance: Instance
) -> None:
    """WebSockets, event streams and long polls of the removed member all end."""
    deployment = await team.ann.deployment(team.project["id"])
    await instance.say(deployment["id"], "one")
    answers = {}

    async def ask(path: str) -> None:
        answers[path] = await team.bob.get(path)

    events, poll = f"/logs/{deployment['id']}/sse", f"/deployments/{deployment['id']}?wait=60"
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask, events)
        tasks.start_soon(ask, poll)
        async with open_websocket(app, log_stream_path(deployment, team.bob.token)) as browser:
            line = await browser.line()
            await anyio.wait_all_tasks_blocked()
            await team.ann.ask("DELETE", team.membership_path)
            code = await browser.code()

    assert ("one", 4404) == (line["message"], code)
    assert '"message":"one"' in answers[events].text
    assert "event: end" not in answers[events].text
    assert [404, 404] == statuses_of(answers[poll], await team.bob.get(events))
