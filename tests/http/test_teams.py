"""Teams over HTTP: invited, joined, changed and left, and what the roles are answered."""

from typing import Any

import anyio
import pytest
from attrs import frozen
from litestar import Litestar
from tests.http.clients import NOBODY, Person, connected
from tests.http.instances import Instance
from tests.http.operations import joined

from pushpaka_core.domain.members import ProjectRole

pytestmark = pytest.mark.anyio

MEMBER_FIELDS = ["project_id", "user_id", "email", "name", "role", "created_at"]
INVITATION_FIELDS = [
    "id",
    "project_id",
    "project_name",
    "email",
    "role",
    "invited_by",
    "created_at",
    "expires_at",
]


@frozen
class Team:
    """A project of ann's with bob in its team."""

    project: dict[str, Any]
    ann: Person
    bob: Person

    @property
    def path(self) -> str:
        """Return where the project is."""
        return f"/projects/{self.project['id']}"

    @property
    def bobs_place(self) -> str:
        """Return where bob's membership is."""
        return f"{self.path}/members/{self.bob.user['id']}"


@pytest.fixture
async def team(ann: Person, bob: Person) -> Team:
    project = await ann.project()
    await joined(ann, bob, project["id"], ProjectRole.VIEWER)
    return Team(project, ann, bob)


async def test_a_project_says_what_its_reader_may(team: Team) -> None:
    """Each is told their own role, in the list as well as in the project itself."""
    people = team.ann, team.bob

    listed = [(await person.get("/projects")).json()["data"][0] for person in people]
    shown = [(await person.get(team.path)).json() for person in people]

    assert ["owner", "viewer"] == [project["role"] for project in listed]
    assert listed == shown


async def test_who_is_invited_comes_in(ann: Person, bob: Person) -> None:
    """The invitation looks the same from both sides, and is gone when it is accepted."""
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
    assert (404, 200) == (before.status_code, accepted.status_code)
    assert MEMBER_FIELDS == list(accepted.json())
    assert [("ann@example.com", "owner"), ("bob@example.com", "member")] == [
        (member["email"], member["role"]) for member in members
    ]
    assert {"data": []} == (await bob.get("/invitations")).json()
    assert [project["id"]] == [p["id"] for p in (await bob.get("/projects")).json()["data"]]


async def test_an_invitation_is_declined_or_withdrawn(ann: Person, bob: Person) -> None:
    """Both are said, and afterwards it is a true miss."""
    project = await ann.project()
    path, body = f"/projects/{project['id']}/invitations", {"email": "bob@example.com"}
    first = (await ann.post(path, body | {"role": "viewer"})).json()
    declined = await bob.ask("DELETE", f"/invitations/{first['id']}")
    second = (await ann.post(path, body | {"role": "viewer"})).json()
    withdrawn = await ann.ask("DELETE", f"{path}/{second['id']}")
    late = await bob.post(f"/invitations/{second['id']}/accept")

    assert (200, {"message": "The invitation was declined."}) == (
        declined.status_code,
        declined.json(),
    )
    assert (200, {"message": "The invitation was withdrawn."}) == (
        withdrawn.status_code,
        withdrawn.json(),
    )
    assert (404, "not_found") == (late.status_code, late.json()["code"])


@pytest.mark.parametrize("role", ["owner", "boss", ""])
async def test_a_role_that_nobody_can_be_given_is_refused(team: Team, role: str) -> None:
    """By an invitation as by a change, and the field is named."""
    wish = {"role": role}

    answers = [
        await team.ann.post(f"{team.path}/invitations", wish | {"email": "carl@example.com"}),
        await team.ann.ask("PATCH", team.bobs_place, wish),
    ]

    for answer in answers:
        assert (400, ["role"]) == (
            answer.status_code,
            [detail["field"] for detail in answer.json()["details"]],
        )


async def test_too_small_a_role_is_403(team: Team) -> None:
    """Who may see a project is told that their role is too small, and not that it is not there."""
    answers = [
        await team.bob.post("/deployments", {"project_id": team.project["id"]}),
        await team.bob.ask("PATCH", team.path, {"replicas": 2}),
        await team.bob.ask("DELETE", team.path),
        await team.bob.get(f"{team.path}/invitations"),
    ]

    assert {(403, "not_allowed")} == {(a.status_code, a.json()["code"]) for a in answers}
    assert all('"viewer"' in answer.json()["error"] for answer in answers)


