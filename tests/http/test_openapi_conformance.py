"""The API does what its own description says, whatever is sent: tried by Schemathesis."""

from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import anyio
import pytest
import schemathesis
from attrs import evolve, frozen
from hypothesis import HealthCheck, settings
from schemathesis import Case, GenerationMode
from tests.http.clients import PASSWORD, REPO, Person, speaking_to
from tests.http.instances import Instance

from pushpaka_core.ports.rate_counters import MINUTE
from pushpaka_http.app import create_app


class Uncounted:
    """Lets all ask as often as they like, on whichever event loop Schemathesis has opened."""

    async def hit(self, key: str, most: int, /, *, seconds: int = MINUTE) -> float | None:
        """Count nothing."""


INSTANCE = Instance.empty()
APP = create_app(evolve(INSTANCE.application, rate_counters=Uncounted()))
API = schemathesis.openapi.from_dict(APP.openapi_schema.to_schema())
API.app = APP
# The description tells types and bounds; the rules of the domain, as for branches, are told by 400.
ACCEPTANCE = API.config.checks.positive_data_acceptance
ACCEPTANCE.expected_statuses = [*ACCEPTANCE.expected_statuses, "400"]

numbers = count(1)
SOUND = {
    "repo_url": REPO,
    "branch": "main",
    "root_dir": "apps/web",
    "install_command": None,
    "build_command": "make",
    "start_command": "./serve",
    "port": 3000,
    "framework": "auto",
    "health_check_path": "/health",
    "health_check_timeout": 60,
    "replicas": 1,
    "cpu_limit": 0.5,
    "memory_limit": 128,
    "git_token": "secret",
    "commit_sha": "abc1234",
    "target": "production",
    "password": PASSWORD,
    "current_password": PASSWORD,
    "new_password": PASSWORD,
    "key": "A",
    "variables": {"B": "2"},
    "domain": "www.example.com",
    "expires_at": "2099-01-01T00:00:00Z",
    "role": "member",
}
few = settings(
    max_examples=10,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@frozen
class Owner:
    """Somebody who has one of everything."""

    token: str
    ids: dict[str, str]

    @classmethod
    async def signed_up(cls) -> "Owner":
        """Return a new one, whose deployment is over, so that its log ends."""
        async with speaking_to(APP) as client:
            number = next(numbers)
            person = await Person.registered(client, f"owner-{number}@example.com")
            project = await person.project()
            deployment = await person.deployment(project["id"])
            await INSTANCE.say(deployment["id"], "one", "two")
            await INSTANCE.fail()
            body = {"project_id": project["id"], "domain": f"app-{number}.example.com"}
            domain = (await person.post("/domains", body)).json()
            webhook = (
                await person.post("/webhooks", {"project_id": project["id"], "provider": "github"})
            ).json()
            channel = (
                await person.post(
                    "/notifications", {"project_id": project["id"], "url": "json://example.com"}
                )
            ).json()
            token = (await person.post("/tokens", {"name": "CI", "scope": "read"})).json()
            await person.post("/env", {"project_id": project["id"], "key": "A", "value": "1"})
            invited = {"email": f"guest-{number}@example.com", "role": "viewer"}
            invitation = (
                await person.post(f"/projects/{project['id']}/invitations", invited)
            ).json()
        ids = {
            "project": project["id"],
            "deployment": deployment["id"],
            "domain": domain["id"],
            "webhook": webhook["id"],
            "channel": channel["id"],
            "token": token["id"],
            "invitation": invitation["id"],
            "user": person.user["id"],
        }
        return cls(person.token, {f"{kind}_id": of_kind for kind, of_kind in ids.items()})

    @property
    def headers(self) -> dict[str, str]:
        """Return what proves who asks."""
        return {"Authorization": f"Bearer {self.token}"}

    def about_own(self, case: Case[Any]) -> None:
        """Let a sound request be about what there is."""
        if case.meta is None or case.meta.generation.mode is not GenerationMode.POSITIVE:
            return
        for part in (case.path_parameters, case.query, case.body):
            if isinstance(part, dict):
                part.update({n: value for n, value in self._sound.items() if n in part})

    @property
    def _sound(self) -> dict[str, Any]:
        """Return values that keep the rules which the description does not tell."""
        number = next(numbers)
        return SOUND | self.ids | {"name": f"App {number}", "email": f"new-{number}@example.com"}


@pytest.fixture
def owner() -> Owner:
    with ThreadPoolExecutor(1) as thread:  # where no other test has left an event loop
        return thread.submit(anyio.run, Owner.signed_up).result()


@API.parametrize()
@few
def test_every_answer_is_as_described(case: Case[Any], owner: Owner) -> None:
    """Sound and unsound requests get a described answer, and never a fault of ours."""
    case.call_and_validate(headers=owner.headers)


@API.parametrize()
@few
def test_answers_about_what_there_is_are_as_described(case: Case[Any], owner: Owner) -> None:
    """So do requests about one's own projects, deployments and domains."""
    owner.about_own(case)

    case.call_and_validate(headers=owner.headers)
