"""The API does what its own description says, whatever is sent: tried by Schemathesis."""

from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import anyio
import pytest
import schemathesis
from attrs import evolve, frozen
from hypothesis import settings
from schemathesis import BaseSchema, Case
from tests.fuzzing.effort import repeatable
from tests.http.clients import Person, speaking_to
from tests.http.instances import Instance
from tests.http.sound_requests import keep_rules

from pushpaka_core.ports.rate_counters import MINUTE
from pushpaka_http.app import create_app
from pushpaka_http.rate_limits import Limits


class Uncounted:
    """Lets all ask as often as they like, on whichever event loop Schemathesis has opened."""

    async def hit(self, key: str, most: int, /, *, seconds: int = MINUTE) -> float | None:
        """Count nothing."""


INSTANCE = Instance.empty()
APP = create_app(
    evolve(INSTANCE.application, rate_counters=Uncounted()), limits=Limits(watch_seconds=0)
)


def described(*, all_kinds: bool) -> BaseSchema:
    """Return the description, by which each kind of mistake is tried too where *all_kinds* are."""
    schema = schemathesis.openapi.from_dict(APP.openapi_schema.to_schema())
    schema.app = APP
    schema.config.phases.coverage.enabled = all_kinds
    # It tells types and bounds; the rules of the domain, as for branches, are told by 400.
    acceptance = schema.config.checks.positive_data_acceptance
    acceptance.expected_statuses = [*acceptance.expected_statuses, "400"]
    return schema


API, SOUND_API = described(all_kinds=True), described(all_kinds=False)
numbers = count(1)
few = settings(repeatable, max_examples=6)


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


@pytest.fixture
def owner() -> Owner:
    with ThreadPoolExecutor(1) as thread:  # where no other test has left an event loop
        return thread.submit(anyio.run, Owner.signed_up).result()


@API.parametrize()
@few
def test_every_answer_is_as_described(case: Case[Any], owner: Owner) -> None:
    """Sound and unsound requests get a described answer, and never a fault of ours."""
    case.call_and_validate(headers=owner.headers)


@SOUND_API.parametrize()
@few
def test_answers_about_what_there_is_are_as_described(case: Case[Any], owner: Owner) -> None:
    """So do requests about one's own projects, deployments and domains."""
    keep_rules(case, owner.ids)

    case.call_and_validate(headers=owner.headers)