async def test_a_member_deploys_once_they_may(team: Team) -> None:
    """A change of the role holds at once; the deployment says who asked for it."""
    changed = await team.ann.ask("PATCH", team.bobs_place, {"role": "member"})

    deployment = await team.bob.deployment(team.project["id"])

    assert (200, "member") == (changed.status_code, changed.json()["role"])
    assert team.bob.user["id"] == deployment["user_id"]


async def test_no_secret_is_shown_to_a_team(team: Team) -> None:
    """Of env vars the names, of webhooks and channels that there are some."""
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


async def test_who_leaves_is_out(team: Team) -> None:
    """All of the project is a true miss for them, and their own projects are as they were."""
    left = await team.bob.ask("DELETE", team.bobs_place)

    assert (200, {"message": "The member was removed."}) == (left.status_code, left.json())
    assert 404 == (await team.bob.get(team.path)).status_code
    assert {"data": []} == (await team.bob.get("/projects")).json()


async def test_the_owner_does_not_leave(team: Team) -> None:
    """They are told what to do instead."""
    answer = await team.ann.ask("DELETE", f"{team.path}/members/{team.ann.user['id']}")

    assert (409, "conflict") == (answer.status_code, answer.json()["code"])
    assert "Transfer it" in answer.json()["error"]


async def test_a_project_is_handed_over(team: Team) -> None:
    """The new owner is the user of the project, and the git token is gone."""
    await team.ann.ask("PATCH", team.path, {"git_token": "secret"})

    handed = await team.ann.post(f"{team.path}/transfer", {"owner_id": team.bob.user["id"]})
    project = (await team.bob.get(team.path)).json()

    assert (200, "owner", "bob@example.com") == (
        handed.status_code,
        handed.json()["role"],
        handed.json()["email"],
    )
    assert (team.bob.user["id"], False) == (project["user_id"], project["has_git_token"])
    assert 403 == (await team.ann.ask("DELETE", team.path)).status_code


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "members", {"role": "viewer"}),
        ("DELETE", "members", None),
        ("DELETE", "invitations", None),
    ],
)
@pytest.mark.parametrize("id", [NOBODY, "x", "%00"])
async def test_parts_of_a_team_that_are_not_there_are_missed(
    team: Team, method: str, path: str, body: dict[str, str] | None, id: str
) -> None:
    """What is no id is answered as one that nothing has."""
    answer = await team.ann.ask(method, f"{team.path}/{path}/{id}", body)

    assert (404, "not_found") == (answer.status_code, answer.json()["code"])


async def test_who_is_removed_stops_watching(app: Litestar, team: Team, instance: Instance) -> None:
    """An open log is closed as one that is not there, though lines go on coming."""
    deployment = await team.ann.deployment(team.project["id"])
    url = f"/api/v1/logs/{deployment['id']}/stream?token={team.bob.token}"

    with anyio.fail_after(5):
        async with connected(app, url) as browser:
            await instance.say(deployment["id"], "one")
            line = await browser.line()
            await team.ann.ask("DELETE", team.bobs_place)
            code = await browser.code()

    assert ("one", 4404) == (line["message"], code)


async def test_who_is_removed_is_sent_no_more_events(team: Team, instance: Instance) -> None:
    """The stream ends without the event that says that the log is over."""
    deployment = await team.ann.deployment(team.project["id"])
    await instance.say(deployment["id"], "one")
    answers: list[str] = []

    async def watch() -> None:
        answers.append((await team.bob.get(f"/logs/{deployment['id']}/sse")).text)

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(watch)
            await anyio.wait_all_tasks_blocked()
            await team.ann.ask("DELETE", team.bobs_place)

    (events,) = answers
    assert '"message":"one"' in events
    assert "event: end" not in events
    assert 404 == (await team.bob.get(f"/logs/{deployment['id']}/sse")).status_code


async def test_who_is_removed_waits_no_longer(team: Team) -> None:
    """A request that waits for the end of a deployment is answered as one for none."""
    deployment = await team.ann.deployment(team.project["id"])
    statuses: list[int] = []

    async def wait() -> None:
        answer = await team.bob.get(f"/deployments/{deployment['id']}?wait=60")
        statuses.append(answer.status_code)

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(wait)
            await anyio.wait_all_tasks_blocked()
            await team.ann.ask("DELETE", team.bobs_place)

    assert [404] == statuses
